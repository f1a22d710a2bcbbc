"""A search space as classes written for Oríon's ``BaseAlgorithm`` see it.

Such a class may require that all values are real, or integers, that scales are linear, or
that there are no arrays; its space is made of other dimensions then, whose values stand for
those of the real ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from orion_like.errors import AlgorithmError
from orion_like.space import Categorical, Dimension, Fidelity, Integer, Space
from orion_like.space.numeric import Numeric
from orion_like.space.significant import round_significant
from orion_like.spelling import did_you_mean
from orion_like.trial import Trial

TYPES = ("real", "integer", "numerical")
LOGARITHMIC = "reciprocal"


@dataclass(frozen=True)
class Requirement:
    """What a class wants of the dimensions; None is whatever they are."""

    kind: str | None = None
    dist: str | None = None
    shape: str | None = None

    @classmethod
    def of(cls, algorithm: type[Any]) -> Requirement:
        """Return what a class says in ``requires_type``, ``requires_dist``, ``requires_shape``.

        Raises
        ------
        AlgorithmError
            If it says what is not known.
        """
        requirement = cls(
            *(getattr(algorithm, f"requires_{what}", None) for what in ("type", "dist", "shape"))
        )
        known = {"type": TYPES, "dist": ("linear",), "shape": ("flattened",)}
        words_of = zip(known.items(), vars(requirement).values(), strict=True)
        for (what, words), word in words_of:
            if word is not None and word not in words:
                raise AlgorithmError(
                    f"algorithm {algorithm.__name__!r}: requires_{what} is {word!r}, but it must "
                    f"be None or one of {', '.join(words)}{did_you_mean(str(word), words)}"
                )
        return requirement


@dataclass(frozen=True)
class OrionDimension:
    """A dimension as Oríon has it.

    Parameters
    ----------
    name, type, prior_name, shape
        As in `orion_like.space.Dimension`.
    low, high
        Lowest and highest value; of categories, None.
    categories
        All categories, if it still has them.
    source
        The dimension of the space that it stands for.
    """

    name: str
    type: str
    prior_name: str | None
    shape: tuple[int, ...]
    source: Dimension
    low: float = -math.inf
    high: float = math.inf
    categories: tuple[Any, ...] = ()

    @property
    def default_value(self) -> Any:
        """Default value of the dimension that it stands for."""
        return self.source.default_value

    @property
    def cardinality(self) -> float:
        """Number of values that can be sampled."""
        return self.source.cardinality

    def interval(self) -> tuple[Any, ...]:
        """Return the lowest and highest value, or all categories."""
        return self.categories or (self.low, self.high)

    def __contains__(self, value: Any) -> bool:
        elements = np.asarray(value, dtype=object).ravel().tolist() if self.shape else [value]
        if self.categories:
            return all(element in self.categories for element in elements)
        return all(self.low <= element <= self.high for element in elements)


@dataclass(frozen=True)
class _Part:
    """A dimension, and those that stand for it."""

    source: Dimension
    views: tuple[OrionDimension, ...]
    scale: _Scale
    is_flat: bool

    def to_views(self, value: Any) -> dict[str, Any]:
        elements = [self.scale.forward(element) for element in self.source.flatten(value)]
        numbers = np.array(elements) if self.scale.width > 1 else None
        if self.is_flat:
            flat = elements if numbers is None else numbers.ravel().tolist()
            return {view.name: item for view, item in zip(self.views, flat, strict=True)}
        if numbers is not None:
            return {self.views[0].name: numbers.reshape(self.views[0].shape).tolist()}
        return {self.views[0].name: self.source.assemble(elements)}

    def from_views(self, values: Mapping[str, Any]) -> Any:
        if self.is_flat:
            flat = [values[view.name] for view in self.views]
        else:
            value = values[self.views[0].name]
            shaped = bool(self.views[0].shape)
            flat = np.array(value, dtype=object).ravel().tolist() if shaped else [value]
        width = self.scale.width
        groups = flat if width == 1 else [flat[i : i + width] for i in range(0, len(flat), width)]
        return self.source.assemble([self.scale.backward(group) for group in groups])


@dataclass(frozen=True)
class _Scale:
    """How one element of a dimension is shown: as it is, on another scale, or by its category."""

    source: Dimension
    type: str
    is_log: bool = False
    width: int = 1  # numbers for one element

    def forward(self, value: Any) -> Any:
        source = self.source
        if isinstance(source, Categorical) and self.type != "categorical":
            index = source.index(value)
            if self.width > 1:
                return [float(index == i) for i in range(self.width)]
            return float(index) if self.type == "real" else index
        if not isinstance(source, Numeric):
            return value
        number = math.log(value) if self.is_log else value
        return float(number) if self.type == "real" else round(number)

    def backward(self, value: Any) -> Any:
        source = self.source
        if isinstance(source, Categorical):
            if self.type == "categorical":
                return source.cast_element(value)
            weights = value if self.width > 1 else None
            index = int(np.argmax(weights)) if weights is not None else round(float(value))
            return source.category(min(max(index, 0), len(source.categories) - 1))
        if not isinstance(source, Numeric):
            return source.cast_element(value)
        return nearest(source, math.exp(float(value)) if self.is_log else float(value))

    def slope(self, value: float) -> float:
        """Return how much the value changes with the number that stands for it."""
        return float(value) if self.is_log else 1.0


def nearest(dimension: Numeric, number: float) -> Any:
    """Return the value of a dimension that is nearest to a number.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> nearest(build_space({"n": "uniform(0, 10, discrete=True, step=2)"})["n"], 4.7)
    4
    """
    low, high = dimension.interval()
    number = min(max(number, low), high)
    if dimension.step is not None:
        unit = dimension.elements_to_unit(np.array([number], dtype=float))
        return dimension.element_from_unit(float(unit[0]))
    if isinstance(dimension, Integer):
        return round(number)
    precision = dimension.precision
    if precision is not None:
        number = min(max(round_significant(number, precision), low), high)
    return number + 0.0


class OrionSpace(Mapping[str, OrionDimension]):
    """A search space with the interface of Oríon's ``Space``.

    Conditional dimensions look unconditional; constraints are not seen.

    Parameters
    ----------
    space
        The search space.
    requirement
        What is wanted of the dimensions.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> space = build_space({"lr": "loguniform(0.001, 1)", "kind": "choices(['a', 'b', 'c'])"})
    >>> seen = OrionSpace(space, Requirement(kind="real", dist="linear", shape="flattened"))
    >>> list(seen)
    ['kind[0]', 'kind[1]', 'kind[2]', 'lr']
    >>> seen["lr"].interval()
    (-6.907755278982137, 0.0)
    """

    def __init__(self, space: Space, requirement: Requirement) -> None:
        self._space = space
        self._parts = [_part(dimension, requirement) for dimension in space.values()]
        self._views = {view.name: view for part in self._parts for view in part.views}

    def __deepcopy__(self, memo: object) -> OrionSpace:
        return self  # it never changes

    def __getitem__(self, key: str | int) -> OrionDimension:
        return list(self._views.values())[key] if isinstance(key, int) else self._views[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, Trial):
            values = item.flat_params
            return values.keys() == self._views.keys() and all(
                values[name] in view for name, view in self._views.items()
            )
        return item in self._views

    @property
    def cardinality(self) -> float:
        """Number of points, conditions left aside."""
        return math.prod(part.source.cardinality for part in self._parts)

    def interval(self) -> list[tuple[Any, ...]]:
        """Return the interval of each dimension."""
        return [view.interval() for view in self._views.values()]

    def sample(self, n_samples: int = 1, seed: Any = None) -> list[Trial]:
        """Draw trials from the priors.

        Parameters
        ----------
        n_samples
            How many. Default 1.
        seed
            Seed, or a random generator of numpy, new or old. Default none.
        """
        rng = _generator(seed)
        return [
            Trial(params=self.params({n: dim.sample(rng) for n, dim in self._space.items()}))
            for _ in range(n_samples)
        ]

    def params(self, point: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what a class sees for a point; what is inactive is at its middle."""
        values: dict[str, Any] = {}
        for part in self._parts:
            source = part.source
            value = point.get(source.name, source.from_unit([0.5] * max(1, source.size)))
            values.update(part.to_views(value))
        return [
            {"name": name, "type": view.type, "value": values[name]}
            for name, view in self._views.items()
        ]

    def point(self, trial: Any) -> dict[str, Any]:
        """Return the point of the search space that a trial of a class stands for."""
        values = {str(param.name): param.value for param in trial._params}
        params = {part.source.name: part.from_views(values) for part in self._parts}
        return self._space.prune(params)

    def gradient(
        self, partials: Mapping[str, list[float]], point: Mapping[str, Any]
    ) -> list[float]:
        """Return partial derivatives by the numbers that a class sees, 0 where there are none."""
        numbers: list[float] = []
        for part in self._parts:
            source = part.source
            if source.name in partials:
                values = source.flatten(point[source.name])
                slopes = [part.scale.slope(value) for value in values]
                numbers += [d * s for d, s in zip(partials[source.name], slopes, strict=True)]
            else:
                numbers += [0.0] * (source.size * part.scale.width)
        return numbers


def _part(dimension: Dimension, requirement: Requirement) -> _Part:
    kind: str = dimension.type
    is_log, width = False, 1
    bounds: dict[str, Any] = {}
    if isinstance(dimension, Numeric):
        if requirement.kind in ("real", "integer"):
            kind = requirement.kind
        is_log = (
            requirement.dist == "linear"
            and kind == "real"
            and str(dimension.prior_name).endswith(LOGARITHMIC)
        )
        low, high = dimension.interval()
        if is_log:
            low, high = math.log(low), math.log(high)
        elif kind == "integer":
            low, high = (round(x) if math.isfinite(x) else x for x in (low, high))
        bounds = {"low": low, "high": high}
    elif isinstance(dimension, Categorical):
        count = len(dimension.categories)
        if requirement.kind is None:
            bounds = {"categories": dimension.categories}
        elif requirement.kind == "real":
            kind, width = "real", count if count > 2 else 1
            bounds = {"low": 0.0, "high": 1.0}
        else:
            kind, bounds = "integer", {"low": 0, "high": count - 1}
    elif isinstance(dimension, Fidelity):
        bounds = {"low": dimension.low, "high": dimension.high}
    scale = _Scale(dimension, kind, is_log, width)
    shape = dimension.shape if width == 1 else (*dimension.shape, width)
    is_flat = requirement.shape == "flattened" and bool(shape)
    names = [f"{dimension.name}[{','.join(map(str, i))}]" for i in np.ndindex(shape)]
    views = tuple(
        OrionDimension(
            name, kind, dimension.prior_name, () if is_flat else shape, dimension, **bounds
        )
        for name in (names if is_flat else [dimension.name])
    )
    return _Part(dimension, views, scale, is_flat)


def _generator(seed: Any) -> np.random.Generator:
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, np.random.RandomState):
        return np.random.default_rng(seed.randint(2**31))
    return np.random.default_rng(seed)
