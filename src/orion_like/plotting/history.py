"""What figures show of an experiment: its finished trials, and what they were for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import with_objective
from orion_like.errors import ObjectiveError
from orion_like.space import Space
from orion_like.spelling import did_you_mean

if TYPE_CHECKING:
    import pandas

    from orion_like.client import ExperimentClient

ORDERS = ("suggested", "reserved", "completed")


@dataclass(frozen=True)
class History:
    """The finished trials of an experiment.

    Parameters
    ----------
    name
        Name of the experiment.
    space
        What was searched.
    objective
        Name of the objective that is shown, which the column ``objective`` has.
    direction
        ``minimize`` or ``maximize``.
    trials
        Frame of the trials that have this objective, as `ExperimentClient.to_pandas` gives it.
    directions
        Directions of all objectives by name.
    """

    name: str
    space: Space
    objective: str
    direction: str
    trials: pandas.DataFrame
    directions: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is completed."""
        return bool(self.trials.empty)


def check_order(order_by: str) -> None:
    """Raise ValueError unless trials can be put in this order."""
    if order_by not in ORDERS:
        raise ValueError(
            f"order_by {order_by!r} is unknown; it is one of {', '.join(ORDERS)}"
            f"{did_you_mean(str(order_by), ORDERS)}"
        )


def read_history(
    experiment: ExperimentClient | None,
    with_evc_tree: bool,
    order_by: str = "suggested",
    objective: str | None = None,
) -> History:
    """Return what figures show of an experiment.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of the other versions.
    order_by
        Time by which the trials are ordered: ``suggested``, ``reserved`` or ``completed``.
    objective
        Name of the objective that is shown. Default: the first one.

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ObjectiveError
        If there is no such objective.
    ValueError
        If there is no experiment, or no such order.
    """
    check_order(order_by)
    if experiment is None:
        raise ValueError("figures need an experiment, not None")
    load("plotly", "plotting")
    directions = {o.name: o.direction for o in experiment.experiment.declared_objectives}
    shown = next(iter(directions)) if objective is None else objective
    check_objectives([shown], directions, experiment.name)
    frame = experiment.to_pandas(with_evc_tree=with_evc_tree)
    completed = frame[frame["status"] == "completed"]
    if len(directions) > 1:
        completed = completed.assign(objective=completed[f"objective.{shown}"])
    trials = with_objective(completed).sort_values(order_by, kind="stable")
    return History(
        experiment.name,
        experiment.space,
        shown,
        directions[shown],
        trials.reset_index(drop=True),
        directions,
    )


def check_objectives(names: Iterable[str], declared: Iterable[str], experiment: str) -> None:
    """Raise ObjectiveError unless an experiment has these objectives."""
    for name in names:
        if name not in declared:
            raise ObjectiveError(
                f"experiment {experiment!r} has no objective {name!r}; it has "
                f"{', '.join(declared)}{did_you_mean(str(name), declared)}"
            )
