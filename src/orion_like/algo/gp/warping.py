"""Observed values as targets of a Gaussian process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGE = 1e150
"""Magnitude beyond which values are scaled down, so that their squares are finite."""


def warp_losses(losses: Floats, bend: float) -> tuple[Floats, Floats]:
    """Return standardized targets in the order of the losses, and their slopes by the losses.

    Targets grow like the losses near the best one and like their logarithms far away from it, so
    that no value, however bad, drowns the differences between good ones. As all is smooth, so
    is what smooth functions become.

    Parameters
    ----------
    losses
        At least one.
    bend
        Where the one goes over into the other, in distances of the median from the best.

    Examples
    --------
    >>> targets, slopes = warp_losses(np.array([1.0, 2.0, 3.0, 11.0]), bend=1.0)
    >>> targets.round(2).tolist(), slopes.round(2).tolist()
    ([-1.13, -0.45, -0.0, 1.59], [0.89, 0.53, 0.38, 0.12])
    """
    best = losses.min()
    with np.errstate(over="ignore", divide="ignore"):
        middle = bend * min(float(np.median(losses) - best), LARGE) or 1.0
        above = np.minimum(losses - best, LARGE * middle)
        targets = np.log1p(above / middle)
        deviation = targets.std() or 1.0
        return (targets - targets.mean()) / deviation, 1.0 / (middle + above) / deviation


def standardized(values: Floats) -> Floats:
    """Return values with mean 0 and standard deviation 1, or 0 if they are all the same."""
    centred = values - values.mean()
    result: Floats = centred / (centred.std() or 1.0)
    return result


def half_rank(losses: Floats) -> Floats:
    """Return the losses with those above the median replaced by normal quantiles of their ranks.

    X. Song et al., The Vizier Gaussian process bandit algorithm, arXiv 2408.11527, sec. 4. The
    quantiles are scaled by the deviation of the better half from the median.
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
