"""`orion-like db release`: release the trials of dead workers."""

from __future__ import annotations

from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.db.confirmation import confirm
from orion_like.cli.db.rm import select_trees
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session, open_existing_storage
from orion_like.errors import FailedUpdate
from orion_like.storage.storage import Storage
from orion_like.trial import Trial


@click.command("release", cls=Command, examples=["db release demo", "db release demo --all -f"])
@selecting(named=True)
@option("-a", "--all", "every", is_flag=True, help="Also those whose worker gave signs of life.")
@option("-f", "--force", is_flag=True, help="Ask nothing.")
@click.pass_obj
def release(session: Session, selection: Selection, every: bool, force: bool) -> None:
    """Release the reserved trials of experiment NAME whose workers are dead.

    Dead are those that gave no sign of life for worker.lost_threshold seconds, and
    those of this machine whose process is gone. Nobody needs this for a hunt to go
    on: workers take over such trials by themselves.
    """
    settings = selection.load_settings(session)
    name = settings["experiment.name"]
    threshold = None if every else settings["worker.lost_threshold"]
    released = 0
    with open_existing_storage(settings) as storage:
        nodes = [
            node
            for tree in select_trees(storage, name, settings["experiment.version"])
            for node in tree
        ]
        trials = [
            t for node in nodes for t in _to_release(storage, node.document["_id"], threshold)
        ]
        if trials:
            confirm(f"This releases {counted(len(trials), 'trial')}.", name, force)
        for trial in trials:
            try:
                storage.set_trial_status(trial, "interrupted", reason="released by user")
            except FailedUpdate:  # its worker has finished it meanwhile
                continue
            released += 1
        for node in nodes:
            _forget_dead_workers(storage, node.document["_id"])
    click.echo(f"{released} trials released")


def _forget_dead_workers(storage: Storage, uid: Any) -> None:
    from orion_like.storage.workers import fetch_lost_workers, fetch_workers, sign_off

    for worker in fetch_lost_workers(storage.database, fetch_workers(storage.database, [uid])):
        sign_off(storage.database, worker)


def _to_release(storage: Storage, uid: Any, threshold: float | None) -> list[Trial]:
    """Return the reserved trials of dead workers; of all workers without a threshold."""
    from orion_like.storage.database import Ago
    from orion_like.storage.worker_id import is_certainly_dead

    trials = storage.fetch_trials(uid, {"status": "reserved"})
    if threshold is None:
        return trials
    silent = [{"heartbeat": {"$lt": Ago(threshold)}}, {"heartbeat": None}]
    lost = {t._id for t in storage.fetch_trials(uid, {"status": "reserved", "$or": silent})}
    return [trial for trial in trials if trial._id in lost or is_certainly_dead(trial.worker)]
