"""Intermediate reports as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orion_like.errors import OrionLikeError
from orion_like.storage.metrics import Report
from orion_like.trial import Trial

if TYPE_CHECKING:
    import pandas


def metric_frame(trials: Mapping[Any, Trial], reports: Iterable[Report]) -> pandas.DataFrame:
    """Return one row a report: trial, its number and attempt, group, step, time and values.

    Parameters
    ----------
    trials
        The trials by their ``_id``; reports of others are left out.
    reports
        The reports.

    Raises
    ------
    OrionLikeError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise OrionLikeError(
            "metrics_to_pandas needs pandas, which is not installed: pip install "
            "'orion_like[pandas]'"
        ) from None
    known = [report for report in reports if report.trial in trials]
    rows = [
        {
            "trial": trials[report.trial].id,
            "number": trials[report.trial].number,
            "attempt": report.attempt,
            "group": report.group,
            "step": report.step,
            "time": report.time,
            **{f"values.{name}": value for name, value in report.values.items()},
        }
        for report in known
    ]
    names = sorted({f"values.{name}" for report in known for name in report.values})
    columns = ["trial", "number", "attempt", "group", "step", "time", *names]
    return pandas.DataFrame(rows, columns=columns)
