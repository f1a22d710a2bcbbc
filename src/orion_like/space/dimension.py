"""What all dimensions of a search space have in common."""

from __future__ import annotations

import copy
import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from orion_like.errors import SpaceError
from orion_like.space.expression import Expression


class _NoDefault:
    """Marks that a dimension has no default value."""

    def __repr__(self) -> str:
        return "NO_DEFAULT_VALUE"

    def __reduce__(self) -> str:
        return "NO_DEFAULT_VALUE"


NO_DEFAULT_VALUE = _NoDefault()


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
        """Distance of neighbouring values, None if none was asked for."""
        return None

    @abstractmethod
    def interval(self) -> tuple[Any, ...]:
        """Return the lowest and highest value; of a categorical dimension, all categories."""

    @property
    @abstractmethod
    def element_cardinality(self) -> int | float:
        """Number of values that can be sampled for one element."""

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

    @abstractmethod
    def _prior_identity(self) -> tuple[Any, ...]:
        """Return what distinguishes the prior from others of its kind; hashable."""

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
        for elements in itertools.product(list(self.elements()), repeat=self.size):
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
                raise SpaceError(f"{value!r} does not have the shape {self._shape_text}")
            elements = [element for part in elements for element in part]
        return elements

    def cast(self, value: Any) -> Any:
        """Return the value as plain Python data of the dimension's type.

        Parameters
        ----------
        value
            A value, or its text.

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
            words.append(f"shape={self._shape_text}")
        if self.has_default and self.type != "fidelity":
            words.append(f"default_value={self.default_value!r}")
        text = f"{function}({', '.join(words + last)})"
        return text if self.condition is None else f"{text} if {self.condition}"

    @property
    def _shape_text(self) -> str:
        return repr(self.shape[0] if len(self.shape) == 1 else self.shape)

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
        default = repr(self.default_value)
        return (self.type, self.name, self.shape, default, self.condition, self._prior_identity())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dimension):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.get_prior_string()!r})"

    def refusal(self, value: Any) -> SpaceError:
        """Return the error that says why a value of one element is not in the dimension."""
        low, high = self.interval()
        return SpaceError(f"{value!r} is not between {low!r} and {high!r}")


def plain(value: Any) -> Any:
    """Return a value as plain Python data: no numpy types, lists instead of tuples."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def as_number(value: Any) -> int | float:
    """Return a number that may be given as text.

    Raises
    ------
    SpaceError
        If it is not a finite number; booleans are not.
    """
    number = value
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            try:
                number = float(value)
            except ValueError:
                raise SpaceError(f"{value!r} is not a number") from None
    if not is_number(number):
        raise SpaceError(f"{value!r} is not a finite number")
    return number  # type: ignore[no-any-return]


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number; booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _list_from_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SpaceError(f"{text!r} is not a list such as [1, 2]") from None
