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


@click.command("release", cls=Command, examples=["db release demo", "db release demo --all -f"])
@selecting(named=True)
@option("-a", "--all", "every", is_flag=True, help="Also those whose worker gave signs of life.")
@option("-f", "--force", is_flag=True, help="Ask nothing.")
@click.pass_obj
def release(session: Session, selection: Selection, every: bool, force: bool) -> None:
    """Release the reserved trials of experiment NAME whose workers are dead.

    Nobody needs this for a hunt to go on: workers take over lost trials by
    themselves, after worker.lost_threshold seconds without a sign of life.
    """
    from orion_like.storage.database import Ago

    settings = selection.load_settings(session)
    name = settings["experiment.name"]
    where: dict[str, Any] = {"status": "reserved"}
    if not every:
        lost = Ago(settings["worker.lost_threshold"])
        where["$or"] = [{"heartbeat": {"$lt": lost}}, {"heartbeat": None}]
    released = 0
    with open_existing_storage(settings) as storage:
        nodes = [
            node
            for tree in select_trees(storage, name, settings["experiment.version"])
            for node in tree
        ]
        trials = [t for node in nodes for t in storage.fetch_trials(node.document["_id"], where)]
        if trials:
            confirm(f"This releases {counted(len(trials), 'trial')}.", name, force)
        for trial in trials:
            try:
                storage.set_trial_status(trial, "interrupted", reason="released by user")
            except FailedUpdate:  # its worker has finished it meanwhile
                continue
            released += 1
    click.echo(f"{released} trials released")
