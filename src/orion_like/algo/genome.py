"""Encoded points as genes: numbers between 0 and 1, and categories, each of which is inherited.

What a condition switches off has no value to inherit; it is drawn from the prior when a
relative needs one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.box import Box
from orion_like.algo.parzen import Axes
from orion_like.space import Space

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


class Genome:
    """The genes of the points of a space.

    A point is a row of genes: first the coordinates of its numbers, on which values of a grid
    stand evenly, then the indices of its categories.

    Parameters
    ----------
    space
        The search space.
    """

    def __init__(self, space: Space) -> None:
        self._encoding = space.encoding()
        self._box = Box(self._encoding)
        categories = Axes.of(self._encoding).categories
        self._columns: Rows = np.array([column for column, _ in categories], dtype=np.intp)
        self.n_numbers = len(self._box.columns)
        self.priors = [prior for _, prior in categories]
        self.size = self.n_numbers + len(self.priors)

    def read(self, vectors: Floats, rng: np.random.Generator) -> Floats:
        """Return the genes of encoded points, those that are switched off drawn from the prior.

        Parameters
        ----------
        vectors
            One row per point.
        rng
            Source of the draws.
        """
        genes = np.concatenate(
            [self._box.coordinates(vectors), vectors[..., self._columns]], axis=-1
        )
        for index in np.argwhere(np.isnan(genes)):
            genes[tuple(index)] = self.draw(int(index[-1]), rng)
        return genes

    def draw(self, gene: int, rng: np.random.Generator) -> float:
        """Return a value of a gene by its prior."""
        if gene < self.n_numbers:
            return float(rng.random())
        prior = self.priors[gene - self.n_numbers]
        return float(rng.choice(len(prior), p=prior))

    def express(self, genes: Floats) -> dict[str, Any]:
        """Return the point that genes stand for; numbers beyond the bounds are clipped."""
        vector = np.zeros(self._encoding.width)
        vector[self._box.columns] = self._box.values(genes[: self.n_numbers])
        vector[self._columns] = genes[self.n_numbers :]
        return self._encoding.decode(vector)
