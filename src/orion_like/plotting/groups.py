"""Experiments to compare: one or more under each name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from orion_like.plotting.history import History, read_history

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient

Experiments: TypeAlias = (
    "Iterable[ExperimentClient]"
    " | Mapping[str, ExperimentClient]"
    " | Mapping[str, Iterable[ExperimentClient]]"
)
"""Experiments by themselves, with a label each, or repetitions under one label."""


def read_groups(
    experiments: Experiments,
    with_evc_tree: bool,
    order_by: str = "suggested",
    objective: str | None = None,
) -> dict[str, list[History]]:
    """Return the histories of experiments by label, those with nothing completed left out.

    Parameters
    ----------
    experiments
        One experiment, a list, a dict, or a dict of lists.
    with_evc_tree
        Whether to include the trials of other versions.
    order_by
        Time by which the trials are ordered.
    objective
        Name of the objective that is shown. Default: the first one of each.

    Raises
    ------
    ObjectiveError
        If an experiment has no such objective.
    ValueError
        If there is no experiment, or some minimize what others maximize.
    """
    groups = {
        label: [read_history(member, with_evc_tree, order_by, objective) for member in members]
        for label, members in _labelled(experiments).items()
    }
    directions = {history.direction for members in groups.values() for history in members}
    if len(directions) > 1:
        raise ValueError(
            "experiments that minimize and experiments that maximize their objective "
            "cannot be compared"
        )
    kept = {label: [h for h in members if not h.is_empty] for label, members in groups.items()}
    return {label: members for label, members in kept.items() if members}


def _labelled(experiments: Experiments) -> dict[str, list[ExperimentClient]]:
    if experiments is None or (not _is_one(experiments) and not experiments):
        raise ValueError(f"figures that compare need experiments, not {experiments!r}")
    if isinstance(experiments, Mapping):
        groups = {str(label): _listed(members) for label, members in experiments.items()}
    else:
        groups = {}
        for experiment in _listed(experiments):
            groups[_free_label(experiment, groups)] = [experiment]
    if not all(groups.values()):
        empty = [label for label, members in groups.items() if not members]
        raise ValueError(f"there is no experiment under {', '.join(map(repr, empty))}")
    return groups


def _is_one(experiments: object) -> bool:
    return hasattr(experiments, "to_pandas")


def _listed(members: object) -> list[ExperimentClient]:
    if members is None or _is_one(members):
        return [members]  # type: ignore[list-item]
    return list(members)  # type: ignore[call-overload, no-any-return]


def _free_label(experiment: ExperimentClient | None, taken: Iterable[str]) -> str:
    if experiment is None:
        raise ValueError("figures need experiments, not None")
    label = f"{experiment.name}-v{experiment.version}"
    used = set(taken)
    number, free = 1, label
    while free in used:
        number += 1
        free = f"{label} ({number})"
    return free
