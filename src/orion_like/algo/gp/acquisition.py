"""What makes a point worth a trial: expected improvement and probability of feasibility.

With two objectives, the improvement is that of the hypervolume. Logarithms throughout, as in
S. Ament, S. Daulton, D. Eriksson, M. Balandat and E. Bakshy, Unexpected improvements to expected
improvement for Bayesian optimization, arXiv 2310.20708, so that values and slopes are useful also
where there is hardly any hope.
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


class Process(Protocol):
    """A Gaussian process, whatever it has learnt from."""

    @property
    def coordinates(self) -> Floats:
        """Observed points."""

    def believing(self, coordinates: Floats) -> Process:
        """Return the process that also has observed its own mean at further points."""

    def predict(self, coordinates: Floats) -> tuple[Floats, Floats]:
        """Return the means and variances at some points, without noise."""

    def predict_with_gradient(self, point: Floats) -> tuple[float, float, Floats, Floats]:
        """Return mean and variance at one point, and their gradients by its coordinates."""


class Term(Protocol):
    """A function of the means and variances of some processes."""

    @property
    def posteriors(self) -> tuple[Process, ...]:
        """The processes."""

    def value(self, means: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the values at n points, and their derivatives by means and variances.

        Parameters
        ----------
        means, variances
            (processes, n).
        """


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

    posterior: Process
    best: float

    @property
    def posteriors(self) -> tuple[Process, ...]:
        """The model."""
        return (self.posterior,)

    def value(self, means: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the values at n points, and their derivatives by means and variances."""
        from scipy.special import log_ndtr

        deviations = np.sqrt(variances)
        z = (self.best - means) / deviations
        log_h = log_improvement(z)
        slope = np.exp(log_ndtr(z) - log_h)  # h' / h, since h' is the normal distribution function
        return (
            (np.log(deviations) + log_h)[0],
            -slope / deviations,
            0.5 * (1.0 - slope * z) / variances,
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
class HypervolumeImprovement:
    """Logarithm of the expected improvement of the hypervolume of two losses.

    M. Emmerich, A. Deutz and J. W. Klinkenberg, Hypervolume-based expected improvement:
    monotonicity properties and exact computation, IEEE CEC 2011. The front cuts what it does not
    dominate into strips along the second loss. As the losses are independent, the improvement
    expected in a strip is the product of a difference of two expected improvements of the first
    loss, below its ends, and the expected improvement of the second one below its top.

    Parameters
    ----------
    posteriors
        Models of the two losses.
    front
        Losses none of which dominates another one, (points, 2), in ascending order of the first.
    reference
        What the losses must stay below, (2,).
    """

    posteriors: tuple[Posterior, Posterior]
    front: Floats
    reference: Floats

    def value(self, means: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the values at n points, and their derivatives by means and variances."""
        from scipy.special import log_ndtr, logsumexp

        deviations = np.sqrt(variances)
        ends = np.append(self.front[:, 0], self.reference[0])[:, None]
        tops = np.append(self.reference[1], self.front[:, 1])[:, None]
        z, y = (ends - means[0]) / deviations[0], (tops - means[1]) / deviations[1]
        log_h, log_height = log_improvement(z), log_improvement(y)
        log_width = log_h.copy()
        log_width[1:] += np.log1p(-np.exp(np.minimum(log_h[:-1] - log_h[1:], -1e-15)))
        total = logsumexp(log_width + log_height, axis=0)
        # In units of the total, with h' the normal distribution function.
        left = np.concatenate([np.full_like(z[:1], -np.inf), z[:-1]])
        heights = log_height - total
        in_strip = np.exp(log_probability_between(left, z) + heights).sum(axis=0)
        ahead = z * np.exp(log_ndtr(z) + heights)
        ahead[1:] -= z[:-1] * np.exp(log_ndtr(z[:-1]) + heights[1:])
        below = np.exp(log_ndtr(y) + log_width - total)
        by_means = -np.stack([in_strip, below.sum(axis=0)]) / deviations
        by_variances = 1.0 - np.stack([ahead.sum(axis=0), (y * below).sum(axis=0)])
        return np.log(deviations).sum(axis=0) + total, by_means, 0.5 * by_variances / variances


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

    @property
    def posteriors(self) -> tuple[Process, ...]:
        """The model."""
        return (self.posterior,)

    def value(self, means: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the values at n points, and their derivatives by means and variances."""
        deviations = np.sqrt(variances)
        a, b = (self.lower - means) / deviations, (self.upper - means) / deviations
        log_p = log_probability_between(a, b)
        density_a = np.exp(-0.5 * a * a - LOG_SQRT_2PI - log_p)
        density_b = np.exp(-0.5 * b * b - LOG_SQRT_2PI - log_p)
        by_means = (density_a - density_b) / deviations
        with np.errstate(invalid="ignore"):
            moment_a = np.where(np.isinf(a), 0.0, a * density_a)
            moment_b = np.where(np.isinf(b), 0.0, b * density_b)
        return log_p[0], by_means, 0.5 * (moment_a - moment_b) / variances


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
            predictions = [posterior.predict(coordinates) for posterior in term.posteriors]
            total += term.value(*(np.stack(part) for part in zip(*predictions, strict=True)))[0]
        return total

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """Return the value at one point and its gradient by the coordinates."""
        total, gradient = 0.0, np.zeros(len(point))
        for term in self.terms:
            predictions = [posterior.predict_with_gradient(point) for posterior in term.posteriors]
            means = np.array([[mean] for mean, *_ in predictions])
            variances = np.array([[variance] for _, variance, *_ in predictions])
            value, by_means, by_variances = term.value(means, variances)
            total += float(value[0])
            for by_mean, by_variance, found in zip(
                by_means[:, 0], by_variances[:, 0], predictions, strict=True
            ):
                gradient += by_mean * found[2] + by_variance * found[3]
        return total, gradient
