"""`orion-like checkpoints list`: what trials have saved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from orion_like.cli.checkpoints.stock import SHORT, Stock, open_stock, readable
from orion_like.cli.commands import Command
from orion_like.cli.options import Whole, format_option, option, selecting
from orion_like.cli.output import print_table, write
from orion_like.cli.session import Selection, Session
from orion_like.redaction import redact
from orion_like.storage.checkpoints import COMPLETED, Checkpoint
from orion_like.worker.checkpoint import is_url
from orion_like.worker.checkpoint_keeper import is_reachable

HEADERS = ("id", "trial", "step", "objective", "size", "state", "pinned", "saved")


@click.command(
    "list",
    cls=Command,
    examples=["checkpoints list -n demo", "checkpoints list -n demo --best 3 --format json"],
)
@selecting()
@option("--trial", metavar="ID", help="Only of this trial; the beginning of its id is enough.")
@option("--best", type=Whole(min=1), help="Only so many, those with the best reports first.")
@option("-a", "--all", "every", is_flag=True, help="Also those whose files were deleted.")
@format_option
@click.pass_obj
def list_(
    session: Session,
    selection: Selection,
    trial: str | None,
    best: int | None,
    every: bool,
    format_: str,
) -> None:
    """List what trials have saved: how far they were, how good it is, and when it was.

    Its state is missing if the directory is gone. Formats for programs also tell where it is,
    and its files.
    """
    with open_stock(session, selection) as stock:
        chosen = stock.recorded if every else stock.there
        if best is not None:
            chosen = stock.best_first()
        if trial is not None:
            chosen = stock.of_trial(chosen, trial)
        records = [_record(stock, checkpoint) for checkpoint in chosen[:best]]
    if format_ == "table":
        if records:
            print_table(HEADERS, map(_row, records))
        else:
            click.echo("No checkpoint found.")
        return
    write(records, format_)


def _record(stock: Stock, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "id": checkpoint.id,
        "trial": stock.trial_ids.get(checkpoint.trial),
        "attempt": checkpoint.attempt,
        "step": checkpoint.step,
        "objective": stock.objectives.get(checkpoint.id),
        "state": _state(checkpoint),
        "pinned": checkpoint.pinned,
        "time": checkpoint.time,
        "bytes": checkpoint.size,
        "resources": dict(checkpoint.resources),
        "metadata": dict(checkpoint.metadata),
        "host": checkpoint.host,
        "path": redact(checkpoint.path),
    }


def _state(checkpoint: Checkpoint) -> str:
    is_missing = not is_url(checkpoint.path) and not os.path.isdir(checkpoint.path)
    if checkpoint.state == COMPLETED and is_missing:
        return "missing" if is_reachable(checkpoint) else "elsewhere"
    return checkpoint.state


def _row(record: dict[str, Any]) -> Sequence[Any]:
    return (
        record["id"][:SHORT],
        (record["trial"] or "")[:SHORT],
        record["step"],
        record["objective"],
        readable(record["bytes"]),
        record["state"],
        "yes" if record["pinned"] else None,
        record["time"],
    )
