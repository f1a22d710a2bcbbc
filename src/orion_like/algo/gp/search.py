"""The search for the point with the highest acquisition.

Candidates from all of a box and from around good trials are scored at once; the best of them
are improved by turns: numbers by a quasi-Newton method, categories and values on a grid by
their neighbours. What counts is the score of the decoded point, on its grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.acquisition import Acquisition
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.space import Space

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

N_SPREAD = 256
"""Candidates from all of the box."""

N_NEAR = 256
"""Candidates around good trials."""

N_STARTS = 4
"""Candidates that are improved."""

MAX_STEPS = 40
"""Steps of the quasi-Newton method."""

MAX_ROUNDS = 6
"""Moves to a better neighbour."""

RELAXED = 32
"""Values on a grid from which on it is first taken for a continuum."""

LARGEST_CHANGE, SMALLEST_CHANGE = 0.3, 1e-3
"""Standard deviations of changes to good trials, in sides of the box."""

PATTERN = np.array([s * 2.0**-k for k in range(1, 8) for s in (1, -1)])
"""Changes of values on a grid that are tried."""


@dataclass(frozen=True)
class Found:
    """A point with its encoding and score."""

    params: dict[str, Any]
    vector: Floats
    score: float


class Search:
    """Searches a box.

    Parameters
    ----------
    space
        The space, whose input constraints are kept.
    embedding
        Coordinates of the models.
    box
        Where to search; also the unit of the coordinates.
    acquisition
        What to maximize.
    """

    def __init__(
        self, space: Space, embedding: Embedding, box: Box, acquisition: Acquisition
    ) -> None:
        self._space = space
        self._encoding = space.encoding()
        self._embedding = embedding
        self._box = box
        self._acquisition = acquisition
        levels = [self._encoding.columns[i].levels for i in embedding.numeric.tolist()]
        self._smooth = np.array([n is None or n >= RELAXED for n in levels], dtype=bool)
        self._grids = [
            (int(i), n) for i, n in zip(embedding.numeric, levels, strict=True) if n is not None
        ]

    def run(self, rng: np.random.Generator, good: Floats) -> list[Found]:
        """Return the points found, the best first.

        Parameters
        ----------
        rng
            Source of randomness.
        good
            Encoded points around which to look, best first.
        """
        found = self._score([*self._spread(rng), *self._near(rng, good)])
        found.sort(key=lambda each: -each.score)
        improved = [self._improve(each) for each in found[:N_STARTS]]
        return sorted([*improved, *found], key=lambda each: -each.score)

    def _spread(self, rng: np.random.Generator) -> Floats:
        vectors = np.empty((N_SPREAD, self._embedding.width))
        numeric = self._embedding.numeric
        vectors[:, numeric] = self._box.lower + self._box.size * rng.random(
            (N_SPREAD, len(numeric))
        )
        for column, count in self._embedding.categorical:
            vectors[:, column] = rng.integers(count, size=N_SPREAD)
        return vectors

    def _near(self, rng: np.random.Generator, good: Floats) -> Floats:
        if not len(good):
            return np.empty((0, self._embedding.width))
        vectors = good[np.arange(N_NEAR) % len(good)].copy()
        numeric = self._embedding.numeric
        scales = np.exp(rng.uniform(np.log(SMALLEST_CHANGE), np.log(LARGEST_CHANGE), (N_NEAR, 1)))
        shape = (N_NEAR, len(numeric))
        changed = rng.random(shape) < np.maximum(rng.random((N_NEAR, 1)), 1.0 / max(1, shape[1]))
        steps = changed * scales * self._box.size * rng.standard_normal(shape)
        middle = np.where(np.isnan(vectors[:, numeric]), 0.5, vectors[:, numeric])
        vectors[:, numeric] = np.clip(middle + steps, self._box.lower, self._box.upper)
        for column, count in self._embedding.categorical:
            other = rng.random(N_NEAR) < 1.0 / (1 + len(self._embedding.categorical))
            drawn = rng.integers(count, size=N_NEAR)
            lacking = np.isnan(vectors[:, column])
            vectors[:, column] = np.where(other | lacking, drawn, vectors[:, column])
        return vectors

    def _score(self, vectors: Any) -> list[Found]:
        """Return the points of some vectors that keep the input constraints, each once."""
        points = self._encoding.decode_many(vectors)
        if self._space.constraints:
            points = [params for params in points if self._space.satisfies(params)]
        if not points:
            return []
        encoded = self._encoding.encode_many(points)
        scores = self._acquisition.values(self._embedding.coordinates(encoded, self._box))
        return [Found(*each) for each in zip(points, encoded, scores.tolist(), strict=True)]

    def _improve(self, start: Found) -> Found:
        best = self._climb(start)
        for _ in range(MAX_ROUNDS):
            neighbours = self._score(self._neighbours(best.vector))
            step = max(neighbours, key=lambda each: each.score, default=best)
            if step.score <= best.score + 1e-9:
                break
            best = self._climb(step)
        return best

    def _climb(self, start: Found) -> Found:
        """Move along the numbers that are no coarse grid."""
        from scipy.optimize import minimize

        numeric = self._embedding.numeric
        free = np.flatnonzero(self._smooth & ~np.isnan(start.vector[numeric]))
        if not len(free):
            return start
        point = self._embedding.coordinates(start.vector[None], self._box)[0]

        def negative(values: Floats) -> tuple[float, Floats]:
            point[free] = values
            value, gradient = self._acquisition.value_and_gradient(point)
            return -value, -gradient[free]

        result = minimize(
            negative,
            np.clip(point[free], 0.0, 1.0),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * len(free),
            options={"maxiter": MAX_STEPS, "ftol": 1e-7},
        )
        target = start.vector.copy()
        columns = numeric[free]
        target[columns] = self._box.lower[free] + result.x * self._box.size[free]
        share = 1.0
        while share > 0.05:
            reached = self._score([start.vector + share * (target - start.vector)])
            if reached:
                return max(start, reached[0], key=lambda each: each.score)
            share *= 0.5
        return start

    def _neighbours(self, vector: Floats) -> list[Floats]:
        """Return vectors that differ in one category or one value on a grid."""
        result = []
        for column, count in self._embedding.categorical:
            if np.isnan(vector[column]):
                continue
            for category in range(count):
                if category != vector[column]:
                    result.append(_with(vector, column, category))
        for column, count in self._grids:
            if np.isnan(vector[column]):
                continue
            steps = np.concatenate([PATTERN, np.array([1.0, -1.0, 2.0, -2.0]) / count])
            values = np.clip(vector[column] + steps, 0.0, 1.0)
            result.extend(_with(vector, column, value) for value in np.unique(values).tolist())
        return result


def _with(vector: Floats, column: int, value: float) -> Floats:
    changed = vector.copy()
    changed[column] = value
    return changed
