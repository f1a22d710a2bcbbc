"""Gaussian-process regression with a constant mean.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, algorithm
2.1 and eq. 5.9. The unknown mean is integrated out (their eq. 2.42 with b = 0). The length
scales have a log-normal prior that grows with the square root of the number of dimensions
(C. Hvarfner, E. O. Hellsten and L. Nardi, arXiv 2402.02229); the hyper-parameters are those of
highest posterior density.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.embedding import Embedding
from orion_like.algo.gp.kernel import matern52
from orion_like.algo.gp.slopes import NO_SLOPES, SlopeBlocks, Slopes, curvature

Floats = NDArray[np.float64]

MEAN_VARIANCE = 1.0
"""Prior variance of the mean, targets being standardized."""

LENGTH_MEDIAN, LENGTH_SPREAD, LEVEL_SPREAD = 0.5, 1.0, 1.5
"""Log-normal prior of the length scales: the median is this times the square root of the number
of columns. The spread of arXiv 2402.02229, √3, lets too many dimensions count for nothing as long
as there are few trials. The level that all categories have in common has a spread of its own: it
must be high for effects to add up, since points of many categories are hardly ever close."""

SIGNAL_LOCATION, SIGNAL_SPREAD = 0.0, 1.0
NOISE_SPREAD = 3.0

LENGTH_BOUNDS = (math.log(5e-3), math.log(1e3))
SIGNAL_BOUNDS = (math.log(1e-3), math.log(1e3))
MOST_NOISE = math.log(2.0)

START_LENGTHS = (0.5, 1.0, 3.0)
START_NOISES = (1e-4, 1e-1)
"""The fit begins at the most probable combination of length scales, in medians, and noises."""

MAX_ITERATIONS = 40


@dataclass(frozen=True)
class NoisePrior:
    """What is expected of the variance of the noise, in units of that of the targets.

    Parameters
    ----------
    typical
        Centre of the log-normal prior.
    least
        Lower bound.
    """

    typical: float
    least: float


@dataclass(frozen=True)
class Hyperparameters:
    """Logarithms of the length scales, and of the variances of signal, noise, and slopes' noise.

    The latter is in units of the mean square of the slopes.
    """

    lengths: Floats
    signal: float
    noise: float
    slope_noise: float


@dataclass(frozen=True)
class Fit:
    """The most probable hyper-parameters, and the logarithm of their posterior density."""

    hyperparameters: Hyperparameters
    log_density: float


def most_probable(
    embedding: Embedding,
    coordinates: Floats,
    targets: Floats,
    noise: NoisePrior,
    slopes: Slopes = NO_SLOPES,
) -> Fit:
    """Return the hyper-parameters of highest posterior density.

    Parameters
    ----------
    embedding
        Says which coordinates share a length scale.
    coordinates
        Observed points, (n, coordinates).
    targets
        Observed values, standardized.
    noise
        Prior of the noise.
    slopes
        Observed derivatives. Default none.
    """
    from scipy.optimize import minimize

    posterior = LogPosterior(embedding, coordinates, targets, noise, slopes)
    result = minimize(
        posterior.negative,
        posterior.start(),
        jac=True,
        method="L-BFGS-B",
        bounds=posterior.bounds,
        options={"maxiter": MAX_ITERATIONS, "ftol": 1e-5, "gtol": 1e-3},
    )
    width = embedding.width
    lengths, (signal, level, *slope_level) = result.x[:width], result.x[width:].tolist()
    found = Hyperparameters(lengths, signal, level, *(slope_level or [0.0]))
    return Fit(found, -float(result.fun))


class LogPosterior:
    """Log density of hyper-parameters given the data, up to a constant."""

    def __init__(
        self,
        embedding: Embedding,
        coordinates: Floats,
        targets: Floats,
        noise: NoisePrior,
        slopes: Slopes,
    ) -> None:
        width, n = embedding.width, len(targets)
        self._embedding = embedding
        self._squares = embedding.squared_differences(coordinates)
        self._targets = np.concatenate([targets, slopes.values])
        self._slopes = slopes
        self._blocks = SlopeBlocks(coordinates, slopes) if len(slopes) else None
        self._diagonal = np.arange(n)
        length = math.log(LENGTH_MEDIAN * math.sqrt(max(1, width)))
        level = math.log(noise.typical)
        self._centre = np.array([length] * width + [SIGNAL_LOCATION, level])
        self._spread = np.array([LENGTH_SPREAD] * width + [SIGNAL_SPREAD, NOISE_SPREAD])
        self._categories = [column for column, _ in embedding.categorical]
        ratio = (LEVEL_SPREAD / LENGTH_SPREAD) ** 2
        self._shared = ratio / (1.0 + ratio * len(self._categories))
        levels = (math.log(noise.least), MOST_NOISE)
        self.bounds = [LENGTH_BOUNDS] * width + [SIGNAL_BOUNDS, levels]
        if len(slopes):
            self._slope_scale = mean_square(slopes.values)
            self._centre = np.append(self._centre, level)
            self._spread = np.append(self._spread, NOISE_SPREAD)
            self.bounds.append(levels)

    def start(self) -> Floats:
        """Return where to begin the fit."""
        starts = []
        for length, noise in product(START_LENGTHS, START_NOISES):
            start = self._centre.copy()
            start[: self._embedding.width] += math.log(length)
            start[self._embedding.width + 1 :] = math.log(noise)
            starts.append(start)
        return min(starts, key=lambda start: self.negative(start)[0])

    def negative(self, theta: Floats) -> tuple[float, Floats]:
        """Return minus the log density, and its gradient."""
        from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

        width, n = self._embedding.width, len(self._diagonal)
        precisions = np.exp(-2.0 * theta[:width])
        signal, noise = math.exp(theta[width]), math.exp(theta[width + 1])
        squared = np.einsum("k,kp->p", precisions, self._squares).reshape(n, n)
        correlation, slope = matern52(squared)
        size = len(self._targets)
        unit = np.empty((size, size))
        unit[:n, :n] = correlation
        if self._blocks:
            at_coordinates = precisions[self._embedding.column_of]
            bend = curvature(squared)
            with_values, of_slopes = self._blocks.covariances(at_coordinates, slope, bend)
            unit[:n, n:], unit[n:, :n], unit[n:, n:] = with_values, with_values.T, of_slopes
        covariance = signal * unit
        covariance[:n, :n] += MEAN_VARIANCE
        levels = np.full(size, noise)
        if self._blocks:
            levels[n:] = math.exp(theta[-1]) * self._slope_scale
        covariance[np.diag_indices(size)] += levels
        factor, failed = dpotrf(covariance, lower=1, overwrite_a=1)
        improbable, gradient = self._improbability(theta)
        if failed:
            return 1e10 + improbable, gradient
        weights, _ = dpotrs(factor, self._targets, lower=1)
        value = 0.5 * float(self._targets @ weights) + float(np.log(factor.diagonal()).sum())
        inverse, _ = dpotri(factor, lower=1)
        pull = np.tril(inverse)
        pull += np.tril(inverse, -1).T
        pull -= np.multiply.outer(weights, weights)
        pairs = 0.5 * pull[:n, :n] * slope
        if self._blocks:
            more, own = self._blocks.pulls(at_coordinates, np.sqrt(squared), slope, bend, pull)
            pairs += more
            columns = self._embedding.column_of[self._slopes.coordinates]
            gradient[:width] += signal * np.bincount(columns, own, minlength=width)
            gradient[-1] += 0.5 * float(levels[n:] @ pull.diagonal()[n:])
        by_column = np.einsum("p,kp->k", pairs.ravel(), self._squares)
        gradient[:width] += signal * precisions * by_column
        gradient[width] += 0.5 * signal * float(np.einsum("ij,ij->", pull, unit))
        gradient[width + 1] += 0.5 * noise * float(pull.diagonal()[:n].sum())
        return value + improbable, gradient

    def _improbability(self, theta: Floats) -> tuple[float, Floats]:
        """Return minus the log density of the prior, and its gradient."""
        deviations = (theta - self._centre) / self._spread
        pulls = deviations.copy()
        # (I + r 11')^-1 = I - r / (1 + r n) 11', with r the ratio of the variances.
        pulls[self._categories] -= self._shared * deviations[self._categories].sum()
        return 0.5 * float(deviations @ pulls), pulls / self._spread


def mean_square(values: Floats) -> float:
    """Return the mean square of some numbers, 1 if they are all zero."""
    return float(np.mean(np.square(values))) or 1.0


@dataclass(frozen=True)
class Posterior:
    """A Gaussian process given its observations.

    Parameters
    ----------
    embedding
        Says which coordinates share a length scale.
    hyperparameters
        Of the kernel.
    coordinates
        Observed points.
    targets
        Observed values.
    slopes
        Observed derivatives.
    scale
        One over the length scale of each coordinate.
    inverse_factor
        Inverse of the Cholesky factor of the covariance matrix.
    weights
        Inverse covariance matrix times values and slopes.
    """

    embedding: Embedding
    hyperparameters: Hyperparameters
    coordinates: Floats
    targets: Floats
    slopes: Slopes
    scale: Floats
    inverse_factor: Floats
    weights: Floats

    @classmethod
    def given(
        cls,
        embedding: Embedding,
        hyperparameters: Hyperparameters,
        coordinates: Floats,
        targets: Floats,
        slopes: Slopes = NO_SLOPES,
    ) -> Posterior:
        """Condition the process on observations."""
        from scipy.linalg.lapack import dpotrf, dtrtri

        n, size = len(targets), len(targets) + len(slopes)
        scale = np.exp(-hyperparameters.lengths)[embedding.column_of]
        scaled = coordinates * scale
        squared = _squared_distances(scaled, scaled)
        correlation, slope = matern52(squared)
        covariance = np.empty((size, size))
        covariance[:n, :n] = correlation
        levels = np.full(size, math.exp(hyperparameters.noise))
        if len(slopes):
            blocks = SlopeBlocks(coordinates, slopes)
            with_values, of_slopes = blocks.covariances(scale**2, slope, curvature(squared))
            covariance[:n, n:], covariance[n:, :n] = with_values, with_values.T
            covariance[n:, n:] = of_slopes
            levels[n:] = math.exp(hyperparameters.slope_noise) * mean_square(slopes.values)
        covariance *= math.exp(hyperparameters.signal)
        covariance[:n, :n] += MEAN_VARIANCE
        while True:
            factor, failed = dpotrf(covariance + np.diag(levels), lower=1, clean=1)
            if not failed:
                break
            levels = np.maximum(10.0 * levels, 1e-10)
        inverse_factor, _ = dtrtri(factor, lower=1)
        observed = np.concatenate([targets, slopes.values])
        weights = inverse_factor.T @ (inverse_factor @ observed)
        return cls(
            embedding, hyperparameters, coordinates, targets, slopes, scale, inverse_factor, weights
        )

    def believing(self, coordinates: Floats) -> Posterior:
        """Return the process that also has observed its own mean at further points."""
        if not len(coordinates):
            return self
        means, _ = self.predict(coordinates)
        return Posterior.given(
            self.embedding,
            self.hyperparameters,
            np.concatenate([self.coordinates, coordinates]),
            np.concatenate([self.targets, means]),
            self.slopes,
        )

    @property
    def prior_variance(self) -> float:
        """Variance far away from all observations."""
        return math.exp(self.hyperparameters.signal) + MEAN_VARIANCE

    def predict(self, coordinates: Floats) -> tuple[Floats, Floats]:
        """Return the means and variances at some points, without noise."""
        signal = math.exp(self.hyperparameters.signal)
        correlation, slope = matern52(
            _squared_distances(self.coordinates * self.scale, coordinates * self.scale)
        )
        covariance = signal * correlation + MEAN_VARIANCE
        if len(self.slopes):
            points, by = self.slopes.points, self.slopes.coordinates
            away = coordinates[:, by].T - self.coordinates[points, by][:, None]
            with_slopes = slope[points] * away * np.square(self.scale[by])[:, None]
            covariance = np.concatenate([covariance, signal * with_slopes])
        projected = self.inverse_factor @ covariance
        variances = self.prior_variance - np.einsum("ij,ij->j", projected, projected)
        return self.weights @ covariance, np.maximum(variances, 1e-14 * self.prior_variance)

    def predict_with_gradient(self, point: Floats) -> tuple[float, float, Floats, Floats]:
        """Return mean and variance at one point, and their gradients by its coordinates."""
        n, points, by = len(self.targets), self.slopes.points, self.slopes.coordinates
        differences = (point - self.coordinates) * self.scale
        squared = np.einsum("ij,ij->i", differences, differences)
        correlation, slope = matern52(squared)
        signal = math.exp(self.hyperparameters.signal)
        covariance = signal * correlation + MEAN_VARIANCE
        if len(self.slopes):
            away = differences[points, by] * self.scale[by]
            covariance = np.concatenate([covariance, signal * slope[points] * away])
        projected = self.inverse_factor @ covariance
        variance = self.prior_variance - float(projected @ projected)
        pulls = np.stack([self.weights, -2.0 * (projected @ self.inverse_factor)])
        gradients = -((pulls[:, :n] * slope) @ differences) * self.scale
        if len(self.slopes):
            bent = pulls[:, n:] * curvature(squared)[points] * away
            gradients -= (bent @ differences[points]) * self.scale
            straight = pulls[:, n:] * slope[points] * np.square(self.scale[by])
            np.add.at(gradients.T, by, straight.T)
        gradients *= signal
        least = 1e-14 * self.prior_variance
        if variance < least:
            variance, gradients[1] = least, 0.0
        return float(self.weights @ covariance), variance, gradients[0], gradients[1]


def _squared_distances(a: Floats, b: Floats) -> Floats:
    squares = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b) - 2.0 * (a @ b.T)
    positive: Floats = np.maximum(squares, 0.0)
    return positive
