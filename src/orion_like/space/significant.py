"""Numbers of a limited count of significant decimal digits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

_MAX_COUNTED = 15  # digits: above, neighbouring decimals may be the same float


def round_significant(x: float, digits: int) -> float:
    """Round to a number of significant digits.

    Examples
    --------
    >>> round_significant(0.0123456, 3)
    0.0123
    """
    return float(f"{x:.{digits - 1}e}")


class SignificantRange:
    """All values that rounding to `digits` and clipping can give between two bounds.

    There are infinitely many if zero is among them, as they crowd around it.

    Parameters
    ----------
    low, high
        Bounds, inclusive.
    digits
        Significant digits.
    """

    def __init__(self, low: float, high: float, digits: int) -> None:
        self._low, self._high, self._digits = low, high, digits
        self.is_finite = (
            digits <= _MAX_COUNTED
            and (low > 0 or high < 0)
            and math.isfinite(low)
            and math.isfinite(high)
        )
        if self.is_finite:
            mirrored = high < 0
            near, far = (-high, -low) if mirrored else (low, high)
            self._sign = -1 if mirrored else 1
            self._first = self._rank(near, ROUND_CEILING)
            self._last = self._rank(far, ROUND_FLOOR)

    def count(self) -> int:
        """Return how many values there are."""
        inner = max(0, self._last - self._first + 1)
        return inner + len(self._clipped_low()) + len(self._clipped_high())

    def __iter__(self) -> Iterator[float]:
        yield from self._clipped_low()
        ranks = range(self._first, self._last + 1)
        for rank in ranks if self._sign > 0 else reversed(ranks):
            yield self._sign * self._value(rank)
        yield from self._clipped_high()

    def _clipped_low(self) -> list[float]:
        return [self._low] if round_significant(self._low, self._digits) < self._low else []

    def _clipped_high(self) -> list[float]:
        return [self._high] if round_significant(self._high, self._digits) > self._high else []

    # Positive decimals in order have consecutive ranks: 9·10^(digits-1) per power of ten.

    @property
    def _per_decade(self) -> int:
        return 9 * self._smallest

    @property
    def _smallest(self) -> int:
        return int(10 ** (self._digits - 1))

    def _rank(self, x: float, rounding: str) -> int:
        decimal = Decimal(repr(x))
        exponent = decimal.adjusted()
        scaled = decimal.scaleb(self._digits - 1 - exponent)
        mantissa = int(scaled.to_integral_value(rounding))
        return exponent * self._per_decade + mantissa - self._smallest

    def _value(self, rank: int) -> float:
        exponent, offset = divmod(rank, self._per_decade)
        mantissa = self._smallest + offset
        return float(f"{mantissa}e{exponent - self._digits + 1}")
