"""`orion-like checkpoints keep`: which are kept, from now on."""

from __future__ import annotations

from typing import Any

import click

from orion_like.cli.checkpoints.stock import open_stock, size_of
from orion_like.cli.commands import Command
from orion_like.cli.db.confirmation import confirm
from orion_like.cli.options import keep_options, option, selecting
from orion_like.cli.output import counted
from orion_like.cli.registration import checkpoint_settings
from orion_like.cli.session import Selection, Session
from orion_like.experiment.retention import COUNTS, RetentionPolicy, with_checkpoints


@click.command(
    "keep",
    cls=Command,
    examples=[
        "checkpoints keep -n demo --keep-best 3 --keep-trial-latest 1",
        "checkpoints keep -n demo --keep-all",
    ],
)
@selecting()
@keep_options
@option("-f", "--force", is_flag=True, help="Ask nothing.")
@click.pass_obj
def keep(session: Session, /, selection: Selection, force: bool, **options: Any) -> None:
    """Say which checkpoints of an experiment are kept, and delete the others.

    A number that is not mentioned stays as it is. Workers follow at once. What is pinned, and what
    trials may still go on from, is kept in any case. Without options it tells what is kept now.
    """
    asked = checkpoint_settings(options)
    with open_stock(session, selection) as stock:
        stored = stock.client.experiment.checkpoints
        if not asked:
            click.echo(_told(stored))
            return
        changed = with_checkpoints(stored, asked)
        doomed = stock.keeper.superfluous(RetentionPolicy.of(changed))
        if doomed:
            confirm(f"This deletes {size_of(doomed)}.", stock.client.name, force)
        stock.client.experiment.update(checkpoints=changed)
        deleted = stock.keeper.apply()
    click.echo(f"{_told(changed)}\n{counted(len(deleted), 'checkpoint')} deleted")


def _told(checkpoints: dict[str, Any]) -> str:
    if not RetentionPolicy.of(checkpoints):
        return "All checkpoints are kept"
    numbers = (f"{key} {checkpoints[key]}" for key in COUNTS if key in checkpoints)
    return f"Checkpoints are kept by: {', '.join(numbers)}"
