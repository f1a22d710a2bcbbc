"""Quadratic models around a point, and their minimum within a box.

The models are in the difference p to the point: m(p) = g·p + p·B·p / 2, with B positive definite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAMPING = 0.2
"""Least curvature along a step, as a share of what the model had (Powell 1978, eq. 5.8)."""

MAX_CURVED = 12
"""Columns up to which a regression has mixed second derivatives."""

RIDGE = 1e-6
"""Weight of the squared second derivatives in a regression, which picks the smallest ones."""

LARGEST = 1e200
"""Largest difference of values that is told from larger ones."""

LEAST_CURVATURE = 1e-6
"""Least eigenvalue of B as a share of the largest."""


def quasi_newton(gradient: Floats, pairs: Sequence[tuple[Floats, Floats]], reach: float) -> Floats:
    """Return B from differences of gradients, by damped BFGS updates.

    J. Nocedal and S. J. Wright, Numerical Optimization, 2nd edition (2006): eq. 6.19 for the
    update, procedure 18.2 for the damping after M. J. D. Powell (1978), eq. 6.20 for the scale.

    Parameters
    ----------
    gradient
        Gradient at the centre.
    pairs
        Steps and the differences of the gradients along them, oldest first.
    reach
        Largest coordinate of the first step, which steepest descent makes.
    """
    steepest = float(np.max(np.abs(gradient), initial=0.0)) / reach
    scale = next((y @ y / (s @ y) for s, y in reversed(pairs) if s @ y > 0), 0.0)
    matrix: Floats = np.eye(len(gradient)) * (scale if scale > 0 else max(steepest, 1e-300))
    for s, y in pairs:
        predicted = matrix @ s
        curvature = s @ predicted
        if not curvature > 0:
            continue
        if s @ y < DAMPING * curvature:
            theta = (1 - DAMPING) * curvature / (curvature - s @ y)
            y = theta * y + (1 - theta) * predicted
        matrix = matrix - np.outer(predicted, predicted) / curvature + np.outer(y, y) / (s @ y)
    return matrix


def regression(
    differences: Floats,
    values: Floats,
    gradients: Iterable[tuple[Floats, Floats]],
    reach: float,
) -> tuple[Floats, Floats]:
    """Return g and B from values around a point, and from partial derivatives where known.

    Of all quadratic models that fit, it is about the one of least second derivatives
    (M. J. D. Powell, Least Frobenius norm updating of quadratic models that satisfy
    interpolation conditions, Mathematical Programming 100 (2004)).

    Parameters
    ----------
    differences
        Differences p to the point, one a row.
    values
        Values there, minus that of the point.
    gradients
        Differences and derivatives there, NaN where not known.
    reach
        Distance within which the model shall hold.

    Returns
    -------
    tuple
        g and B, NaN if the values are too huge or tiny.
    """
    n, d = differences.shape
    values = np.clip(values, -LARGEST, LARGEST)
    p = differences / reach
    mixed = np.triu_indices(d) if d <= MAX_CURVED else (np.arange(d), np.arange(d))
    # Values far away, and far above those that decide on the slopes, count less.
    size = max(float(np.sort(np.abs(values))[min(n - 1, d)]), 1e-300) if n else 1.0
    weights = _falling(p) / np.maximum(1.0, np.abs(values) / size)
    # A mixed term counts once, a square half: m(p) = … + B_jk p_j p_k + B_jj p_j² / 2.
    factors = np.where(mixed[0] == mixed[1], 0.5, 1.0)
    rows = [np.hstack([p, p[:, mixed[0]] * p[:, mixed[1]] * factors]) * weights[:, None]]
    targets = [values / size * weights]
    for difference, derivatives in gradients:
        q = difference / reach
        weight = float(_falling(q))
        known = np.flatnonzero(np.isfinite(derivatives))
        slopes = np.zeros((len(known), d + len(mixed[0])))
        slopes[np.arange(len(known)), known] = 1.0
        for row, j in enumerate(known):
            along = (mixed[0] == j) * q[mixed[1]] + (mixed[1] == j) * q[mixed[0]]
            slopes[row, d:] = along * factors
        rows.append(slopes * weight)
        with np.errstate(over="ignore"):
            targets.append(derivatives[known] * reach / size * weight)
    ridge = np.sqrt(RIDGE) * np.eye(d + len(mixed[0]))
    ridge[:d] *= 1e-3
    rows.append(ridge)
    targets.append(np.zeros(len(ridge)))
    target = np.concatenate(targets)
    if not np.isfinite(target).all():  # huge or tiny values
        return np.full(d, np.nan), np.full((d, d), np.nan)
    solution: Any = np.linalg.lstsq(np.vstack(rows), target, rcond=None)[0]
    matrix = np.zeros((d, d))
    matrix[mixed] = solution[d:] * np.where(mixed[0] == mixed[1], 0.5, 1.0)
    matrix += matrix.T
    return solution[:d] * size / reach, matrix * size / reach**2


def _falling(p: Floats) -> Floats:
    """Return a weight for each difference: 1 within reach, then falling with its third power."""
    weights: Floats = np.maximum(1.0, np.max(np.abs(p), axis=-1, initial=0.0)) ** -3.0
    return weights


def minimum(gradient: Floats, matrix: Floats, low: Floats, high: Floats) -> Floats:
    """Return the p of the lowest g·p + p·B·p / 2 with low ≤ p ≤ high.

    Directions of negative curvature are taken for ones of as much positive curvature.

    Parameters
    ----------
    gradient, matrix
        g and B.
    low, high
        Bounds, low < high.

    Examples
    --------
    >>> minimum(np.array([-1.0, -4.0]), np.eye(2), np.full(2, -2.0), np.full(2, 2.0))
    array([1., 2.])
    """
    from scipy.optimize import lsq_linear

    curvatures, axes = np.linalg.eigh(matrix)
    curvatures = np.abs(curvatures)
    curvatures = np.maximum(curvatures, max(LEAST_CURVATURE * curvatures.max(), 1e-300))
    roots = np.sqrt(curvatures)
    # It is the p of the least |A p - b|² with A'A = B and A'b = -g.
    found: Floats = lsq_linear(
        roots[:, None] * axes.T, -(axes.T @ gradient) / roots, (low, high), method="bvls"
    ).x
    return found
