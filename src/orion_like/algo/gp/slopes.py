"""Partial derivatives as observations of a Gaussian process.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, eq. 9.1:
the covariance of derivatives is the derivative of the covariance. With length scales λ and the
distance r of scaled coordinates, the Matérn kernel of smoothness 5/2 is φ(r), and

    g = -φ'/r = 5/3 (1 + √5 r) exp(-√5 r),    h = -g'/r = 25/3 exp(-√5 r),

    cov(f(x), ∂f(z)/∂z_j) = g δ_j / λ_j²,                        δ = x - z,
    cov(∂f(x)/∂x_i, ∂f(z)/∂z_j) = g [i = j] / λ_j² - h δ_i δ_j / (λ_i² λ_j²).

The derivatives of these by the logarithms of the length scales follow from
dg/d log λ_k = h δ_k² / λ_k² and dh/d log λ_k = √5 h / r · δ_k² / λ_k².
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

SQRT5 = math.sqrt(5.0)


@dataclass(frozen=True)
class Slopes:
    """Observed partial derivatives.

    Parameters
    ----------
    points
        At which of the observed points each was taken.
    coordinates
        By which coordinate.
    values
        The derivatives.
    """

    points: Rows
    coordinates: Rows
    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    @property
    def log_density(self) -> float:
        """Logarithm of their density if they were draws that have nothing to do with the values.

        Those by each coordinate are taken for normal ones, of their own variance and of mean 0.
        """
        total = 0.0
        for coordinate in np.unique(self.coordinates).tolist():
            values = self.values[self.coordinates == coordinate]
            total -= 0.5 * len(values) * (1.0 + math.log(max(np.mean(values**2), 1e-300)))
        return total


N_NEIGHBOURS = 3
"""Nearest points with which each one with slopes is compared."""


def agreement(coordinates: Floats, targets: Floats, slopes: Slopes) -> float:
    """Return how well slopes foretell whether values rise or fall from a point to those next to it.

    By the trapezoidal rule: 1 when they always do, around 0 when they have nothing to do with the
    values, and -1 when their sign is wrong. With a model of its own the slopes of the negated
    function look as good as the right ones, and many more of them than of values.

    Parameters
    ----------
    coordinates
        Observed points, (n, coordinates).
    targets
        Their values, (n,).
    slopes
        Their slopes; unknown ones count as 0.

    Examples
    --------
    >>> points, by = np.arange(4), np.zeros(4, dtype=int)
    >>> x = np.array([0.0, 1.0, 2.0, 4.0])
    >>> agreement(x[:, None], x**2, Slopes(points, by, 2 * x))
    1.0
    >>> agreement(x[:, None], x**2, Slopes(points, by, -2 * x))
    -1.0
    """
    gradients = np.zeros(coordinates.shape)
    gradients[slopes.points, slopes.coordinates] = slopes.values
    known = np.unique(slopes.points)
    places, gradients, values = coordinates[known], gradients[known], targets[known]
    away = places[None, :, :] - places[:, None, :]
    distances = np.square(away).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : min(N_NEIGHBOURS, len(known) - 1)]
    rows = np.arange(len(known))[:, None]
    means = 0.5 * (gradients[rows] + gradients[nearest])
    foretold = (means * away[rows, nearest]).sum(axis=2)
    signs = np.sign(foretold) * np.sign(values[nearest] - values[rows])
    return float(signs.mean()) if signs.size else 0.0


NO_SLOPES = Slopes(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty(0))


def curvature(squared_distance: Floats) -> Floats:
    """Return h at scaled distances r, from r²."""
    h: Floats = (25.0 / 3.0) * np.exp(-np.sqrt(5.0 * squared_distance))
    return h


class SlopeBlocks:
    """The blocks of a covariance matrix that belong to slopes, for a signal of variance 1.

    Parameters
    ----------
    coordinates
        Observed points, (n, coordinates).
    slopes
        Where slopes were observed, m of them.
    """

    def __init__(self, coordinates: Floats, slopes: Slopes) -> None:
        points, by = slopes.points, slopes.coordinates
        at = coordinates[points][:, by]
        own = at.diagonal()
        self._slopes = slopes
        self._to_values = coordinates[:, by] - own  # δ_j from each slope's point to each point
        self._rows = own[:, None] - at.T  # δ by the coordinate of the row, and of the column
        self._columns = at - own
        self._same = by[:, None] == by
        self._pairs = np.ix_(points, points)

    def covariances(self, precisions: Floats, g: Floats, h: Floats) -> tuple[Floats, Floats]:
        """Return those with the values, (n, m), and of the slopes, (m, m).

        Parameters
        ----------
        precisions
            1 / λ² of each coordinate.
        g, h
            Of all pairs of points, (n, n).
        """
        by = self._slopes.coordinates
        weights = precisions[by]
        with_values = g[:, self._slopes.points] * self._to_values * weights
        products = (self._rows * weights[:, None]) * (self._columns * weights)
        of_slopes = g[self._pairs] * self._same * weights - h[self._pairs] * products
        return with_values, of_slopes

    def pulls(
        self, precisions: Floats, distances: Floats, g: Floats, h: Floats, weight: Floats
    ) -> tuple[Floats, Floats]:
        """Return how ½ Σ weight ∘ covariance depends on the length scales.

        Its derivative by log λ_k is the sum of the first over pairs of points times δ_k² / λ_k²,
        and of the second over the slopes by coordinate k.

        Parameters
        ----------
        precisions, g, h
            As before.
        distances
            r of all pairs of points.
        weight
            Symmetric, (n + m, n + m).
        """
        n, points = len(g), self._slopes.points
        weights = precisions[self._slopes.coordinates]
        vd, dd = weight[:n, n:], weight[n:, n:]
        v = self._to_values * weights
        pairs = np.zeros((n, n))
        np.add.at(pairs.T, points, (vd * h[:, points] * v).T)
        own = -2.0 * (vd * g[:, points] * v).sum(axis=0)
        h_pairs, g_pairs, r = h[self._pairs], g[self._pairs], distances[self._pairs]
        products = (self._rows * weights[:, None]) * (self._columns * weights)
        same = self._same * weights
        steep = SQRT5 * h_pairs / np.maximum(r, 1e-12)
        inner = 0.5 * dd * (h_pairs * same - steep * products)
        rows = np.zeros((n, len(points)))
        np.add.at(rows, points, inner)
        np.add.at(pairs.T, points, rows.T)
        own += (dd * (2.0 * h_pairs * products - g_pairs * same)).sum(axis=1)
        return pairs, own
