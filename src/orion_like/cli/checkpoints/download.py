"""`orion-like checkpoints download`: copy one into a directory."""

from __future__ import annotations

import os

import click

from orion_like.cli.checkpoints.stock import Stock, open_stock
from orion_like.cli.commands import Command
from orion_like.cli.options import option, selecting
from orion_like.cli.session import Selection, Session
from orion_like.errors import CheckpointError
from orion_like.storage.checkpoints import Checkpoint


@click.command(
    "download",
    cls=Command,
    examples=[
        "checkpoints download -n demo --best",
        "checkpoints download -n demo 3f0a4ba1 -o model",
    ],
)
@selecting()
@click.argument("prefix", metavar="[ID]", required=False)
@option("--best", is_flag=True, help="The one with the best report.")
@option("--latest", is_flag=True, help="The one that was saved last.")
@option("--trial", metavar="ID", help="Of the checkpoints of this trial.")
@option(
    "-o",
    "--output",
    metavar="DIRECTORY",
    help="Where to; it must not exist.  [default: checkpoints/ID]",
)
@click.pass_obj
def download(
    session: Session,
    selection: Selection,
    prefix: str | None,
    best: bool,
    latest: bool,
    trial: str | None,
    output: str | None,
) -> None:
    """Copy the files of a checkpoint into a directory, and print its path.

    Which one is said by its ID, of which the beginning is enough, by --best or by --latest.
    """
    from orion_like.worker.checkpoint import fetch

    if (prefix is not None) + best + latest != 1:
        raise click.UsageError("give one of ID, --best and --latest")
    with open_stock(session, selection) as stock:
        chosen = _chosen(stock, prefix, best, trial)
        target = os.path.abspath(output or os.path.join("checkpoints", chosen.id))
        try:
            fetch(chosen.path, target)
        except FileNotFoundError:
            raise CheckpointError(
                f"{chosen.path} is not on this machine (any more); it was saved on {chosen.host}"
            ) from None
    click.echo(target)


def _chosen(stock: Stock, prefix: str | None, best: bool, trial: str | None) -> Checkpoint:
    if prefix is not None:
        return stock.named([prefix])[0]
    candidates = stock.best_first() if best else sorted(stock.there, key=_time, reverse=True)
    if trial is not None:
        candidates = stock.of_trial(candidates, trial)
    if not candidates:
        raise CheckpointError(
            "of no checkpoint there is a report; take the --latest" if best else "there is none"
        )
    return candidates[0]


def _time(checkpoint: Checkpoint) -> float:
    return checkpoint.time.timestamp() if checkpoint.time is not None else 0.0
