"""Parzen estimators on the encoded space: mixtures with a component for each point.

S. Watanabe, Tree-structured Parzen estimator: understanding its algorithm components and
their roles for better empirical performance, arXiv 2304.11127, describes the design space:
a mixture of products of one-dimensional kernels (its "multivariate" kernel) with the prior as
one more component, Gaussian kernels truncated to the domain, categorical kernels after
Aitchison and Aitken, and bandwidths with a lower bound. Where this file departs from the
variants there, benchmarks/quality is the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.space import Categorical
from orion_like.space.encoding import Encoding

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MIN_BANDWIDTH = 0.01
"""Smallest bandwidth on the unit interval."""

UNIFORM_DEVIATION = math.sqrt(1 / 12)
"""Standard deviation of the uniform distribution on the unit interval."""

MAX_REDRAWS = 32
"""Draws of a truncated Gaussian before the value is clipped; each succeeds with 1/3 or more."""


@dataclass(frozen=True)
class Axes:
    """The columns of an encoded space by the kernels that they take.

    Parameters
    ----------
    numeric
        Numeric columns.
    half_cells
        Half the mean distance between the values of each numeric column, 0 if continuous.
    categories
        Categorical columns, each with the prior probabilities of its categories.
    """

    numeric: Rows
    half_cells: Floats
    categories: tuple[tuple[int, Floats], ...]

    @classmethod
    def of(cls, encoding: Encoding) -> Axes:
        """Return the axes of an encoding with category indices."""
        numeric, half_cells, categories = [], [], []
        for index, column in enumerate(encoding.columns):
            dimension = encoding.space[column.name]
            if isinstance(dimension, Categorical):
                categories.append((index, _probabilities(dimension)))
            else:
                numeric.append(index)
                half_cells.append(0.5 / column.levels if column.levels else 0.0)
        return cls(np.array(numeric, dtype=np.intp), np.array(half_cells), tuple(categories))

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.numeric) + len(self.categories)


def _probabilities(dimension: Categorical) -> Floats:
    count = len(dimension.categories)
    if dimension.probabilities is None:
        return np.full(count, 1.0 / count)
    return np.array(dimension.probabilities) / sum(dimension.probabilities)


@dataclass(frozen=True)
class Kernel:
    """How wide the kernels of an estimator are.

    Parameters
    ----------
    scale
        Bandwidth for points that spread evenly and lie far apart, before it shrinks with the
        number of trials.
    spread_power
        How strongly bandwidths follow the spread of the points in each column: 0 not at all,
        1 in proportion.
    """

    scale: float
    spread_power: float


def bandwidths(axes: Axes, points: Floats, kernel: Kernel, n_trials: int) -> Floats:
    """Return the bandwidth of each point in each numeric column.

    Three factors: Scott's n^(-1/(d+4)) with the number of all trials; the deviation of the
    points in the column, the prior counted as one of them; and the square root of the distance
    to the nearest other point, so that kernels are narrow where points crowd.

    Parameters
    ----------
    axes
        The columns.
    points
        One row a point, NaN where inactive.
    kernel
        How wide.
    n_trials
        Number of all finished trials.
    """
    values = points[:, axes.numeric]
    base = kernel.scale * n_trials ** (-1.0 / (axes.width + 4))
    common = base * np.minimum(1.0, _deviation(values) / UNIFORM_DEVIATION) ** kernel.spread_power
    lowest = np.maximum(max(MIN_BANDWIDTH, 1.0 / (1 + n_trials)), axes.half_cells)
    common = np.maximum(common, lowest)
    if len(points) < 3:
        return np.broadcast_to(common, values.shape)
    scaled = np.where(np.isnan(values), 0.5, values) / common
    crowding = np.sqrt(np.clip(_nearest(axes, scaled, points), 1e-3, 1.5))
    own: Floats = np.clip(common * crowding[:, None], lowest, 1.0)
    return own


def _deviation(values: Floats) -> Floats:
    """Return the deviation of each column, with one uniformly distributed value more."""
    active = ~np.isnan(values)
    filled = np.where(active, values, 0.0)
    count = active.sum(axis=0) + 1.0
    mean = (filled.sum(axis=0) + 0.5) / count
    squares = np.where(active, filled - mean, 0.0) ** 2
    prior = UNIFORM_DEVIATION**2 + (mean - 0.5) ** 2
    deviation: Floats = np.sqrt((squares.sum(axis=0) + prior) / count)
    return deviation


def _nearest(axes: Axes, scaled: Floats, points: Floats) -> Floats:
    """Return the distance from each point to the nearest other one, in bandwidths."""
    squares = (scaled**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2.0 * inner_products(scaled, scaled)
    distances = np.maximum(distances, 0.0) / max(1, len(axes.numeric))
    for column, _ in axes.categories:
        values = points[:, column]
        distances += (values[:, None] != values[None, :]) / axes.width
    np.fill_diagonal(distances, np.inf)
    nearest: Floats = np.sqrt(distances.min(axis=1))
    return nearest


class ParzenEstimator:
    """A density on the encoded space.

    Each point gives a component: the product of a truncated Gaussian in every numeric column
    and a smoothed indicator in every categorical one. Where a point is inactive, its component
    is the prior in that column; where the argument of the density is inactive, the column is
    marginalised out. One more component is the prior itself.

    Parameters
    ----------
    axes
        The columns.
    points
        One row a point, NaN where inactive.
    weights
        Weight of each point; only their ratios matter, to each other and to `prior_weight`
        times their mean, the weight of the prior.
    prior_weight
        Weight of the prior, in points.
    kernel
        How wide the components are.
    n_trials
        Number of all finished trials.
    """

    def __init__(
        self,
        axes: Axes,
        points: Floats,
        weights: Floats,
        *,
        prior_weight: float,
        kernel: Kernel,
        n_trials: int,
    ) -> None:
        self._axes = axes
        self._points = points
        count = len(points)
        self._weights = np.append(weights, prior_weight * (weights.mean() if count else 1.0))
        self._weights /= self._weights.sum()
        # Aitchison-Aitken: the share of the prior in each categorical kernel.
        self._smoothing = 1.0 / (count + 1)
        values = points[:, axes.numeric]
        self._active = ~np.isnan(values)
        self._centres = np.where(self._active, values, 0.0)
        self._widths = bandwidths(axes, points, kernel, n_trials)
        self._precisions = np.where(self._active, self._widths**-2.0, 0.0)
        mass = normal_cdf((1 - self._centres) / self._widths) - normal_cdf(
            -self._centres / self._widths
        )
        volume = math.sqrt(2 * math.pi) * self._widths * mass
        self._log_volumes = np.where(self._active, np.log(volume), 0.0)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw `n` vectors; every column gets a value.

        Parameters
        ----------
        rng
            Source of randomness.
        n
            How many.
        """
        component = np.searchsorted(np.cumsum(self._weights[:-1]), rng.random(n), side="right")
        from_prior = component == len(self._points)
        component[from_prior] = 0
        drawn = rng.random((n, self._points.shape[1]))
        if len(self._axes.numeric) and len(self._points):
            near = self._truncated_gaussians(rng, component)
            own = self._active[component] & ~from_prior[:, None]
            drawn[:, self._axes.numeric] = np.where(own, near, drawn[:, self._axes.numeric])
        for column, prior in self._axes.categories:
            category = np.searchsorted(np.cumsum(prior)[:-1], drawn[:, column], side="right")
            drawn[:, column] = category
            if len(self._points):
                values = self._points[component, column]
                own = ~from_prior & ~np.isnan(values) & (rng.random(n) >= self._smoothing)
                drawn[:, column] = np.where(own, values, category)
        return drawn

    def _truncated_gaussians(self, rng: np.random.Generator, component: Rows) -> Floats:
        centres, widths = self._centres[component], self._widths[component]
        values = centres + widths * rng.standard_normal(centres.shape)
        for _ in range(MAX_REDRAWS):
            outside = (values < 0) | (values > 1)
            if not outside.any():
                break
            again = widths[outside] * rng.standard_normal(np.count_nonzero(outside))
            values[outside] = centres[outside] + again
        clipped: Floats = np.clip(values, 0.0, 1.0)
        return clipped

    def log_density(self, vectors: Floats) -> Floats:
        """Return the logarithm of the density at vectors, relative to that of the prior.

        In columns with a grid it is the density at the centre of the cell, whose width is the
        same for every estimator.

        Parameters
        ----------
        vectors
            One row each, NaN where inactive.
        """
        logs = self._numeric_logs(vectors[:, self._axes.numeric])
        for column, prior in self._axes.categories:
            logs += self._category_logs(vectors[:, column], self._points[:, column], prior)
        logs = np.concatenate([logs, np.zeros((len(vectors), 1))], axis=1)
        with np.errstate(divide="ignore"):
            logs += np.log(self._weights)
        highest = logs.max(axis=1, keepdims=True)
        total: Floats = highest[:, 0] + np.log(np.exp(logs - highest).sum(axis=1))
        return total

    def _numeric_logs(self, values: Floats) -> Floats:
        """Return log kernels summed over numeric columns: vectors by points."""
        active = ~np.isnan(values)
        x = np.where(active, values, 0.0)
        present = active.astype(float)
        # The square (x - centre)^2 is multiplied out, which makes it three tables of products.
        squares = (
            inner_products(x * x, self._precisions)
            - 2.0 * inner_products(x, self._precisions * self._centres)
            + inner_products(present, self._precisions * self._centres**2)
        )
        logs: Floats = -0.5 * squares - inner_products(present, self._log_volumes)
        return logs

    def _category_logs(self, values: Floats, points: Floats, prior: Floats) -> Floats:
        """Return log kernels of a categorical column, relative to the prior."""
        active = ~np.isnan(values)
        probabilities = prior[np.where(active, values, 0).astype(np.intp)]
        same = values[:, None] == points[None, :]
        floor = np.maximum(probabilities, 1e-12)[:, None]  # only inserted trials have less
        ratio = self._smoothing + same * (1.0 - self._smoothing) / floor
        known = active[:, None] & ~np.isnan(points)[None, :]
        logs: Floats = np.log(np.where(known, ratio, 1.0))
        return logs


def inner_products(first: Floats, second: Floats) -> Floats:
    """Return the inner product of each row of one matrix with each row of another.

    Not with BLAS: for matrices as small as these its threads cost several times what they do,
    and its rounding differs between machines.
    """
    products: Floats = np.einsum("ij,kj->ik", first, second, optimize=False)
    return products


def normal_cdf(z: Floats) -> Floats:
    """Return the distribution function of the standard normal, to 1e-7.

    M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 26.2.17: scipy.special
    would cost every worker a quarter of a second to import.

    Examples
    --------
    >>> normal_cdf(np.array([-1.0, 0.0, 2.0])).round(6).tolist()
    [0.158655, 0.5, 0.97725]
    """
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    series: Floats | float = 1.330274429
    for coefficient in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        series = coefficient + t * series
    tail = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * t * series
    cdf: Floats = np.where(z >= 0, 1.0 - tail, tail)
    return cdf
