"""What a worker of a crew does: trials whose results tell afterwards who computed them."""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from orion_like.client import build_experiment
from orion_like.storage import setup_storage
from orion_like.testing.chaos.journal import Journal, WitnessedStorage
from orion_like.testing.lifeline import die_with_parent
from orion_like.trial import Trial
from orion_like.worker.checkpoint import CheckpointPlace
from orion_like.worker.live_trial import LiveTrial

SPACE: Final = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}
_LOOK: Final = 0.01  # seconds between looks for a gate
_PARTS: Final = 10  # files of a checkpoint


@dataclass(frozen=True)
class Assignment:
    """What a worker process is to do; it can be pickled.

    Parameters
    ----------
    url
        The storage.
    experiment
        Name of the experiment.
    journal
        File in which to note what was acknowledged.
    output
        File for what the process prints.
    seconds
        The least and the most that a trial takes.
    gate
        If given, no trial ends before this file exists.
    heartbeat
        See :class:`~orion_like.client.ExperimentClient`.
    idle_timeout
        Seconds without anything to do after which the worker gives up.
    saves
        Whether trials save checkpoints, from which others go on; see :func:`lineage_of`.
    conditions
        Called in the process before anything else, to make its life harder.
    """

    url: str
    experiment: str
    journal: str
    output: str
    seconds: tuple[float, float] = (0.0, 0.0)
    gate: str | None = None
    heartbeat: float | None = None
    idle_timeout: float = 60.0
    saves: bool = False
    conditions: tuple[Callable[[], Any], ...] = ()


def work(assignment: Assignment) -> None:
    """Be a worker: work on the experiment until nothing is left; the exit code is 1 on errors."""
    die_with_parent()
    sys.stdout = sys.stderr = open(assignment.output, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
    try:
        os.chdir(Path(assignment.output).parent)
        for condition in assignment.conditions:
            condition()
        _work(assignment)
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


def _work(assignment: Assignment) -> None:
    database = setup_storage(assignment.url).database
    storage = WitnessedStorage(database, Journal(assignment.journal))
    client = build_experiment(
        assignment.experiment, storage=storage, heartbeat=assignment.heartbeat
    )
    client.workon(
        partial(evaluate, assignment.seconds, assignment.gate),
        n_workers=1,
        idle_timeout=assignment.idle_timeout,
        trial_arg="trial" if assignment.saves else None,
    )


def evaluate(
    seconds: tuple[float, float], gate: str | None, trial: LiveTrial | None = None, **params: float
) -> list[dict[str, Any]]:
    """Return the sum of the parameters, and a number that no other evaluation returns."""
    if trial is not None:
        _save(trial)
    time.sleep(random.uniform(*seconds))  # noqa: S311
    while gate is not None and not Path(gate).exists():
        time.sleep(_LOOK)
    return [
        {"name": "objective", "type": "objective", "value": sum(params.values())},
        {"name": "evaluation", "type": "statistic", "value": secrets.randbits(52)},
    ]


def lineage_of(trial: Trial) -> list[str]:
    """Return the ids of the trials from which one went on, itself last, as it has saved them.

    Raises
    ------
    AssertionError
        If a part of its latest checkpoint is missing.
    """
    found = CheckpointPlace(trial.checkpoint_dir).latest()
    if found is None:
        return []
    parts = [Path(found, str(part)).read_text() for part in range(_PARTS)]
    assert set(parts) == {parts[0]}, f"a checkpoint is in pieces: {found.path}"
    return parts[0].split()


def _save(trial: LiveTrial) -> None:
    lineage = lineage_of(trial)
    if trial.id not in lineage:
        lineage.append(trial.id)
    with trial.save_checkpoint(len(lineage)) as path:
        for part in range(_PARTS):
            Path(path, str(part)).write_text(" ".join(lineage))
