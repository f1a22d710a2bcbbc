"""What figures show of an experiment: its finished trials, and what they were for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_like.analysis.libraries import load
from orion_like.analysis.trials import with_objective
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
        Name of the objective.
    direction
        ``minimize`` or ``maximize``.
    trials
        Frame of the trials that have an objective, with a column ``feasible`` if any trial
        reported constraints.
    """

    name: str
    space: Space
    objective: str
    direction: str
    trials: pandas.DataFrame

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
    experiment: ExperimentClient | None, with_evc_tree: bool, order_by: str = "suggested"
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

    Raises
    ------
    OrionLikeError
        If plotly or pandas is not installed.
    ValueError
        If there is no experiment, or no such order.
    """
    check_order(order_by)
    if experiment is None:
        raise ValueError("figures need an experiment, not None")
    load("plotly", "plotting")
    declared = experiment.experiment.declared_objectives[0]
    frame = experiment.to_pandas(with_evc_tree=with_evc_tree)
    completed = frame[frame["status"] == "completed"]
    trials = with_objective(completed).sort_values(order_by, kind="stable")
    return History(
        experiment.name,
        experiment.space,
        declared.name,
        declared.direction,
        trials.reset_index(drop=True),
    )
