"""The Matérn kernel of smoothness 5/2.

C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, eq. 4.17.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def matern52(squared_distance: Floats) -> tuple[Floats, Floats]:
    """Return the correlation at scaled distances r, and minus twice its derivative by r².

    Parameters
    ----------
    squared_distance
        r², any shape.

    Examples
    --------
    >>> correlation, slope = matern52(np.array([0.0]))
    >>> float(correlation[0]), round(float(slope[0]), 3)
    (1.0, 1.667)
    """
    s = np.sqrt(5.0 * squared_distance)
    decay = np.exp(-s)
    slope = (1.0 + s) * decay
    correlation: Floats = slope + (s * s / 3.0) * decay
    slope *= 5.0 / 3.0
    return correlation, slope
