"""How long an experiment took, and how parallel it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import check_columns

if TYPE_CHECKING:
    import pandas


def elapsed_seconds(trials: pandas.DataFrame) -> float:
    """Return the time from the start of the first trial to the end of the last, in seconds.

    Trials that did not run, or are not over, do not count. Without any, it is 0.

    Parameters
    ----------
    trials
        Frame of trials.

    Examples
    --------
    >>> import pandas
    >>> times = pandas.to_datetime(["2024-01-01 00:00:00", "2024-01-01 00:01:30"])
    >>> elapsed_seconds(pandas.DataFrame({"reserved": times[:1], "completed": times[1:]}))
    90.0
    """
    start, end = _intervals(trials)
    return float((end.max() - start.min()).total_seconds()) if len(start) else 0.0


def peak_concurrency(trials: pandas.DataFrame) -> int:
    """Return how many trials ran at the same time, at most.

    Parameters
    ----------
    trials
        Frame of trials.

    Examples
    --------
    >>> import pandas
    >>> day = "2024-01-01"
    >>> trials = pandas.DataFrame({
    ...     "reserved": pandas.to_datetime([f"{day} 01:00", f"{day} 01:30", f"{day} 02:00"]),
    ...     "completed": pandas.to_datetime([f"{day} 02:00", f"{day} 03:00", f"{day} 04:00"])})
    >>> peak_concurrency(trials)
    2
    """
    start, end = _intervals(trials)
    # At the same moment ends come first: what follows directly does not overlap.
    events = sorted([(time, -1) for time in end] + [(time, 1) for time in start])
    running = 0
    peak = min(1, len(start))  # also when all of them ended at once
    for _, change in events:
        running += change
        peak = max(peak, running)
    return peak


def _intervals(trials: pandas.DataFrame) -> tuple[Any, Any]:
    pandas = load("pandas", "timing")
    if trials.empty:
        return pandas.Series(dtype="datetime64[ns]"), pandas.Series(dtype="datetime64[ns]")
    check_columns(trials, "reserved", "completed")
    start = pandas.to_datetime(trials["reserved"], utc=True)
    end = pandas.to_datetime(trials["completed"], utc=True)
    ran = start.notna() & end.notna()
    return start[ran], end[ran]
