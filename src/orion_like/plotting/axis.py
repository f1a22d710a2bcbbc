"""How the values of a parameter are laid out along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orion_like.plotting.figure import text
from orion_like.space import Categorical, Dimension, Fidelity
from orion_like.space.numeric import Numeric

LOGARITHMIC_PRIORS = {"loguniform", "reciprocal", "lognormal"}
WIDE = 100  # ratio from which fidelities have a logarithmic axis
MARGIN = 0.12  # of the axis, below which what is inactive stands
N_TICKS = 6


def is_logarithmic(dimension: Dimension) -> bool:
    """Tell whether the values of a dimension are best seen on a logarithmic axis."""
    if isinstance(dimension, Fidelity):
        return dimension.high >= dimension.low * WIDE
    if not isinstance(dimension, Numeric):
        return False
    return dimension.prior.function in LOGARITHMIC_PRIORS


@dataclass(frozen=True)
class Axis:
    """Positions of values along an axis that knows only numbers.

    Parameters
    ----------
    positions
        One per value.
    low, high
        Ends of the axis.
    ticks
        Positions and texts of ticks, none to leave them to the figure.
    """

    positions: list[float]
    low: float
    high: float
    ticks: list[tuple[float, str]] = field(default_factory=list)


def axis_of(dimension: Dimension, values: Sequence[Any]) -> Axis:
    """Return where values stand; None, which is inactive, stands below all others.

    Parameters
    ----------
    dimension
        The dimension.
    values
        Elements of its values, or None.
    """
    if isinstance(dimension, Categorical):
        return _of_categories(dimension, values)
    if is_logarithmic(dimension):
        return _of_numbers(dimension, values, math.log10, lambda position: 10.0**position)
    return _of_numbers(dimension, values, float, float)


def _of_categories(dimension: Categorical, values: Sequence[Any]) -> Axis:
    inactive = None in values and None not in dimension
    positions = [
        -1.0 if value is None and inactive else float(dimension.index(value)) for value in values
    ]
    count = len(dimension.categories)
    ticks = [(float(i), text(dimension.category(i))) for i in range(count)]
    low = -1.0 if inactive else 0.0
    return Axis(positions, low, max(count - 1.0, low + 1.0), _inactive(inactive, -1.0) + ticks)


def _of_numbers(
    dimension: Dimension, values: Sequence[Any], to_position: Any, to_value: Any
) -> Axis:
    numbers = [to_position(value) for value in values if value is not None]
    low, high = _ends(dimension, numbers, to_position)
    below = low - MARGIN * (high - low)
    has_inactive = None in values
    positions = [below if value is None else to_position(value) for value in values]
    ticks = _ticks(low, high, to_value) if has_inactive or to_position is not float else []
    return Axis(
        positions, below if has_inactive else low, high, _inactive(has_inactive, below) + ticks
    )


def _ends(dimension: Dimension, numbers: list[float], to_position: Any) -> tuple[float, float]:
    """Return the bounds of the dimension, or those of its values where it has none."""
    start, end = dimension.interval()
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if math.isfinite(start) and (start > 0 or not is_logarithmic(dimension)):
        low = to_position(start)
    if math.isfinite(end):
        high = to_position(end)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _ticks(low: float, high: float, to_value: Any) -> list[tuple[float, str]]:
    """Return ticks at powers of ten, or at even distances if there are few."""
    decades = list(range(math.ceil(low), math.floor(high) + 1)) if to_value is not float else []
    inner = [float(decade) for decade in decades]
    if len(inner) < 3:
        inner = [low + (high - low) * i / (N_TICKS - 1) for i in range(N_TICKS)]
    return [(position, f"{to_value(position):.3g}") for position in inner]


def _inactive(there_are: bool, position: float) -> list[tuple[float, str]]:
    return [(position, "inactive")] if there_are else []
