"""`orion-like checkpoints delete`: delete the files of some."""

from __future__ import annotations

import click

from orion_like.cli.checkpoints.stock import open_stock, refuse_nothing, size_of
from orion_like.cli.commands import Command
from orion_like.cli.db.confirmation import confirm
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session
from orion_like.errors import CheckpointError


@click.command(
    "delete",
    cls=Command,
    examples=["checkpoints delete -n demo 3f0a4ba1", "checkpoints delete -n demo --trial 77a0 -f"],
)
@selecting()
@click.argument("prefixes", metavar="[ID …]", nargs=-1)
@option("--trial", metavar="ID", help="All of this trial.")
@option(
    "-f", "--force", is_flag=True, help="Ask nothing, and delete those that trials still need too."
)
@click.pass_obj
def delete(
    session: Session,
    selection: Selection,
    prefixes: tuple[str, ...],
    trial: str | None,
    force: bool,
) -> None:
    """Delete the files of checkpoints; their records stay.

    The beginning of an ID is enough. Those that are pinned are refused, and, without --force,
    those from which a trial may still go on.
    """
    refuse_nothing(prefixes, trial)
    with open_stock(session, selection) as stock:
        chosen = stock.named(prefixes)
        if trial is not None:
            chosen += [c for c in stock.of_trial(stock.there, trial) if c not in chosen]
        pinned = [checkpoint.id for checkpoint in chosen if checkpoint.pinned]
        if pinned:
            raise CheckpointError(f"{', '.join(pinned)} is pinned; unpin it first")
        needed = stock.keeper.needed(stock.there)
        refused = [checkpoint.id for checkpoint in chosen if checkpoint.id in needed]
        if refused and not force:
            raise CheckpointError(
                f"a trial may still go on from {', '.join(refused)}; "
                "delete it all the same with --force"
            )
        confirm(f"This deletes {size_of(chosen)}.", stock.client.name, force)
        deleted = [checkpoint for checkpoint in chosen if stock.keeper.delete(checkpoint)]
        left = [checkpoint for checkpoint in chosen if checkpoint not in deleted]
    click.echo(f"{counted(len(deleted), 'checkpoint')} deleted")
    if left:
        hosts = ", ".join(sorted({checkpoint.host for checkpoint in left}))
        raise CheckpointError(
            f"{counted(len(left), 'checkpoint')} could not be deleted from here; try on {hosts}"
        )
