"""Dimensions of categories."""

from __future__ import annotations

import copy
import itertools
import math
from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from orion_like.errors import SpaceError
from orion_like.space.dimension import Dimension
from orion_like.space.expression import Expression
from orion_like.spelling import did_you_mean

_MAX_LISTED = 10  # categories in a message


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
        # Inner ends of the cells into which the probabilities cut the unit interval.
        self._ends = list(itertools.accumulate(weights[i] / total for i in self._reachable))[:-1]

    @property
    def prior_name(self) -> str:
        """Name of the prior."""
        return "choices"

    def interval(self) -> tuple[Any, ...]:
        """Return all categories."""
        return self.categories

    @property
    def element_cardinality(self) -> int:
        """Number of categories that have a probability."""
        return len(self._reachable)

    def elements(self) -> Iterator[Any]:
        """Yield the categories that have a probability."""
        return (self.category(index) for index in self._reachable)

    def element_from_unit(self, u: float) -> Any:
        """Return the category in whose share of the unit interval `u` lies."""
        return self.category(self._reachable[bisect_right(self._ends, u)])

    def category(self, index: int) -> Any:
        """Return the category at an index."""
        category = self.categories[index]
        # What is given away may be changed by others.
        return copy.deepcopy(category) if isinstance(category, list) else category

    def index(self, value: Any) -> int:
        """Return the index of a category.

        Raises
        ------
        SpaceError
            If it is not a category.
        """
        index = self._find(value)
        if index is None:
            raise SpaceError(f"space {self.name!r}: {self.refusal(value)}")
        return index

    def _find(self, value: Any) -> int | None:
        index = self._indices.get(_key(value))
        if index is None:
            # Databases and config files may turn 1 into 1.0.
            return next((i for i, known in enumerate(self.categories) if known == value), None)
        return index

    def cast_element(self, value: Any) -> Any:
        """Return the category that is equal to a value, or of which it is the text."""
        index = self._find(value)
        if index is None and isinstance(value, str):
            texts = [str(category) for category in self.categories]
            index = texts.index(value) if texts.count(value) == 1 else None
        if index is None:
            raise self.refusal(value)
        return self.category(index)

    def has_element(self, value: Any) -> bool:
        """Tell whether a value is one of the categories."""
        return self._find(value) is not None

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        if self.probabilities is None:
            return "choices", [repr(list(self.categories))], []
        pairs = zip(self.categories, self.probabilities, strict=True)
        table = ", ".join(f"{category!r}: {weight!r}" for category, weight in pairs)
        return "choices", [f"{{{table}}}"], []

    def _prior_identity(self) -> tuple[Any, ...]:
        return (tuple(map(_key, self.categories)), self.probabilities)

    def refusal(self, value: Any) -> SpaceError:
        """Return the error that names the categories, and the one closest to a value."""
        words = [category for category in self.categories if isinstance(category, str)]
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        known = ", ".join(repr(category) for category in self.categories[:_MAX_LISTED])
        more = ", …" if len(self.categories) > _MAX_LISTED else ""
        return SpaceError(f"{value!r} is not one of {known}{more}{hint}")


def _key(value: Any) -> Hashable:
    """Distinguish 1, 1.0 and True, which are equal in Python."""
    return (type(value).__name__, repr(value))
