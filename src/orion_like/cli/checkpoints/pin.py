"""`orion-like checkpoints pin` and `unpin`: what is kept whatever the policy says."""

from __future__ import annotations

import click

from orion_like.cli.checkpoints.stock import open_stock
from orion_like.cli.commands import Command
from orion_like.cli.options import selecting
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session
from orion_like.errors import CheckpointError
from orion_like.storage.checkpoints import pin_checkpoint


@click.command("pin", cls=Command, examples=["checkpoints pin -n demo 3f0a4ba1"])
@selecting()
@click.argument("prefixes", metavar="ID …", nargs=-1, required=True)
@click.pass_obj
def pin(session: Session, selection: Selection, prefixes: tuple[str, ...]) -> None:
    """Keep checkpoints, whatever the policy of the experiment says.

    The beginning of an ID is enough.
    """
    _set_pinned(session, selection, prefixes, True)


@click.command("unpin", cls=Command, examples=["checkpoints unpin -n demo 3f0a4ba1"])
@selecting()
@click.argument("prefixes", metavar="ID …", nargs=-1, required=True)
@click.pass_obj
def unpin(session: Session, selection: Selection, prefixes: tuple[str, ...]) -> None:
    """Let the policy of the experiment decide again about checkpoints that were pinned."""
    _set_pinned(session, selection, prefixes, False)


def _set_pinned(
    session: Session, selection: Selection, prefixes: tuple[str, ...], pinned: bool
) -> None:
    with open_stock(session, selection) as stock:
        chosen = stock.named(prefixes)
        for checkpoint in chosen:
            if not pin_checkpoint(stock.client.storage.database, checkpoint, pinned):
                raise CheckpointError(f"checkpoint {checkpoint.id} was deleted meanwhile")
    click.echo(f"{counted(len(chosen), 'checkpoint')} {'pinned' if pinned else 'unpinned'}")
