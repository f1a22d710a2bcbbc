"""`orion-like db dump`: copy experiments into a file."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted, printable
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
)


@click.command(
    "dump",
    cls=Command,
    examples=[
        "db dump -o backup.pkl",
        "db dump -n demo -o demo.pkl --force",
        "db dump --format orion -o orion_db.pkl",
    ],
)
@selecting()
@option(
    "-o",
    "--output",
    default="dump.pkl",
    show_default=True,
    metavar="FILE",
    help="File to write.",
    type=click.Path(),
)
@option(
    "--format",
    "format_",
    type=click.Choice(("orion_like", "orion")),
    default="orion_like",
    show_default=True,
    help="'orion' writes a file that Oríon opens.",
)
@option("-f", "--force", is_flag=True, help="Replace an existing file.")
@click.pass_obj
def dump(session: Session, selection: Selection, output: str, format_: str, force: bool) -> None:
    """Copy everything, or one experiment, into a file that --storage can open and db load read.

    With a name but no version, the latest version is copied.
    """
    from orion_like.storage.orion_transfer import dump_for_orion
    from orion_like.storage.transfer import dump

    settings = selection.load_settings(session)
    name, version = settings["experiment.name"], settings["experiment.version"]
    with open_existing_storage(settings) as storage:
        if name is not None:
            version = find_experiment(storage, name, version).get("version", 1)
        if format_ == "orion":
            for_orion = dump_for_orion(storage, output, name=name, version=version, overwrite=force)
            experiments, trials = for_orion.experiments, for_orion.trials
            for note in for_orion.notes:
                click.echo(f"Note: {printable(note)}", err=True)
        else:
            transfer = dump(storage, output, name=name, version=version, overwrite=force)
            experiments, trials = len(transfer.experiments), transfer.trials
    click.echo(
        f"Dumped {counted(experiments, 'experiment')} with {counted(trials, 'trial')} to {output}"
    )
