"""`orion-like pause`, `resume` and `stop`: what all workers of an experiment are to do."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import selecting
from orion_like.cli.output import counted, printable
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)


@click.command("pause", cls=Command, examples=["pause -n demo"])
@selecting()
@click.pass_obj
def pause(session: Session, selection: Selection) -> None:
    """Have all workers of an experiment wait.

    Within a second no worker starts a trial any more; those that run go on to their
    end. Workers stay, and so do those that join later, until the experiment is
    resumed.
    """
    _decide(session, selection, "paused", "Paused {title}")


@click.command("resume", cls=Command, examples=["resume -n demo"])
@selecting()
@click.pass_obj
def resume(session: Session, selection: Selection) -> None:
    """Have workers go on with an experiment that was paused or stopped.

    Those that wait go on within a second. After `stop` there are none left: start
    new ones, as with `hunt -n NAME`.
    """
    _decide(session, selection, "active", "Resumed {title}")


@click.command("stop", cls=Command, examples=["stop -n demo"])
@selecting()
@click.pass_obj
def stop(session: Session, selection: Selection) -> None:
    """Have all workers of an experiment end when their running trials have.

    Nothing is lost, and `resume` makes the experiment ready for new workers.
    """
    _decide(session, selection, "stopping", "Stopped {title}")


def _decide(session: Session, selection: Selection, state: str, done: str) -> None:
    settings = selection.load_settings(session)
    name = required_name(settings)
    with open_existing_storage(settings) as storage:
        document = find_experiment(storage, name, settings["experiment.version"])
        storage.update_experiment(document["_id"], state=state)
        running = storage.count_by_status(document["_id"]).get("reserved", 0)
    text = done.format(title=f"{printable(name)}-v{document.get('version', 1)}")
    going_on = "" if state == "active" or not running else f"; {counted(running, 'trial')} running"
    click.echo(text + going_on)
