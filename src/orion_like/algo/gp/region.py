"""Where to look: all of the space, or a box around the best trial.

Like the trust region of D. Eriksson, M. Pearce, J. Gardner, R. Turner and M. Poloczek, Scalable
global optimization via local Bayesian optimization, arXiv 1910.01739, the box is centred on
the best trial and follows it. Its size is not a counter's but that of the cloud of the trials
nearest to the best one: with each trial in the box the cloud contracts, and where trials lead
away from it, it reaches as far as they did. So it is a function of the set of trials alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.embedding import Box, Embedding

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAST_SIZE = 1e-7
"""Smallest half side of a box."""

MAX_LOCAL = 150
"""Most trials of a local model."""


def cloud_size(width: int, gradients: bool) -> int:
    """Return how many trials a box is drawn around: those that determine a quadratic, and a few.

    Parameters
    ----------
    width
        Number of columns.
    gradients
        Whether trials have gradients.

    Examples
    --------
    >>> [cloud_size(width, gradients=False) for width in (1, 2, 5, 10, 50)]
    [4, 8, 26, 76, 100]
    >>> [cloud_size(width, gradients=True) for width in (1, 2, 5, 10, 50)]
    [3, 4, 9, 16, 76]
    """
    values = (width + 1) * (width + 2) // 2
    return min(-(-values // (width + 1)) if gradients else values, 100 - width) + width


def local_box(
    embedding: Embedding, vectors: Floats, best: int, scales: Floats, size: int
) -> tuple[Box, Rows]:
    """Return a box around the best trial, and the trials that are to model it.

    Parameters
    ----------
    embedding
        The columns.
    vectors
        Encoded trials.
    best
        Position of the best one.
    scales
        Length scale of each coordinate.
    size
        How many of the nearest trials lie in the box.
    """
    unit = Box.unit(len(embedding.numeric))
    coordinates = embedding.coordinates(vectors, unit)
    differences = (coordinates - coordinates[best]) / scales
    distances = np.einsum("ij,ij->i", differences, differences)
    order = np.argsort(distances, kind="stable")
    near = order[:size]
    centre = coordinates[best, : len(embedding.numeric)]
    reach = np.abs(coordinates[near, : len(embedding.numeric)] - centre)
    half = np.maximum(reach.max(axis=0), LEAST_SIZE)
    box = Box(np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))
    return box, np.sort(order[: max(len(near), min(MAX_LOCAL, len(order)))])
