"""The search space: named dimensions, their conditions, and constraints between them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from orion_like.errors import SpaceError
from orion_like.space.dimension import Dimension, plain
from orion_like.space.enumeration import Params, applies, count_points, enumerate_points
from orion_like.space.expression import Expression
from orion_like.space.fidelity import Fidelity
from orion_like.space.references import resolve, topological_order
from orion_like.spelling import did_you_mean

if TYPE_CHECKING:
    from orion_like.space.encoding import Encoding

_MAX_DRAWS = 10_000  # rejected before a constraint is taken to be unsatisfiable


class Space(Mapping[str, Dimension]):
    """A search space: a mapping from names to dimensions, in order of the names.

    Parameters
    ----------
    dimensions
        The dimensions, in any order.
    constraints
        What must hold between them.

    Raises
    ------
    SpaceError
        If names clash, or a condition or constraint refers to what is not there.
    """

    def __init__(
        self, dimensions: Iterable[Dimension], constraints: Iterable[Expression] = ()
    ) -> None:
        given = {dimension.name: dimension for dimension in _checked_names(dimensions)}
        self._dimensions: dict[str, Dimension] = {}
        for name, dimension in given.items():
            if dimension.condition is None:
                self._dimensions[name] = dimension
            else:
                resolved = resolve(dimension.condition, given, scope=name)
                self._dimensions[name] = dimension.conditioned(resolved)
        self._constraints = [resolve(constraint, given) for constraint in constraints]
        self._order = topological_order(self._dimensions)
        self._conditional = [
            (name, condition)
            for name in self._order
            if (condition := self._dimensions[name].condition) is not None
        ]
        self._fidelity = next((d for d in self.values() if isinstance(d, Fidelity)), None)
        self._encodings: dict[tuple[str, bool], Encoding] = {}
        self._unit_parts = self._split_unit_cube()
        self._aliases = self._other_spellings()

    # --- a mapping

    def __getitem__(self, name: str) -> Dimension:
        try:
            return self._dimensions[name]
        except KeyError:
            raise KeyError(self._unknown(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._dimensions)

    def __len__(self) -> int:
        return len(self._dimensions)

    def __contains__(self, item: object) -> bool:
        """Tell whether there is a dimension of this name, or whether a point is in the space."""
        if isinstance(item, str):
            return item in self._dimensions
        try:
            self.validate(item)
        except SpaceError:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        same = list(self.values()) == list(other.values())
        return same and set(self.constraints) == set(other.constraints)

    def __hash__(self) -> int:
        return hash((tuple(self.values()), frozenset(self.constraints)))

    def __reduce__(self) -> tuple[Any, ...]:
        # Encodings hold functions that cannot be pickled; they are made again when needed.
        return (type(self), (list(self.values()), self._constraints))

    def __repr__(self) -> str:
        lines = [f"{name!r}: {text!r}" for name, text in self.configuration.items()]
        constraints = f", constraints={self.constraints!r}" if self._constraints else ""
        return f"Space({{{', '.join(lines)}}}{constraints})"

    # --- description

    @property
    def configuration(self) -> dict[str, str]:
        """Prior text of each dimension, its condition included."""
        return {name: dimension.get_prior_string() for name, dimension in self.items()}

    @property
    def constraints(self) -> list[str]:
        """Texts of the constraints between dimensions."""
        return [constraint.text for constraint in self._constraints]

    @property
    def fidelity(self) -> Fidelity | None:
        """The fidelity dimension, if there is one."""
        return self._fidelity

    @property
    def is_conditional(self) -> bool:
        """Whether some dimensions are active only under a condition."""
        return bool(self._conditional)

    def interval(self) -> list[tuple[Any, ...]]:
        """Return the interval of each dimension, in order of the names."""
        return [dimension.interval() for dimension in self.values()]

    @cached_property
    def is_finite(self) -> bool:
        """Whether there is an end to the points that can be sampled."""
        return all(math.isfinite(dim.cardinality) for dim in self.values())

    @cached_property
    def cardinality(self) -> int | float:
        """Number of points that can be sampled, ``inf`` if there is no end of them.

        Points that violate constraints are counted too. With conditions on
        dimensions of very many values it is an upper bound.
        """
        return count_points([self._dimensions[name] for name in self._order])

    # --- points

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw a point from the priors, such that the constraints hold.

        Parameters
        ----------
        rng
            Source of randomness.

        Returns
        -------
        dict
            Value of each active dimension, by its full name.

        Raises
        ------
        SpaceError
            If no point was found that satisfies the constraints.

        Examples
        --------
        >>> import numpy
        >>> from orion_like.space import build_space
        >>> space = build_space({"x": "uniform(0, 1)", "n": "uniform(1, 9, discrete=True)"})
        >>> space.sample(numpy.random.default_rng(1))
        {'n': 5, 'x': 0.9505}
        """
        if not self._constraints:
            return self.from_unit(rng.random(self.unit_width).tolist())
        broken: Counter[str] = Counter()
        for _ in range(_MAX_DRAWS):
            params = self.from_unit(rng.random(self.unit_width).tolist())
            violated = self._violated(params)
            if violated is None:
                return params
            broken[violated.text] += 1
        worst, count = broken.most_common(1)[0]
        raise SpaceError(
            f"space: none of {_MAX_DRAWS} points drawn satisfies the constraints;"
            f" {worst!r} failed first in {count}. Widen the constraint, or choose priors"
            " whose values satisfy it more often"
        )

    @property
    def unit_width(self) -> int:
        """How many numbers from 0 to 1 determine a point; see `from_unit`."""
        return self._unit_parts[-1][-1] if self._unit_parts else 0

    def from_unit(self, quantiles: Iterable[float]) -> Params:
        """Return the point at given quantiles of the priors.

        Uniform numbers give points distributed as the priors say. Fidelities are
        at their highest; constraints may be violated.

        Parameters
        ----------
        quantiles
            `unit_width` numbers from 0 to 1.
        """
        numbers = quantiles.tolist() if isinstance(quantiles, np.ndarray) else list(quantiles)
        params: Params = {}
        for name, dimension, start, stop in self._unit_parts:
            if stop == start:
                params[name] = dimension.default_value
            elif not dimension.shape:
                params[name] = dimension.element_from_unit(numbers[start])
            else:
                params[name] = dimension.from_unit(numbers[start:stop])
        return self.prune(params)

    def prune(self, params: Params) -> Params:
        """Remove the inactive dimensions from flat params, in place, and return them."""
        for name, condition in self._conditional:
            if name in params and not applies(condition, params):
                del params[name]
        return params

    def active(self, params: Any) -> set[str]:
        """Return the names of the dimensions that are active given the values of others.

        A dimension whose condition refers to an inactive or missing one is inactive.

        Parameters
        ----------
        params
            Flat or nested dict, or a trial.
        """
        values = self.flatten(params)
        names = set(self._dimensions)
        for name, condition in self._conditional:
            if not (condition.names <= names and applies(condition, values)):
                names.discard(name)
        return names

    def satisfies(self, params: Any) -> bool:
        """Tell whether the constraints hold; those on inactive dimensions do."""
        return self._violated(self.flatten(params)) is None

    def _violated(self, params: Params) -> Expression | None:
        for constraint in self._constraints:
            if constraint.names <= params.keys() and not constraint.holds(params):
                return constraint
        return None

    def points(self) -> Iterator[Params]:
        """Yield every point of a finite space once, in a fixed order, lazily.

        Raises
        ------
        SpaceError
            If the space is not finite.
        """
        endless = [name for name, dim in self.items() if math.isinf(dim.cardinality)]
        if endless:
            names = ", ".join(repr(name) for name in endless)
            raise SpaceError(f"space: there is no end to the values of {names} (give them a step)")
        order = [self._dimensions[name] for name in self._order]
        for params in enumerate_points(order, self._constraints):
            yield {name: params[name] for name in self._dimensions if name in params}

    # --- points of others

    def flatten(self, params: Any) -> Params:
        """Return flat params from a flat or nested dict, or from a trial.

        Raises
        ------
        SpaceError
            If there are values for dimensions that do not exist.
        """
        flat = getattr(params, "flat_params", None)
        if flat is None:
            flat = params
        if not isinstance(flat, Mapping):
            raise SpaceError(f"space: a point is a dict of values by name, not {params!r}")
        if flat.keys() <= self._dimensions.keys():
            return dict(flat)
        result: Params = {}
        self._flatten_into(result, flat, "")
        return result

    def _flatten_into(self, result: Params, params: Mapping[str, Any], prefix: str) -> None:
        for key, value in params.items():
            path = f"{prefix}{key}"
            name = path if path in self._dimensions else self._aliases.get(path)
            if name is not None:
                if name in result:
                    raise SpaceError(f"space {name!r}: there are two values for it")
                result[name] = value
            elif isinstance(value, Mapping) and value:
                self._flatten_into(result, value, f"{path}.")
            else:
                raise SpaceError(f"space: {self._unknown(path)}")

    def validate(self, params: Any) -> None:
        """Check that a point lies in the space.

        Parameters
        ----------
        params
            Flat or nested dict, or a trial.

        Raises
        ------
        SpaceError
            If it does not; the message says what is wrong, where, and what would be right.
        """
        values = {name: plain(value) for name, value in self.flatten(params).items()}
        for name, value in values.items():
            if value not in self[name]:
                self._cast(name, value)
                kind = type(value).__name__
                raise SpaceError(f"space {name!r}: {value!r} is a {kind}, not {self[name].type}")
        self._check_activity(values)
        active = self.active(values)
        for name in self._dimensions:
            if name in active and name not in values:
                raise SpaceError(f"space {name!r}: a value is missing")
        self._check_constraints(values)

    def complete(self, params: Any) -> Params:
        """Return a whole point from a partial one.

        Nested dicts are flattened, values cast to the types of their dimensions,
        and default values filled in.

        Parameters
        ----------
        params
            Flat or nested dict, or a trial.

        Raises
        ------
        SpaceError
            If a value is not possible, is for an inactive dimension, or is
            missing without a default, or if a constraint is violated.
        """
        given = self.flatten(params)
        values: Params = {}
        for name in self._order:
            dimension = self._dimensions[name]
            if dimension.condition is not None and not applies(dimension.condition, values):
                continue
            if name in given:
                values[name] = self._cast(name, given[name])
            elif dimension.has_default:
                values[name] = plain(dimension.default_value)
            else:
                raise SpaceError(f"space {name!r}: a value is missing, and there is no default")
        self._check_activity(given | values)
        self._check_constraints(values)
        return {name: values[name] for name in self._dimensions if name in values}

    def _cast(self, name: str, value: Any) -> Any:
        try:
            return self._dimensions[name].cast(value)
        except SpaceError as error:
            raise SpaceError(f"space {name!r}: {error}") from None

    def _check_activity(self, values: Params) -> None:
        active = self.active(values)
        for name in values:
            if name not in active:
                condition = self._dimensions[name].condition
                raise SpaceError(
                    f"space {name!r}: it has a value, but is active only if {condition}"
                )

    def _check_constraints(self, values: Params) -> None:
        violated = self._violated(values)
        if violated is not None:
            shown = ", ".join(f"{name} = {values[name]!r}" for name in sorted(violated.names))
            raise SpaceError(f"space: the constraint {violated.text!r} does not hold for {shown}")

    def to_document(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return flat params as the list that a trial's document holds, ordered by name."""
        return [
            {"name": name, "type": self._dimensions[name].type, "value": params[name]}
            for name in sorted(params)
        ]

    # --- vectors

    def encoding(
        self, categories: Literal["index", "onehot"] = "index", *, fidelity: bool = False
    ) -> Encoding:
        """Return the encoding of points as vectors.

        Parameters
        ----------
        categories
            ``index``: one column with the number of the category; ``onehot``: one
            column of 0 and 1 per category.
        fidelity
            Whether fidelities get a column; otherwise decoded points have the highest.
        """
        from orion_like.space.encoding import Encoding

        key = (categories, fidelity)
        if key not in self._encodings:
            self._encodings[key] = Encoding(self, categories, fidelity=fidelity)
        return self._encodings[key]

    # --- set-up

    def _split_unit_cube(self) -> list[tuple[str, Dimension, int, int]]:
        parts = []
        position = 0
        for name, dimension in self._dimensions.items():
            width = 0 if isinstance(dimension, Fidelity) else dimension.size
            parts.append((name, dimension, position, position + width))
            position += width
        return parts

    def _other_spellings(self) -> dict[str, str]:
        """Let names from the command line be given without their slash, and others with it."""
        spellings = ((name, _toggle_slash(name)) for name in self._dimensions)
        return {other: name for name, other in spellings if other not in self._dimensions}

    def _unknown(self, name: str) -> str:
        if not self._dimensions:
            return f"there is no dimension {name!r}; the space is empty"
        return f"there is no dimension {name!r}{did_you_mean(name, self._dimensions)}"


def _checked_names(dimensions: Iterable[Dimension]) -> list[Dimension]:
    """Return the dimensions in order of their names, which must not clash."""
    found: dict[str, str] = {}
    ordered = sorted(dimensions, key=lambda dimension: dimension.name)
    for name in (dimension.name for dimension in ordered):
        bare = name.removeprefix("/")
        if bare in found:
            other = "" if found[bare] == name else f", the other time as {found[bare]!r}"
            raise SpaceError(f"space {name!r}: this name is used twice{other}")
        found[bare] = name
    for name in found.values():
        parts = name.split(".")
        if name == "/" or not all(parts) or "`" in name or not name.isprintable():
            raise SpaceError(f"space {name!r}: a name is printable text between dots, without `")
        for i in range(1, len(parts)):
            outer = ".".join(parts[:i])
            if outer in found.values():
                message = f"{outer!r} is a dimension itself, nothing can be in it"
                raise SpaceError(f"space {name!r}: {message}")
    if sum(isinstance(dimension, Fidelity) for dimension in ordered) > 1:
        names = [d.name for d in ordered if isinstance(d, Fidelity)]
        raise SpaceError(f"space: there can be one fidelity, not {len(names)} ({', '.join(names)})")
    return ordered


def _toggle_slash(name: str) -> str:
    return name[1:] if name.startswith("/") else f"/{name}"
