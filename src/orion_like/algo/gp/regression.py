"""Gaussian-process regression with a constant mean.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, algorithm
2.1 and eq. 5.9. The length scales have the dimension-scaled log-normal prior of C. Hvarfner,
E. O. Hellsten and L. Nardi, arXiv 2402.02229; the hyper-parameters are those of highest
posterior density. The unknown mean is integrated out (their eq. 2.42 with b = 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.embedding import Embedding
from orion_like.algo.gp.kernel import matern52

Floats = NDArray[np.float64]

MEAN_VARIANCE = 1.0
"""Prior variance of the mean, targets being standardized."""

LENGTH_LOCATION, LENGTH_SPREAD = math.sqrt(2.0), math.sqrt(3.0)  # arXiv 2402.02229, sec. 5
SIGNAL_LOCATION, SIGNAL_SPREAD = 0.0, 1.0
NOISE_SPREAD = 3.0

LENGTH_BOUNDS = (math.log(5e-3), math.log(1e3))
SIGNAL_BOUNDS = (math.log(1e-3), math.log(1e3))
MOST_NOISE = math.log(2.0)

START_LENGTH = 0.5
"""Length scale at which the fit begins, times the square root of the number of columns."""

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
    """Logarithms of the length scales, the signal's variance, and the noise's variance."""

    lengths: Floats
    signal: float
    noise: float

    @property
    def vector(self) -> Floats:
        """All of them in one."""
        return np.concatenate([self.lengths, [self.signal, self.noise]])

    @classmethod
    def from_vector(cls, vector: Floats) -> Hyperparameters:
        """Return them from one vector."""
        return cls(vector[:-2], float(vector[-2]), float(vector[-1]))


def most_probable(
    embedding: Embedding, coordinates: Floats, targets: Floats, noise: NoisePrior
) -> Hyperparameters:
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
    """
    from scipy.optimize import minimize

    posterior = _LogPosterior(embedding.squared_differences(coordinates), targets, noise)
    result = minimize(
        posterior.negative,
        posterior.start,
        jac=True,
        method="L-BFGS-B",
        bounds=posterior.bounds,
        options={"maxiter": MAX_ITERATIONS, "ftol": 1e-5, "gtol": 1e-3},
    )
    return Hyperparameters.from_vector(result.x)


class _LogPosterior:
    """Log density of hyper-parameters given the data, up to a constant."""

    def __init__(self, squares: Floats, targets: Floats, noise: NoisePrior) -> None:
        width, n = len(squares), len(targets)
        self._squares = squares
        self._targets = targets
        self._diagonal = np.arange(n) * (n + 1)
        length = LENGTH_LOCATION + 0.5 * math.log(max(1, width))
        self._centre = np.array([length] * width + [SIGNAL_LOCATION, math.log(noise.typical)])
        self._spread = np.array([LENGTH_SPREAD] * width + [SIGNAL_SPREAD, NOISE_SPREAD])
        self.bounds = [LENGTH_BOUNDS] * width + [SIGNAL_BOUNDS, (math.log(noise.least), MOST_NOISE)]

        self.start = self._centre.copy()
        self.start[:-2] = math.log(START_LENGTH * math.sqrt(max(1, width)))

    def negative(self, theta: Floats) -> tuple[float, Floats]:
        """Return minus the log density, and its gradient."""
        from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

        n = len(self._targets)
        precisions = np.exp(-2.0 * theta[:-2])
        signal, noise = math.exp(theta[-2]), math.exp(theta[-1])
        correlation, slope = matern52(precisions @ self._squares)
        covariance = signal * correlation + MEAN_VARIANCE
        covariance[self._diagonal] += noise
        factor, failed = dpotrf(covariance.reshape(n, n), lower=1, overwrite_a=1)
        deviations = (theta - self._centre) / self._spread
        gradient = deviations / self._spread
        if failed:
            return 1e10 + 0.5 * float(deviations @ deviations), gradient
        weights, _ = dpotrs(factor, self._targets, lower=1)
        value = 0.5 * float(self._targets @ weights) + float(np.log(factor.diagonal()).sum())
        inverse, _ = dpotri(factor, lower=1)
        inverse = np.tril(inverse)
        # Each pair counts twice, the diagonal once.
        pull = 2.0 * (inverse - np.multiply.outer(weights, weights))
        np.fill_diagonal(pull, 0.5 * pull.diagonal())
        flat = np.tril(pull).ravel()
        gradient[:-2] += 0.5 * signal * precisions * (self._squares @ (flat * slope))
        gradient[-2] += 0.5 * signal * float(flat @ correlation)
        gradient[-1] += 0.5 * noise * float(flat[self._diagonal].sum())
        return value + 0.5 * float(deviations @ deviations), gradient


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
    scale
        One over the length scale of each coordinate.
    inverse_factor
        Inverse of the Cholesky factor of the covariance matrix.
    weights
        Inverse covariance matrix times targets.
    """

    embedding: Embedding
    hyperparameters: Hyperparameters
    coordinates: Floats
    targets: Floats
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
    ) -> Posterior:
        """Condition the process on observations."""
        from scipy.linalg.lapack import dpotrf, dtrtri

        scale = np.exp(-hyperparameters.lengths)[embedding.column_of]
        scaled = coordinates * scale
        correlation, _ = matern52(_squared_distances(scaled, scaled))
        covariance = math.exp(hyperparameters.signal) * correlation + MEAN_VARIANCE
        noise = math.exp(hyperparameters.noise)
        while True:
            noisy = covariance + noise * np.eye(len(targets))
            factor, failed = dpotrf(noisy, lower=1, clean=1)
            if not failed:
                break
            noise = max(10.0 * noise, 1e-10)
        inverse_factor, _ = dtrtri(factor, lower=1)
        weights = inverse_factor.T @ (inverse_factor @ targets)
        return cls(embedding, hyperparameters, coordinates, targets, scale, inverse_factor, weights)

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
        )

    @property
    def prior_variance(self) -> float:
        """Variance far away from all observations."""
        return math.exp(self.hyperparameters.signal) + MEAN_VARIANCE

    def predict(self, coordinates: Floats) -> tuple[Floats, Floats]:
        """Return the means and variances at some points, without noise."""
        correlation, _ = matern52(
            _squared_distances(self.coordinates * self.scale, coordinates * self.scale)
        )
        covariance = math.exp(self.hyperparameters.signal) * correlation + MEAN_VARIANCE
        projected = self.inverse_factor @ covariance
        variances = self.prior_variance - np.einsum("ij,ij->j", projected, projected)
        return self.weights @ covariance, np.maximum(variances, 1e-14 * self.prior_variance)

    def predict_with_gradient(self, point: Floats) -> tuple[float, float, Floats, Floats]:
        """Return mean and variance at one point, and their gradients by its coordinates."""
        differences = (point - self.coordinates) * self.scale
        correlation, slope = matern52(np.einsum("ij,ij->i", differences, differences))
        signal = math.exp(self.hyperparameters.signal)
        covariance = signal * correlation + MEAN_VARIANCE
        projected = self.inverse_factor @ covariance
        variance = self.prior_variance - float(projected @ projected)
        pulls = np.stack([self.weights, -2.0 * (projected @ self.inverse_factor)])
        gradients = -signal * ((pulls * slope) @ differences) * self.scale
        least = 1e-14 * self.prior_variance
        if variance < least:
            variance, gradients[1] = least, 0.0
        return float(self.weights @ covariance), variance, gradients[0], gradients[1]


def _squared_distances(a: Floats, b: Floats) -> Floats:
    squares = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b) - 2.0 * (a @ b.T)
    positive: Floats = np.maximum(squares, 0.0)
    return positive
