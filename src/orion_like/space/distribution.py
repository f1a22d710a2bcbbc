"""Probability distributions on the real line, as pairs of cdf and quantile function.

Each works on a float as well as on an array. The common ones are written out
here, so that only exotic priors pay for importing `scipy.stats`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Protocol

import numpy as np


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
        return (x - self.low) / self._width

    def sf(self, x: Any) -> Any:
        return (self.high - x) / self._width

    def ppf(self, u: Any) -> Any:
        # Exact at both ends, unlike low + u * width.
        return self.low * (1.0 - u) + self.high * u

    def isf(self, u: Any) -> Any:
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
        self._log_low = math.log(low)
        self._log_high = math.log(high)
        self._width = self._log_high - self._log_low

    def cdf(self, x: Any) -> Any:
        return (np.log(x) - self._log_low) / self._width

    def sf(self, x: Any) -> Any:
        return (self._log_high - np.log(x)) / self._width

    def ppf(self, u: Any) -> Any:
        return np.exp(self._log_low + self._width * u)

    def isf(self, u: Any) -> Any:
        return self.ppf(1.0 - u)


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
        return self._ndtr((x - self.loc) / self.scale)

    def sf(self, x: Any) -> Any:
        return self._ndtr((self.loc - x) / self.scale)

    def ppf(self, u: Any) -> Any:
        return self.loc + self.scale * self._ndtri(u)

    def isf(self, u: Any) -> Any:
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
        self._normal = Normal(loc, scale)

    def cdf(self, x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return self._normal.cdf(np.log(x))

    def sf(self, x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return self._normal.sf(np.log(x))

    def ppf(self, u: Any) -> Any:
        return np.exp(self._normal.ppf(u))

    def isf(self, u: Any) -> Any:
        return np.exp(self._normal.isf(u))


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
    """

    def __init__(self, frozen: Any) -> None:
        low, high = frozen.support()
        self.low = float(low)
        self.high = float(high)
        self.cdf = frozen.cdf
        self.sf = frozen.sf
        self.ppf = frozen.ppf
        self.isf = frozen.isf


class Truncated:
    """A distribution restricted to an interval.

    Parameters
    ----------
    inner
        The whole distribution.
    low, high
        Interval.

    Raises
    ------
    ValueError
        If the interval has next to no probability.
    """

    def __init__(self, inner: Distribution, low: float, high: float) -> None:
        self.low = max(low, inner.low)
        self.high = min(high, inner.high)
        self._inner = inner
        # In the upper tail the cdf is 1 up to rounding; there the sf keeps the precision.
        self._upper = bool(inner.cdf(low) > 0.5)
        probability = inner.sf if self._upper else inner.cdf
        self._start = float(probability(low)) if math.isfinite(low) else float(self._upper)
        end = float(probability(high)) if math.isfinite(high) else float(not self._upper)
        self._mass = abs(end - self._start)
        if not self._mass > 0:
            raise ValueError(f"the interval from {low:g} to {high:g} has no probability")

    def cdf(self, x: Any) -> Any:
        x = np.clip(x, self.low, self.high)
        if self._upper:
            return (self._start - self._inner.sf(x)) / self._mass
        return (self._inner.cdf(x) - self._start) / self._mass

    def sf(self, x: Any) -> Any:
        return 1.0 - self.cdf(x)

    def ppf(self, u: Any) -> Any:
        if self._upper:
            value = self._inner.isf(self._start - u * self._mass)
        else:
            value = self._inner.ppf(self._start + u * self._mass)
        return np.clip(value, self.low, self.high)

    def isf(self, u: Any) -> Any:
        return self.ppf(1.0 - u)


def restricted(distribution: Distribution, low: float, high: float) -> Distribution:
    """Restrict a distribution to an interval, staying within its own kind where possible.

    Raises
    ------
    ValueError
        If nothing, or next to nothing, of the distribution lies in the interval.
    """
    low, high = max(low, distribution.low), min(high, distribution.high)
    if (low, high) == (distribution.low, distribution.high):
        return distribution
    if not low < high:
        raise ValueError(f"nothing lies between {low:g} and {high:g}")
    if isinstance(distribution, (Uniform, LogUniform)):
        return type(distribution)(low, high)
    return Truncated(distribution, low, high)
