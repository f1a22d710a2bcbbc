"""Dimensions of a search space: real, integer, categorical, fidelity."""

from __future__ import annotations

import copy
import itertools
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from orion_like.errors import SpaceError
from orion_like.space.distribution import Distribution, LogUniform, Uniform, restricted
from orion_like.space.expression import Expression
from orion_like.space.grid import Grid, Lattice
from orion_like.space.significant import SignificantRange, round_significant
from orion_like.space.tokens import did_you_mean

DEFAULT_PRECISION = 4  # significant digits

# Quantiles 0 and 1 of an unbounded prior are infinite; these are about ±8.2 deviations.
_FIRST_QUANTILE = 2.0**-53
_LAST_QUANTILE = 1.0 - 2.0**-53

_ORION_NAMES = {"loguniform": "reciprocal", "normal": "norm"}


class _NoDefault:
    """Marks that a dimension has no default value."""

    def __repr__(self) -> str:
        return "NO_DEFAULT_VALUE"

    def __copy__(self) -> _NoDefault:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _NoDefault:
        return self

    def __reduce__(self) -> str:
        return "NO_DEFAULT_VALUE"


NO_DEFAULT_VALUE = _NoDefault()


@dataclass(frozen=True)
class Prior:
    """A named distribution with its arguments, as text and as mathematics.

    Parameters
    ----------
    function
        Name in prior strings.
    args, keywords
        Arguments in prior strings.
    distribution
        What they mean, before clipping by `low` and `high`.
    low, high
        Clipping bounds, None where there is none.
    """

    function: str
    args: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...]
    distribution: Distribution
    low: float | None = None
    high: float | None = None
    integral: bool = False  # the distribution itself is over integers

    @property
    def arguments(self) -> list[str]:
        """Arguments in canonical order and form."""
        words = [repr(value) for value in self.args]
        words += [f"{name}={value!r}" for name, value in self.keywords]
        bounds = (("low", self.low), ("high", self.high))
        return words + [f"{name}={value!r}" for name, value in bounds if value is not None]

    @property
    def interval(self) -> tuple[float, float]:
        """Support after clipping."""
        low = self.distribution.low if self.low is None else max(self.low, self.distribution.low)
        high = self.distribution.high
        return low, high if self.high is None else min(self.high, high)

    def clipped(self) -> Distribution:
        """Return the distribution after clipping."""
        return restricted(self.distribution, *self.interval)


class Dimension(ABC):
    """One dimension of a search space.

    Parameters
    ----------
    name
        Full name, dots separating levels of nesting.
    shape
        Shape of arrays, ``()`` for single values.
    condition
        When the dimension is active, None for always.
    """

    type: ClassVar[str]

    def __init__(
        self, name: str, shape: tuple[int, ...] = (), condition: Expression | None = None
    ) -> None:
        self.name = name
        self.shape = shape
        self.condition = condition
        self.default_value: Any = NO_DEFAULT_VALUE
        self.size = math.prod(shape)

    # --- what kinds of dimensions differ in

    @property
    @abstractmethod
    def prior_name(self) -> str | None:
        """Name of the prior, as Oríon has it."""

    @property
    def precision(self) -> int | None:
        """Significant digits of sampled values, None for all."""
        return None

    @property
    def step(self) -> int | float | None:
        """Distance of neighbouring values, None if there is no fixed one."""
        return None

    @abstractmethod
    def interval(self) -> tuple[Any, ...]:
        """Lowest and highest value; of a categorical dimension, all its categories."""

    @property
    @abstractmethod
    def element_cardinality(self) -> int | float:
        """Number of values that one element can take."""

    @abstractmethod
    def elements(self) -> Iterator[Any]:
        """Yield the values that one element of a finite dimension can take."""

    @abstractmethod
    def element_from_unit(self, u: float) -> Any:
        """Return the value of one element at a quantile between 0 and 1."""

    @abstractmethod
    def cast_element(self, value: Any) -> Any:
        """Return the value as the type of the dimension, also if given as text.

        Raises
        ------
        SpaceError
            If it is not a value of one element; the message says why.
        """

    @abstractmethod
    def has_element(self, value: Any) -> bool:
        """Tell whether a value of one element is in the dimension."""

    @abstractmethod
    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        """Return the function of the prior string, its arguments, and its last keywords."""

    # --- what they share

    @property
    def has_default(self) -> bool:
        """Whether there is a default value."""
        return self.default_value is not NO_DEFAULT_VALUE

    @property
    def cardinality(self) -> int | float:
        """Number of values that can be sampled, ``inf`` if there is no end of them."""
        return self.element_cardinality**self.size

    def values(self) -> Iterator[Any]:
        """Yield all values of a finite dimension in a fixed order."""
        if not self.shape:
            yield from self.elements()
            return
        for elements in itertools.product(*[list(self.elements())] * self.size):
            yield self.assemble(elements)

    def sample(self, rng: np.random.Generator) -> Any:
        """Draw a value from the prior.

        Parameters
        ----------
        rng
            Source of randomness; `size` numbers are taken from it.
        """
        return self.from_unit(rng.random(self.size).tolist())

    def from_unit(self, quantiles: Sequence[float]) -> Any:
        """Return the value at the given quantiles, one per element."""
        if not self.shape:
            return self.element_from_unit(quantiles[0])
        return self.assemble([self.element_from_unit(u) for u in quantiles])

    def assemble(self, elements: Sequence[Any]) -> Any:
        """Return a nested list of the dimension's shape from its elements in order."""
        if not self.shape:
            return elements[0]
        nested = list(elements)
        for length in reversed(self.shape[1:]):
            nested = [nested[i : i + length] for i in range(0, len(nested), length)]
        return nested

    def flatten(self, value: Any) -> list[Any]:
        """Return the elements of a value in order.

        Raises
        ------
        SpaceError
            If the value is not of the dimension's shape.
        """
        if not self.shape:
            return [value]
        elements = [plain(value)]
        for length in self.shape:
            if not all(isinstance(part, list) and len(part) == length for part in elements):
                shape = self.shape[0] if len(self.shape) == 1 else self.shape
                raise SpaceError(f"{value!r} does not have the shape {shape}")
            elements = [element for part in elements for element in part]
        return elements

    def cast(self, value: Any) -> Any:
        """Return the value as plain Python data of the dimension's type.

        Raises
        ------
        SpaceError
            If it cannot be a value of the dimension.
        """
        if isinstance(value, str) and self.shape:
            value = _list_from_text(value)
        elements = self.flatten(value)
        return self.assemble([self.cast_element(plain(element)) for element in elements])

    def __contains__(self, value: Any) -> bool:
        try:
            elements = self.flatten(value)
        except SpaceError:
            return False
        return all(self.has_element(plain(element)) for element in elements)

    def get_prior_string(self) -> str:
        """Write the prior and its condition so that parsing gives the dimension back.

        Examples
        --------
        >>> from orion_like.space import parse_prior
        >>> parse_prior("uniform(0,1,discrete = True) if depth>1").get_prior_string()
        'uniform(0, 1, discrete=True) if depth > 1'
        """
        function, words, last = self._prior_words()
        if self.shape:
            words.append(f"shape={self.shape[0] if len(self.shape) == 1 else self.shape}")
        if self.has_default:
            words.append(f"default_value={self.default_value!r}")
        text = f"{function}({', '.join(words + last)})"
        return text if self.condition is None else f"{text} if {self.condition}"

    def renamed(self, name: str) -> Dimension:
        """Return the same dimension under another name."""
        return self._changed(name=name)

    def conditioned(self, condition: Expression | None) -> Dimension:
        """Return the same dimension with another condition."""
        return self._changed(condition=condition)

    def _changed(self, **attributes: Any) -> Dimension:
        other = copy.copy(self)
        vars(other).update(attributes)
        return other

    def _identity(self) -> tuple[Any, ...]:
        return (type(self).__name__, self.name, self.get_prior_string())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dimension):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.get_prior_string()!r})"

    def _refusal(self, value: Any) -> SpaceError:
        low, high = self.interval()
        return SpaceError(f"{value!r} is not between {low!r} and {high!r}")


class _Numeric(Dimension):
    """What real and integer dimensions share."""

    def __init__(
        self,
        name: str,
        prior: Prior,
        shape: tuple[int, ...] = (),
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, shape, condition)
        self.prior = prior

    @property
    def prior_name(self) -> str:
        return _ORION_NAMES.get(self.prior.function, self.prior.function)

    @property
    def scale(self) -> str:
        """How values are spread over the unit interval: linear, log or quantile."""
        if isinstance(self.prior.distribution, Uniform):
            return "linear"
        return "log" if isinstance(self.prior.distribution, LogUniform) else "quantile"

    @abstractmethod
    def elements_to_unit(self, values: Any) -> Any:
        """Return where in the unit interval the values of an array lie; NaN stays NaN."""


class Real(_Numeric):
    """Numbers of an interval.

    Parameters
    ----------
    name
        Full name.
    prior
        How probable they are.
    shape
        Shape of arrays, ``()`` for single values.
    precision
        Significant digits of sampled values, None for all. Other values are
        members too.
    step
        Distance of neighbouring values; only these are members then.
    condition
        When the dimension is active.
    """

    type = "real"

    def __init__(
        self,
        name: str,
        prior: Prior,
        shape: tuple[int, ...] = (),
        precision: int | None = DEFAULT_PRECISION,
        step: float | None = None,
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, prior, shape, condition)
        self._precision = None if step is not None else precision
        self._step = step
        self._distribution = prior.clipped()
        self._low, self._high = prior.interval
        self._grid = None if step is None else Grid(_lattice(prior, step), self._distribution)

    @property
    def precision(self) -> int | None:
        return self._precision

    @property
    def step(self) -> float | None:
        return self._step

    @property
    def levels(self) -> int | None:
        """Number of values on the grid, None if there is no finite grid."""
        return None if self._grid is None else self._grid.lattice.size

    def interval(self) -> tuple[float, float]:
        if self._grid is not None:
            return float(self._grid.lattice.low), float(self._grid.lattice.high)
        return float(self._low), float(self._high)

    @property
    def element_cardinality(self) -> int | float:
        if self._grid is not None:
            return math.inf if self.levels is None else self.levels
        if self._precision is None:
            return math.inf
        rounded = SignificantRange(self._low, self._high, self._precision)
        return rounded.count() if rounded.is_finite else math.inf

    def elements(self) -> Iterator[float]:
        if self._grid is not None:
            yield from map(float, self._grid.lattice)
        elif self._precision is not None:
            yield from SignificantRange(self._low, self._high, self._precision)

    def element_from_unit(self, u: float) -> float:
        u = min(max(u, 0.0), 1.0)
        if self._grid is not None:
            return float(self._grid.from_unit(_inside(u)))
        if math.isinf(self._low) or math.isinf(self._high):
            u = _inside(u)
        x = float(self._distribution.ppf(u))
        if self._precision is not None:
            x = round_significant(x, self._precision)
        return float(min(max(x, self._low), self._high))

    def elements_to_unit(self, values: Any) -> Any:
        if self._grid is not None:
            return self._grid.to_unit(values)
        inside = np.clip(values, self._low, self._high)
        return np.clip(self._distribution.cdf(inside), 0.0, 1.0)

    def cast_element(self, value: Any) -> float:
        number = _as_number(value)
        if not self.has_element(number):
            raise self._off_grid(number) or self._refusal(value)
        if self._grid is not None:
            lattice = self._grid.lattice
            return float(lattice.value(lattice.index(number)))
        return float(number)

    def _off_grid(self, number: float) -> SpaceError | None:
        if self._grid is None or not self._low <= number <= self._high:
            return None
        lattice = self._grid.lattice
        nearest = float(lattice.value(lattice.index(number)))
        return SpaceError(f"{number!r} is off the grid of step {self._step} (nearest: {nearest!r})")

    def has_element(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if not math.isfinite(value) or not self._low <= value <= self._high:
            return False
        return self._grid is None or value in self._grid.lattice

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        words = self.prior.arguments
        if self._step is not None:
            words.append(f"step={self._step!r}")
        elif self._precision != DEFAULT_PRECISION:
            return self.prior.function, words, [f"precision={self._precision}"]
        return self.prior.function, words, []


class Integer(_Numeric):
    """Whole numbers of an interval, both ends included.

    Parameters
    ----------
    name
        Full name.
    prior
        How probable they are.
    shape
        Shape of arrays, ``()`` for single values.
    step
        Distance of neighbouring values, None for 1.
    condition
        When the dimension is active.
    """

    type = "integer"

    def __init__(
        self,
        name: str,
        prior: Prior,
        shape: tuple[int, ...] = (),
        step: int | None = None,
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, prior, shape, condition)
        self._step = step
        self._lattice = _integer_lattice(prior, step or 1)
        self._grid = Grid(self._lattice, prior.distribution)

    @property
    def prior_name(self) -> str:
        return super().prior_name if self.prior.integral else f"int_{super().prior_name}"

    @property
    def step(self) -> int | None:
        return self._step

    @property
    def levels(self) -> int | None:
        """Number of values, None if there is no end of them."""
        return self._lattice.size

    def interval(self) -> tuple[int | float, int | float]:
        return self._lattice.low, self._lattice.high

    @property
    def element_cardinality(self) -> int | float:
        return math.inf if self._lattice.size is None else self._lattice.size

    def elements(self) -> Iterator[int]:
        return map(int, self._lattice)

    def element_from_unit(self, u: float) -> int:
        return int(self._grid.from_unit(_inside(u)))

    def elements_to_unit(self, values: Any) -> Any:
        return self._grid.to_unit(values)

    def cast_element(self, value: Any) -> int:
        number = _as_number(value)
        if isinstance(number, float):
            if not number.is_integer():
                raise SpaceError(f"{value!r} is not a whole number")
            number = int(number)
        if not self.has_element(number):
            if self._lattice.low <= number <= self._lattice.high:
                nearest = self._lattice.value(self._lattice.index(number))
                message = f"{number!r} is off the grid of step {self._step} (nearest: {nearest!r})"
                raise SpaceError(message)
            raise self._refusal(value)
        return number

    def has_element(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if isinstance(value, float):
            if not value.is_integer():
                return False
            value = int(value)
        return value in self._lattice

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        words = self.prior.arguments
        if self._step is not None:
            words.append(f"step={self._step!r}")
        return self.prior.function, words, [] if self.prior.integral else ["discrete=True"]


class Categorical(Dimension):
    """One of several categories without an order.

    Parameters
    ----------
    name
        Full name.
    categories
        Plain values: text, numbers, booleans, None, or lists of them.
    probabilities
        One per category, None if all are equally probable.
    shape
        Shape of arrays, ``()`` for single values.
    condition
        When the dimension is active.
    """

    type = "categorical"

    def __init__(
        self,
        name: str,
        categories: Sequence[Any],
        probabilities: Sequence[float] | None = None,
        shape: tuple[int, ...] = (),
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, shape, condition)
        self.categories = tuple(categories)
        self.probabilities = None if probabilities is None else tuple(probabilities)
        self._indices = {_key(category): i for i, category in enumerate(self.categories)}
        weights = self.probabilities or (1.0,) * len(self.categories)
        total = math.fsum(weights)
        self._reachable = [i for i, weight in enumerate(weights) if weight > 0]
        self._ends = list(itertools.accumulate(weights[i] / total for i in self._reachable))[:-1]

    @property
    def prior_name(self) -> str:
        return "choices"

    def interval(self) -> tuple[Any, ...]:
        return self.categories

    @property
    def element_cardinality(self) -> int:
        return len(self._reachable)

    def elements(self) -> Iterator[Any]:
        return (copy.deepcopy(self.categories[i]) for i in self._reachable)

    def element_from_unit(self, u: float) -> Any:
        return self.category(self._reachable[bisect_right(self._ends, u)])

    def category(self, index: int) -> Any:
        """Return the category at an index."""
        category = self.categories[index]
        return copy.deepcopy(category) if isinstance(category, (list, dict)) else category

    def index(self, value: Any) -> int:
        """Return the index of a category.

        Raises
        ------
        SpaceError
            If it is not a category.
        """
        index = self._find(value)
        if index is None:
            raise self._refusal(value)
        return index

    def _find(self, value: Any) -> int | None:
        index = self._indices.get(_key(value))
        if index is None:
            # 1, 1.0 and True are the same category unless the user distinguishes them.
            for i, category in enumerate(self.categories):
                if category == value:
                    return i
        return index

    def cast_element(self, value: Any) -> Any:
        index = self._find(value)
        if index is None and isinstance(value, str):
            texts = [str(category) for category in self.categories]
            index = texts.index(value) if texts.count(value) == 1 else None
        if index is None:
            raise self._refusal(value)
        return self.category(index)

    def has_element(self, value: Any) -> bool:
        return self._find(value) is not None

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        if self.probabilities is None:
            return "choices", [repr(list(self.categories))], []
        pairs = zip(self.categories, self.probabilities, strict=True)
        table = ", ".join(f"{category!r}: {weight!r}" for category, weight in pairs)
        return "choices", [f"{{{table}}}"], []

    def _refusal(self, value: Any) -> SpaceError:
        words = [category for category in self.categories if isinstance(category, str)]
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        known = ", ".join(repr(category) for category in self.categories[:10])
        more = ", …" if len(self.categories) > 10 else ""
        return SpaceError(f"{value!r} is not one of {known}{more}{hint}")


class Fidelity(Dimension):
    """How much is spent on a trial: epochs, samples, time.

    Parameters
    ----------
    name
        Full name.
    low, high
        Least and most, whole numbers.
    base
        Factor between the rungs of algorithms that raise the fidelity in steps.
    """

    type = "fidelity"

    def __init__(self, name: str, low: int, high: int, base: int = 2) -> None:
        super().__init__(name)
        self.low = low
        self.high = high
        self.base = base
        self.default_value = high
        scale: Distribution = Uniform(low - 0.5, high + 0.5)
        if base > 1 and low < high:
            scale = LogUniform(low, high)
        self._grid = Grid(Lattice(low, 1, 0, high - low), scale)

    @property
    def prior_name(self) -> None:
        return None

    @property
    def levels(self) -> int:
        """Number of values."""
        return self.high - self.low + 1

    def interval(self) -> tuple[int, int]:
        return self.low, self.high

    @property
    def element_cardinality(self) -> int:
        return 1

    def elements(self) -> Iterator[int]:
        yield self.high

    def element_from_unit(self, u: float) -> int:
        return int(self._grid.from_unit(u))

    def elements_to_unit(self, values: Any) -> Any:
        """Return where in the unit interval the values of an array lie; NaN stays NaN."""
        return self._grid.to_unit(values)

    def sample(self, rng: np.random.Generator) -> int:  # noqa: ARG002
        """Return the highest fidelity."""
        return self.high

    def cast_element(self, value: Any) -> int:
        number = _as_number(value)
        if not self.has_element(number):
            whole = isinstance(number, int) or number.is_integer()
            raise self._refusal(value) if whole else SpaceError(f"{value!r} is not a whole number")
        return int(number)

    def has_element(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return value == int(value) and self.low <= value <= self.high

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        words = [repr(self.low), repr(self.high)]
        return "fidelity", words if self.base == 2 else [*words, f"base={self.base!r}"], []

    def get_prior_string(self) -> str:
        """Write the prior so that parsing gives the dimension back."""
        function, words, _ = self._prior_words()
        return f"{function}({', '.join(words)})"


def _inside(u: float) -> float:
    return min(max(u, _FIRST_QUANTILE), _LAST_QUANTILE)


def _lattice(prior: Prior, step: float) -> Lattice:
    low, high = prior.interval
    if math.isfinite(low):
        last = None if math.isinf(high) else math.floor((high - low) / step + 1e-9)
        return Lattice(low, step, 0, last)
    return Lattice(0, step, None, None if math.isinf(high) else math.floor(high / step + 1e-9))


def _integer_lattice(prior: Prior, step: int) -> Lattice:
    low, high = prior.interval
    if math.isfinite(low):
        anchor = math.ceil(low)
        last = None if math.isinf(high) else (math.floor(high) - anchor) // step
        if last is not None and last < 0:
            raise ValueError(f"no whole number lies between {low!r} and {high!r}")
        return Lattice(anchor, step, 0, last)
    return Lattice(0, step, None, None if math.isinf(high) else math.floor(high) // step)


def _as_number(value: Any) -> int | float:
    if isinstance(value, str):
        for convert in (int, float):
            try:
                return convert(value)
            except ValueError:
                continue
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpaceError(f"{value!r} is not a number")
    if not math.isfinite(value):
        raise SpaceError(f"{value!r} is not a finite number")
    return value


def _list_from_text(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        raise SpaceError(f"{text!r} is not a list such as [1, 2]") from None


def plain(value: Any) -> Any:
    """Return a value as plain Python data: no numpy types, lists instead of tuples."""
    if isinstance(value, (str, bool, int, float)) and not isinstance(value, np.generic):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _key(value: Any) -> Hashable:
    return (type(value).__name__, value if isinstance(value, (str, int, float)) else repr(value))
