"""What makes a point worth a trial: expected improvement and probability of feasibility.

Logarithms throughout, as in S. Ament, S. Daulton, D. Eriksson, M. Balandat and E. Bakshy,
Unexpected improvements to expected improvement for Bayesian optimization, arXiv 2310.20708,
so that values and slopes are useful also where there is hardly any hope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.regression import Posterior

Floats = NDArray[np.float64]

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


class Term(Protocol):
    """A function of the mean and variance of one process."""

    @property
    def posterior(self) -> Posterior:
        """The process."""

    def value(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the value and its derivatives by mean and variance, elementwise."""


@dataclass(frozen=True)
class ExpectedImprovement:
    """Logarithm of the expected improvement below `best`.

    Parameters
    ----------
    posterior
        Model of the loss.
    best
        Lowest loss so far.
    """

    posterior: Posterior
    best: float

    def value(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the value and its derivatives by mean and variance, elementwise."""
        from scipy.special import log_ndtr

        deviation = np.sqrt(variance)
        z = (self.best - mean) / deviation
        log_h = log_improvement(z)
        slope = np.exp(log_ndtr(z) - log_h)  # h' / h, since h' is the normal distribution function
        return (
            np.log(deviation) + log_h,
            -slope / deviation,
            0.5 * (1.0 - slope * z) / variance,
        )


def log_improvement(z: Floats) -> Floats:
    """Return log h(z), h(z) = φ(z) + z Φ(z) (their eq. 8 and 9).

    Examples
    --------
    >>> log_improvement(np.array([0.0, -40.0])).round(4).tolist()
    [-0.9189, -808.2986]
    """
    from scipy.special import erfcx, ndtr

    z = np.asarray(z, dtype=float)
    result = np.empty_like(z)
    near = z > -1.0
    result[near] = np.log(np.exp(-0.5 * z[near] ** 2 - LOG_SQRT_2PI) + z[near] * ndtr(z[near]))
    x = z[~near]
    # φ(z) (1 - |z| m), with Mills' ratio m = Φ(z) / φ(z); beyond, by its series: 1/z².
    mills = math.sqrt(math.pi / 2.0) * erfcx(-x / math.sqrt(2.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        tail = np.where(x > -1e4, np.log1p(np.maximum(x * mills, -1.0 + 1e-16)), -2.0 * np.log(-x))
    result[~near] = -0.5 * x * x - LOG_SQRT_2PI + tail
    return result


@dataclass(frozen=True)
class Feasibility:
    """Logarithm of the probability that a quantity lies between two bounds.

    Parameters
    ----------
    posterior
        Model of the quantity.
    lower, upper
        The bounds, possibly infinite.
    """

    posterior: Posterior
    lower: float
    upper: float

    def value(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the value and its derivatives by mean and variance, elementwise."""
        deviation = np.sqrt(variance)
        a, b = (self.lower - mean) / deviation, (self.upper - mean) / deviation
        log_p = log_probability_between(a, b)
        density_a = np.exp(-0.5 * a * a - LOG_SQRT_2PI - log_p)
        density_b = np.exp(-0.5 * b * b - LOG_SQRT_2PI - log_p)
        by_mean = (density_a - density_b) / deviation
        with np.errstate(invalid="ignore"):
            moment_a = np.where(np.isinf(a), 0.0, a * density_a)
            moment_b = np.where(np.isinf(b), 0.0, b * density_b)
        return log_p, by_mean, 0.5 * (moment_a - moment_b) / variance


def log_probability_between(a: Floats, b: Floats) -> Floats:
    """Return log(Φ(b) - Φ(a)) for a < b."""
    from scipy.special import log_ndtr

    # In the right tail, the mirror image keeps the digits.
    mirrored = a > 0
    low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    log_high = log_ndtr(high)
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isinf(low), -np.inf, log_ndtr(low) - log_high)
    result: Floats = log_high + np.log1p(-np.exp(np.minimum(gap, -1e-15)))
    return result


@dataclass(frozen=True)
class Acquisition:
    """Sum of terms, each with a process of its own.

    Parameters
    ----------
    terms
        At least one.
    """

    terms: tuple[Term, ...]

    def values(self, coordinates: Floats) -> Floats:
        """Return the values at some points."""
        total = np.zeros(len(coordinates))
        for term in self.terms:
            total += term.value(*term.posterior.predict(coordinates))[0]
        return total

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """Return the value at one point and its gradient by the coordinates."""
        total, gradient = 0.0, np.zeros(len(point))
        for term in self.terms:
            mean, variance, by_x_mean, by_x_variance = term.posterior.predict_with_gradient(point)
            value, by_mean, by_variance = term.value(np.array([mean]), np.array([variance]))
            total += float(value[0])
            gradient += by_mean[0] * by_x_mean + by_variance[0] * by_x_variance
        return total, gradient
