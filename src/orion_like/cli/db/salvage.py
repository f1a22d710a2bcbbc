"""`orion-like db salvage`: save what a damaged database file still holds."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option
from orion_like.cli.output import counted, printable


@click.command("salvage", cls=Command, examples=["db salvage damaged.pkl -o salvaged.pkl"])
@click.argument("file", type=click.Path())
@option(
    "-o",
    "--output",
    default="salvaged.pkl",
    show_default=True,
    metavar="FILE",
    type=click.Path(),
    help="File to make; it must not exist.",
)
def salvage(file: str, output: str) -> None:
    """Copy everything that is readable in the damaged database FILE into a new one.

    FILE is left as it is. What cannot be read is listed.
    """
    from orion_like.storage.salvage import salvage

    found = salvage(file, output)
    for loss in found.losses:
        click.echo(f"Lost {loss}")
    for collection, number in found.documents.items():
        if number:
            click.echo(f"Salvaged {counted(number, 'document')} of {printable(collection)}")
    click.echo(f"What is readable is in {output}")
