"""`orion-like init-only`: register an experiment without running it."""

from __future__ import annotations

from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.hunt import announce_registration
from orion_like.cli.options import branching_options, experiment_options, selecting
from orion_like.cli.registration import (
    branching_overrides,
    experiment_overrides,
    register,
    warn_of_misplaced_options,
)
from orion_like.cli.session import Selection, Session, open_storage


@click.command(
    "init-only",
    cls=Command,
    help_when_bare=True,
    context_settings={"allow_interspersed_args": False},
    examples=["init-only -n demo --max-trials 50 ./train.py --lr~'loguniform(1e-5, 1)'"],
)
@selecting()
@experiment_options
@branching_options
@click.argument("user_args", metavar="[COMMAND …]", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def init_only(
    session: Session, /, selection: Selection, user_args: tuple[str, ...], **options: Any
) -> None:
    """Register an experiment that tunes COMMAND, without running it; `hunt -n NAME` does that."""
    warn_of_misplaced_options(user_args)
    overrides = {**experiment_overrides(options), **branching_overrides(options)}
    settings = selection.load_settings(session, overrides)
    with open_storage(settings) as storage:
        registered = register(selection, storage, settings, user_args)
        with registered.client:
            announce_registration(registered.client)
