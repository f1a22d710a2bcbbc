"""What appears when the pointer is on a trial."""

from __future__ import annotations

from typing import Any

from orion_like.analysis.features import points_of
from orion_like.plotting.figure import lines
from orion_like.plotting.history import History


def hover_labels(history: History, verbose: bool) -> list[str]:
    """Return the label of each trial.

    Parameters
    ----------
    history
        The trials.
    verbose
        Whether to show times and parameters too.
    """
    labels = []
    points = points_of(history.trials, history.space)
    for row, point in zip(history.trials.to_dict("records"), points, strict=True):
        facts: dict[str, Any] = {"ID": row["id"], history.objective: row["objective"]}
        for name in history.directions if len(history.directions) > 1 else ():
            facts[name] = row[f"objective.{name}"]
        if row.get("feasible") is False:
            facts["feasible"] = "no"
        if verbose:
            facts |= {f"{name} at": _time(row[name]) for name in ("suggested", "completed")}
            facts |= {name: point[name] for name in history.space if name in point}
        labels.append(lines(facts))
    return labels


def _time(time: Any) -> str:
    return "unknown" if time is None or time != time else f"{time:%Y-%m-%d %H:%M:%S}"
