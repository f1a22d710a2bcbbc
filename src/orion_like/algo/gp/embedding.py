"""Encoded points as coordinates between which the kernel measures Euclidean distances.

Each column of an encoded space becomes one or more coordinates that share its length scale:

- a number is itself;
- a category is a corner of a simplex whose corners are at distance 1 (Hamming distance);
- a number that may be inactive has a second coordinate which tells whether it is active, and
  stands at its middle when it is not. So two points that both lack it do not differ in it.

Any kernel of the distance is then positive definite. Integers and quantised values are
measured where they stand on their grid (E. C. Garrido-Merchán and D. Hernández-Lobato,
arXiv 1805.03463), since only decoded points are embedded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.space.encoding import Encoding

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

ACTIVITY = 0.5
"""Distance between an active number at its middle and an inactive one."""


@dataclass(frozen=True)
class Box:
    """A box in the numeric columns, from `lower` to `upper`."""

    lower: Floats
    upper: Floats

    @classmethod
    def unit(cls, width: int) -> Box:
        """Return the whole unit cube."""
        return cls(np.zeros(width), np.ones(width))

    @property
    def size(self) -> Floats:
        """Length of each side."""
        return self.upper - self.lower


class Embedding:
    """Translates encoded points into coordinates.

    Parameters
    ----------
    encoding
        Encoding of the space, categories as indices.

    Attributes
    ----------
    numeric
        Numeric columns; their coordinates come first, in this order.
    column_of
        For each coordinate, the column whose length scale it has.
    width
        Number of columns.
    """

    def __init__(self, encoding: Encoding) -> None:
        columns = encoding.columns
        self.width = len(columns)
        self.numeric: Rows = np.array(
            [i for i, column in enumerate(columns) if column.kind == "numeric"], dtype=np.intp
        )
        self._gaps = np.array(
            [i for i in self.numeric.tolist() if columns[i].conditional], dtype=np.intp
        )
        self.categorical: list[tuple[int, int]] = [
            (i, column.levels or 1) for i, column in enumerate(columns) if column.kind == "category"
        ]
        repeated = [np.full(count, i, dtype=np.intp) for i, count in self.categorical]
        self.column_of: Rows = np.concatenate([self.numeric, self._gaps, *repeated])

    def coordinates(self, vectors: Floats, box: Box) -> Floats:
        """Return the coordinates of encoded points, a row each.

        Parameters
        ----------
        vectors
            Encoded points, NaN where inactive.
        box
            What counts as length 1 in each numeric column.
        """
        numbers = (vectors[:, self.numeric] - box.lower) / box.size
        parts = [np.where(np.isnan(numbers), 0.5, numbers)]
        if len(self._gaps):
            parts.append(np.where(np.isnan(vectors[:, self._gaps]), 0.0, ACTIVITY))
        for column, count in self.categorical:
            hits = vectors[:, column, None] == np.arange(count)
            parts.append(hits * math.sqrt(0.5))
        return np.concatenate(parts, axis=1)

    def squared_differences(self, coordinates: Floats) -> Floats:
        """Return the squared distances of all pairs in each column, (columns, n * n)."""
        n = len(coordinates)
        result = np.zeros((self.width, n, n))
        for coordinate, column in enumerate(self.column_of.tolist()):
            values = coordinates[:, coordinate]
            result[column] += np.square(values[:, None] - values)
        return result.reshape(self.width, n * n)
