"""What analyses expect of a frame of trials, and which of its rows count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

Numbers = NDArray[np.float64]

SIGNS = {"minimize": 1.0, "maximize": -1.0}


def sign_of(direction: str) -> float:
    """Return the factor that turns an objective into one to be minimized.

    Raises
    ------
    ValueError
        If the direction is neither ``minimize`` nor ``maximize``.
    """
    if direction not in SIGNS:
        raise ValueError(f"direction {direction!r} is unknown; it is 'minimize' or 'maximize'")
    return SIGNS[direction]


def check_columns(trials: pandas.DataFrame, *columns: str) -> None:
    """Raise ValueError unless a frame has the columns."""
    missing = [column for column in columns if column not in trials.columns]
    if missing:
        raise ValueError(
            f"the frame of trials has no column {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(str, trials.columns)) or 'none'}"
        )


def objectives(trials: pandas.DataFrame, column: str = "objective") -> Numbers:
    """Return the objective of each row, NaN where there is none that is finite."""
    check_columns(trials, column)
    values = np.array([_number(value) for value in trials[column]], dtype=float)
    values[~np.isfinite(values)] = np.nan
    return values


def losses(trials: pandas.DataFrame, direction: str, column: str = "objective") -> Numbers:
    """Return what the best row has least of; NaN for rows that cannot be the best.

    Those are the ones without an objective and, if the frame has a column ``feasible``,
    the ones that violate a constraint.
    """
    values = sign_of(direction) * objectives(trials, column)
    if "feasible" in trials.columns:
        values[~trials["feasible"].eq(True).to_numpy(dtype=bool)] = np.nan
    return values


def with_objective(trials: pandas.DataFrame) -> pandas.DataFrame:
    """Return the rows that have an objective."""
    if trials.empty:
        return trials
    return trials[np.isfinite(objectives(trials))]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan
