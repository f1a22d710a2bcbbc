"""Probability distributions on the real line: cdf, density and quantile function.

Each works on a float as well as on an array. The common ones are written out
here, so that only exotic priors pay for importing `scipy.stats`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Protocol

import numpy as np

# Quantiles 0 and 1 of an unbounded prior are infinite; these are about ±8.2 deviations.
FIRST_QUANTILE = 2.0**-53
LAST_QUANTILE = 1.0 - 2.0**-53

_OUTERMOST = 1e-12  # quantile beyond which scipy may fail to find the value
_LONGEST_TAIL = 2**20  # values that scipy adds up one by one
_NEGLIGIBLE = 1e-12  # probability that is left out of a tail
_RARE = 1e-5  # probability that is left out of a very long tail


class Distribution(Protocol):
    """What a prior needs to know of its distribution."""

    @property
    def low(self) -> float:
        """Lower end of the support, possibly ``-inf``."""

    @property
    def high(self) -> float:
        """Upper end of the support, possibly ``inf``."""

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`, precise in the upper tail."""

    def pdf(self, x: Any) -> Any:
        """Probability density at `x` within the support; continuous distributions only."""

    def ppf(self, u: Any) -> Any:
        """Quantile: the value whose cdf is `u`."""

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`, precise in the upper tail."""


class Uniform:
    """Every value between two bounds is equally probable.

    Parameters
    ----------
    low, high
        Bounds.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high
        self._width = high - low

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""
        return np.clip((x - self.low) / self._width, 0.0, 1.0)

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`."""
        return np.clip((self.high - x) / self._width, 0.0, 1.0)

    def pdf(self, x: Any) -> Any:
        """Probability density at `x`."""
        return np.full(np.shape(x), 1.0 / self._width)

    def ppf(self, u: Any) -> Any:
        """Value whose cdf is `u`; exact at both ends, unlike ``low + u * width``."""
        return self.low * (1.0 - u) + self.high * u

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`."""
        return self.ppf(1.0 - u)


class LogUniform:
    """The logarithm is uniform between the logarithms of two positive bounds.

    Parameters
    ----------
    low, high
        Bounds, > 0.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high
        self._logarithm = Uniform(math.log(low), math.log(high))

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""
        return self._logarithm.cdf(np.log(np.maximum(x, self.low)))

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`."""
        return self._logarithm.sf(np.log(np.maximum(x, self.low)))

    def pdf(self, x: Any) -> Any:
        """Probability density at `x`."""
        return self._logarithm.pdf(x) / x

    def ppf(self, u: Any) -> Any:
        """Value whose cdf is `u`."""
        return np.exp(self._logarithm.ppf(u))

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`."""
        return np.exp(self._logarithm.isf(u))


class Normal:
    """The bell curve.

    Parameters
    ----------
    loc, scale
        Mean and standard deviation.
    """

    low = -math.inf
    high = math.inf

    def __init__(self, loc: float, scale: float) -> None:
        self.loc = loc
        self.scale = scale
        self._ndtr, self._ndtri = _normal_functions()

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""
        return self._ndtr((x - self.loc) / self.scale)

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`, precise in the upper tail."""
        return self._ndtr((self.loc - x) / self.scale)

    def pdf(self, x: Any) -> Any:
        """Probability density at `x`."""
        z = (x - self.loc) / self.scale
        return np.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * self.scale)

    def ppf(self, u: Any) -> Any:
        """Value whose cdf is `u`."""
        return self.loc + self.scale * self._ndtri(u)

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`, precise in the upper tail."""
        return self.loc - self.scale * self._ndtri(u)


class LogNormal:
    """The logarithm is normally distributed.

    Parameters
    ----------
    loc, scale
        Mean and standard deviation of the logarithm.
    """

    low = 0.0
    high = math.inf

    def __init__(self, loc: float, scale: float) -> None:
        self._logarithm = Normal(loc, scale)

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""
        with np.errstate(divide="ignore"):
            return self._logarithm.cdf(np.log(np.maximum(x, 0.0)))

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`, precise in the upper tail."""
        with np.errstate(divide="ignore"):
            return self._logarithm.sf(np.log(np.maximum(x, 0.0)))

    def pdf(self, x: Any) -> Any:
        """Probability density at `x`."""
        x = np.maximum(x, np.finfo(float).tiny)  # where it is 0, as at 0
        return self._logarithm.pdf(np.log(x)) / x

    def ppf(self, u: Any) -> Any:
        """Value whose cdf is `u`."""
        return np.exp(self._logarithm.ppf(u))

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`, precise in the upper tail."""
        return np.exp(self._logarithm.isf(u))


@cache
def _normal_functions() -> tuple[Any, Any]:
    from scipy.special import ndtr, ndtri

    return ndtr, ndtri


class ScipyDistribution:
    """A distribution of `scipy.stats`, continuous or discrete.

    Parameters
    ----------
    frozen
        Distribution with its parameters.

    Raises
    ------
    ValueError
        If the parameters are outside of what the distribution allows.
    """

    def __init__(self, frozen: Any) -> None:
        low, high = frozen.support()
        self.low = float(low)
        self.high = float(high)
        if math.isnan(self.low) or math.isnan(self.high):
            raise ValueError("the parameters are outside of what scipy.stats allows")
        self._frozen = frozen
        # Between whole numbers, some discrete distributions of scipy return NaN.
        self._known = np.asarray if hasattr(frozen, "pdf") else np.floor
        self._first = 0.0 if math.isfinite(self.low) else _OUTERMOST
        self._last = 1.0 if math.isfinite(self.high) else 1.0 - _OUTERMOST

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""
        return self._frozen.cdf(self._known(x))

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`."""
        return self._frozen.sf(self._known(x))

    def pdf(self, x: Any) -> Any:
        """Probability density at `x`."""
        return self._frozen.pdf(x)

    def ppf(self, u: Any) -> Any:
        """Value whose cdf is `u`."""
        return self._frozen.ppf(np.clip(u, self._first, self._last))

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`."""
        return self._frozen.isf(u)


def cut_tail(distribution: ScipyDistribution) -> Distribution:
    """Leave out the end of a tail that scipy adds up value by value.

    Its quantile function would take all memory for the rare values far out.

    Raises
    ------
    ValueError
        If too much of the distribution lies out there.
    """
    length = 1
    while length < _LONGEST_TAIL and distribution.sf(distribution.low + length) > _NEGLIGIBLE:
        length *= 2
    if distribution.sf(distribution.low + length) < _RARE:
        # Between whole numbers, so that the first and the last keep their probability.
        return Truncated(distribution, distribution.low - 0.5, distribution.low + length + 0.5)
    raise ValueError("very large values are too probable; give an upper bound, such as high=1000")


class Truncated:
    """A distribution restricted to an interval.

    Parameters
    ----------
    inner
        The whole distribution.
    low, high
        Interval, possibly infinite.

    Raises
    ------
    ValueError
        If the interval has next to no probability.
    """

    def __init__(self, inner: Distribution, low: float, high: float) -> None:
        self.low = low
        self.high = high
        self._inner = inner
        # In the upper tail the cdf is 1 up to rounding; there the sf keeps the precision.
        self._is_upper = bool(math.isfinite(low) and inner.cdf(low) > 0.5)
        probability = inner.sf if self._is_upper else inner.cdf
        self._start = float(probability(low)) if math.isfinite(low) else 0.0
        end = float(probability(high)) if math.isfinite(high) else float(not self._is_upper)
        self._mass = abs(end - self._start)
        if not self._mass > 0:
            raise ValueError(f"next to no values lie between {low:g} and {high:g}")

    def cdf(self, x: Any) -> Any:
        """Probability of a value ≤ `x`."""
        x = np.clip(x, self.low, self.high)
        if self._is_upper:
            return (self._start - self._inner.sf(x)) / self._mass
        return (self._inner.cdf(x) - self._start) / self._mass

    def sf(self, x: Any) -> Any:
        """Probability of a value > `x`."""
        return 1.0 - self.cdf(x)

    def pdf(self, x: Any) -> Any:
        """Probability density at `x`."""
        return self._inner.pdf(x) / self._mass

    def ppf(self, u: Any) -> Any:
        """Value whose cdf is `u`."""
        if self._is_upper:
            value = self._inner.isf(self._start - u * self._mass)
        else:
            # Rounding must not make it 1, whose quantile may be infinite.
            value = self._inner.ppf(np.minimum(self._start + u * self._mass, LAST_QUANTILE))
        return np.clip(value, self.low, self.high)

    def isf(self, u: Any) -> Any:
        """Value whose sf is `u`."""
        return self.ppf(1.0 - u)


def restricted(distribution: Distribution, low: float, high: float) -> Distribution:
    """Restrict a distribution to an interval, staying within its own kind where possible.

    Raises
    ------
    ValueError
        If nothing, or next to nothing, of the distribution lies in the interval.
    """
    if low <= distribution.low and high >= distribution.high:
        return distribution
    if isinstance(distribution, (Uniform, LogUniform)):
        low, high = max(low, distribution.low), min(high, distribution.high)
    if not low < high:
        raise ValueError(f"nothing lies between {low:g} and {high:g}")
    if isinstance(distribution, (Uniform, LogUniform)):
        return type(distribution)(low, high)
    return Truncated(distribution, low, high)
