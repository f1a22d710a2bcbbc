"""Several objectives as one.

J. Knowles, ParEGO: a hybrid algorithm with on-line landscape approximation for expensive
multiobjective optimization problems, IEEE Transactions on Evolutionary Computation 10 (2006):
each suggestion minimizes an augmented Chebyshev function of its own random weights, so that
all suggestions together approach all of the front.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.warping import half_rank

Floats = NDArray[np.float64]

AUGMENTATION = 0.05  # in ParEGO's eq. 2


def scalarize(losses: Floats, rng: np.random.Generator) -> Floats:
    """Return one loss for each row of losses; those that are NaN stay so.

    Parameters
    ----------
    losses
        (trials, objectives).
    rng
        Source of the weights; a single objective takes none.
    """
    if losses.shape[1] == 1:
        return losses[:, 0]
    weights = rng.dirichlet(np.ones(losses.shape[1]))
    result = np.full(len(losses), np.nan)
    known = ~np.isnan(losses[:, 0])
    scaled = np.stack([_to_unit(half_rank(column)) for column in losses[known].T], axis=1)
    weighted = weights * scaled
    result[known] = weighted.max(axis=1) + AUGMENTATION * weighted.sum(axis=1)
    return result


def _to_unit(values: Floats) -> Floats:
    span = values.max() - values.min()
    scaled: Floats = (values - values.min()) / (span if span > 0 else 1.0)
    return scaled
