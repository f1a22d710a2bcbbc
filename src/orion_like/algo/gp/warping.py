"""Observed values as targets of a Gaussian process.

Losses: X. Song, Q. Zhang, C. Lee, E. Fertig, T.-K. Huang, L. Belenki, G. Kochanski, S. Ariafar,
S. Vasudevan, S. Perel and D. Golovin, The Vizier Gaussian process bandit algorithm,
arXiv 2408.11527, sec. 4: of the worse half only the order counts, so that no value, however
bad, drowns the differences between good ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGE = 1e150
"""Magnitude beyond which values are scaled down, so that their squares are finite."""


def warp_losses(losses: Floats) -> Floats:
    """Return standardized targets in the order of the losses.

    Examples
    --------
    >>> warp_losses(np.array([1.0, 2.0, 3.0, 1e300])).round(2).tolist()
    [-1.54, -0.01, 0.33, 1.23]
    """
    return standardize(half_rank(losses))


def half_rank(losses: Floats) -> Floats:
    """Return the losses with those above the median replaced by normal quantiles of their ranks.

    The quantiles are scaled by the deviation of the better half from the median.
    """
    from scipy.special import ndtri

    median = np.sort(losses)[(len(losses) - 1) // 2]
    bad = losses > median
    good = losses[~bad]
    if np.abs(good).max() > LARGE:
        good, median = good / LARGE**2, median / LARGE**2
    deviation = np.sqrt(np.mean((good - median) ** 2)) or 1.0
    _, places, counts = np.unique(losses, return_inverse=True, return_counts=True)
    middle_ranks = (np.cumsum(counts) - 0.5 * counts)[places] / len(losses)
    warped = np.empty(len(losses))
    warped[~bad] = good
    warped[bad] = median + deviation * ndtri(np.maximum(middle_ranks[bad], 0.5))
    return warped


def standardize(values: Floats) -> Floats:
    """Return values of mean 0 and deviation 1, or zeros if they are all the same."""
    centred = values - values.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 0 else np.zeros(len(values))


def warp_bounded(values: Floats, lower: float, upper: float) -> tuple[Floats, float, float]:
    """Return values of a constraint as targets, with the bounds in their terms.

    Parameters
    ----------
    values
        Observed values.
    lower, upper
        Bounds, possibly infinite.
    """
    bounds = [bound for bound in (lower, upper) if np.isfinite(bound)]
    centre = float(np.mean(bounds)) if bounds else float(np.median(values))
    scale = float(np.median(np.abs(values - centre))) or 1.0

    def warp(value: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.arcsinh(np.clip((value - centre) / scale, -LARGE, LARGE))

    targets = warp(values)
    mean, deviation = targets.mean(), targets.std() or 1.0
    low, high = ((warp(np.array(bound)) - mean) / deviation for bound in (lower, upper))
    return (
        (targets - mean) / deviation,
        float(low) if np.isfinite(lower) else -np.inf,
        float(high) if np.isfinite(upper) else np.inf,
    )
