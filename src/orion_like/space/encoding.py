"""Points as vectors, for algorithms that calculate with them.

Numbers become their quantiles under the prior, which is the plain linear scale
for `uniform` and the logarithmic one for `loguniform`. Values on a grid stand at
the centres of their cells. What is inactive is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from orion_like.errors import SpaceError
from orion_like.space.categorical import Categorical
from orion_like.space.dimension import Dimension
from orion_like.space.enumeration import Params
from orion_like.space.fidelity import Fidelity
from orion_like.space.numeric import Numeric

if TYPE_CHECKING:
    from orion_like.space.space import Space

Vector = NDArray[np.float64]

_MIDDLE = 0.5
_MISSING = object()


@dataclass(frozen=True)
class Column:
    """What one number of a vector means.

    Parameters
    ----------
    name
        Dimension.
    element
        Which element of an array dimension, counted row by row; 0 for single values.
    kind
        ``numeric``: from 0 to 1; ``category``: the number of a category, or 0 and 1.
    levels
        How many values are possible, None if there is no finite grid.
    category
        With one-hot columns, the number of the category that 1 means.
    conditional
        Whether the dimension can be inactive, which is NaN.
    """

    name: str
    element: int
    kind: Literal["numeric", "category"]
    levels: int | None
    category: int | None = None
    conditional: bool = False


@dataclass(frozen=True)
class _Part:
    """The columns of one dimension."""

    name: str
    dimension: Dimension
    start: int
    width: int  # columns of each element
    encode: Callable[[Any], Any]
    decode: Callable[[Sequence[float]], Any]

    @property
    def stop(self) -> int:
        return self.start + self.width * self.dimension.size


class Encoding:
    """Translates points of a space into vectors and back.

    Parameters
    ----------
    space
        The space.
    categories
        ``index`` or ``onehot``.
    fidelity
        Whether fidelities get a column.

    Raises
    ------
    SpaceError
        If `categories` is neither of the two.
    """

    def __init__(
        self,
        space: Space,
        categories: Literal["index", "onehot"] = "index",
        *,
        fidelity: bool = False,
    ) -> None:
        if categories not in ("index", "onehot"):
            raise SpaceError(f"encoding: categories is 'index' or 'onehot', not {categories!r}")
        self.space = space
        self.categories = categories
        self.columns: list[Column] = []
        self._parts: list[_Part] = []
        self._fixed = [] if fidelity else [d for d in space.values() if isinstance(d, Fidelity)]
        for name, dimension in space.items():
            if dimension not in self._fixed:
                self._add(name, dimension)
        self.width = len(self.columns)

    def _add(self, name: str, dimension: Dimension) -> None:
        start = len(self.columns)
        if isinstance(dimension, (Numeric, Fidelity)):
            self._parts.append(_numeric_part(name, dimension, start))
            self._append(dimension, "numeric", dimension.levels, [None])
        elif isinstance(dimension, Categorical):
            count = len(dimension.categories)
            index = self.categories == "index"
            make = _index_part if index else _onehot_part
            self._parts.append(make(name, dimension, start))
            self._append(dimension, "category", count, [None] if index else range(count))

    def _append(
        self,
        dimension: Dimension,
        kind: Literal["numeric", "category"],
        levels: int | None,
        categories: Iterable[int | None],
    ) -> None:
        conditional = dimension.condition is not None
        for element in range(dimension.size):
            for category in categories:
                column = Column(dimension.name, element, kind, levels, category, conditional)
                self.columns.append(column)

    def encode(self, params: Mapping[str, Any]) -> Vector:
        """Return the vector of a point.

        Parameters
        ----------
        params
            Flat or nested dict, or a trial.
        """
        row: Vector = self.encode_many([params])[0]
        return row

    def encode_many(self, points: Iterable[Mapping[str, Any]]) -> Vector:
        """Return one row per point.

        Parameters
        ----------
        points
            Flat or nested dicts, or trials.

        Raises
        ------
        SpaceError
            If a value is not in its dimension's kind: an unknown category, a wrong shape.
        """
        rows = [self.space.flatten(point) for point in points]
        matrix = np.full((len(rows), self.width), np.nan)
        for part in self._parts:
            name = part.name
            values = [row.get(name, _MISSING) for row in rows]
            present = [i for i, value in enumerate(values) if value is not _MISSING]
            if len(present) == len(rows):
                matrix[:, part.start : part.stop] = part.encode(values)
            elif present:
                encoded = part.encode([values[i] for i in present])
                matrix[present, part.start : part.stop] = encoded
        return matrix

    def decode(self, vector: Any) -> Params:
        """Return the point that a vector stands for.

        Numbers snap to their grid; NaN of an active dimension stands for its middle.
        Constraints may be violated.

        Parameters
        ----------
        vector
            `width` numbers.
        """
        numbers = vector.tolist() if isinstance(vector, np.ndarray) else list(vector)
        if len(numbers) != self.width:
            raise SpaceError(f"encoding: a vector has {self.width} numbers, not {len(numbers)}")
        params: Params = {part.name: part.decode(numbers) for part in self._parts}
        if self._fixed:
            params.update((dimension.name, dimension.default_value) for dimension in self._fixed)
            params = {name: params[name] for name in self.space}
        return self.space.prune(params)

    def decode_many(self, matrix: Any) -> list[Params]:
        """Return the points that the rows of a matrix stand for."""
        return [self.decode(row) for row in np.asarray(matrix, dtype=float)]


def _elements(dimension: Dimension, values: list[Any]) -> list[Any]:
    """Return the elements of many values of a dimension, one after the other."""
    if not dimension.shape:
        return values
    return [element for value in values for element in dimension.flatten(value)]


def _numeric_part(name: str, dimension: Numeric | Fidelity, start: int) -> _Part:
    size = dimension.size
    from_unit = dimension.element_from_unit

    def encode(values: list[Any]) -> Any:
        array = np.array(_elements(dimension, values), dtype=float)
        return dimension.elements_to_unit(array).reshape(len(values), size)

    def decode(numbers: Sequence[float]) -> Any:
        if not dimension.shape:
            u = numbers[start]
            return from_unit(u if u == u else _MIDDLE)
        part = numbers[start : start + size]
        return dimension.assemble([from_unit(u if u == u else _MIDDLE) for u in part])

    return _Part(name, dimension, start, 1, encode, decode)


def _index_part(name: str, dimension: Categorical, start: int) -> _Part:
    size, last = dimension.size, len(dimension.categories) - 1

    def encode(values: list[Any]) -> Any:
        indices = [dimension.index(value) for value in _elements(dimension, values)]
        return np.array(indices, dtype=float).reshape(len(values), size)

    def decode(numbers: Sequence[float]) -> Any:
        part = numbers[start : start + size]
        indices = [min(max(round(x), 0), last) if x == x else 0 for x in part]
        return dimension.assemble([dimension.category(index) for index in indices])

    return _Part(name, dimension, start, 1, encode, decode)


def _onehot_part(name: str, dimension: Categorical, start: int) -> _Part:
    size, count = dimension.size, len(dimension.categories)
    identity = np.eye(count)

    def encode(values: list[Any]) -> Any:
        indices = [dimension.index(value) for value in _elements(dimension, values)]
        return identity[indices].reshape(len(values), size * count)

    def decode(numbers: Sequence[float]) -> Any:
        categories = []
        for element in range(size):
            offset = start + element * count
            weights = numbers[offset : offset + count]
            categories.append(dimension.category(weights.index(max(weights))))
        return dimension.assemble(categories)

    return _Part(name, dimension, start, count, encode, decode)
