"""The numbers of encoded points as coordinates of a box, evenly spaced on grids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.space import Space
from orion_like.space.encoding import Encoding

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MAX_LEVELS = 4096
"""Values of a grid from which on it counts as continuous."""

MAX_UNEVEN_LEVELS = 32
"""Values of an unevenly spaced grid, such as a logarithmic one of integers, up to which they are
laid out evenly, as the margin needs it."""


class Box:
    """The numbers of encoded points as coordinates between 0 and 1.

    Values on grids stand evenly, at the centres of their cells. Dimensions with a single value
    have no coordinate.

    Parameters
    ----------
    encoding
        The encoding of the points, with category indices.
    """

    def __init__(self, encoding: Encoding) -> None:
        columns: list[int] = []
        levels: list[int] = []
        self._tables: list[tuple[int, Floats]] = []
        for index, column in enumerate(encoding.columns):
            if column.kind != "numeric" or column.levels == 1:
                continue
            table = _grid(encoding.space, column.name) if column.levels else None
            if table is not None:
                self._tables.append((len(columns), table))
            columns.append(index)
            levels.append(0 if table is None else len(table))
        self.columns: Rows = np.array(columns, dtype=np.intp)
        self.levels: NDArray[np.int64] = np.array(levels, dtype=np.int64)
        self.is_grid: NDArray[np.bool_] = self.levels > 0

    def coordinates(self, vectors: Floats) -> Floats:
        """Return the coordinates of encoded points; NaN where they are inactive."""
        found: Floats = vectors[..., self.columns]
        for position, table in self._tables:
            cells = np.searchsorted((table[1:] + table[:-1]) / 2, found[..., position])
            even = (cells + 0.5) / len(table)
            found[..., position] = np.where(np.isnan(found[..., position]), np.nan, even)
        return found

    def values(self, coordinates: Floats) -> Floats:
        """Return the encoded values at coordinates, those of grids exactly."""
        found = np.clip(coordinates, 0.0, 1.0)
        for position, table in self._tables:
            cell = min(int(found[position] * len(table)), len(table) - 1)
            found[position] = table[cell]
        return found

    def snap(self, coordinates: Floats) -> Floats:
        """Return coordinates within the bounds, and on grids at the centres of their cells."""
        levels = np.where(self.is_grid, self.levels, 1)
        cells = np.clip(np.floor(coordinates * levels), 0, levels - 1)
        return np.where(self.is_grid, (cells + 0.5) / levels, np.clip(coordinates, 0.0, 1.0))


def _grid(space: Space, name: str) -> Floats | None:
    """Return the encoded values of a grid, or None if they are better taken as continuous."""
    dimension: Any = space[name]
    if dimension.levels > MAX_LEVELS:
        return None
    values = np.array(list(dimension.elements()), dtype=float)
    table: Floats = dimension.elements_to_unit(values)
    even = np.allclose(np.diff(table), 1 / len(table), rtol=1e-3)
    return table if even or len(table) <= MAX_UNEVEN_LEVELS else None
