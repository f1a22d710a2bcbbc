"""`orion-like checkpoints save` and `latest`: what scripts in any language call while they run."""

from __future__ import annotations

import os
import shutil

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, SUCCESS
from orion_like.cli.options import Whole, option
from orion_like.client.report import latest_checkpoint, save_checkpoint


@click.command(
    "save",
    cls=Command,
    examples=["checkpoints save model.bin --step 3", "checkpoints save model/ log.txt --step 3"],
)
@click.argument("paths", metavar="PATH …", nargs=-1, required=True, type=click.Path(exists=True))
@option("--step", type=Whole(min=0), required=True, help="How far the trial is.")
def save(paths: tuple[str, ...], step: int) -> None:
    """Save files and directories as a checkpoint, from within the script that hunt runs.

    The checkpoint comes into being as a whole. In a script that is started by hand it is below
    checkpoints in the current directory.
    """
    names = [os.path.basename(os.path.abspath(path)) for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise click.UsageError(f"two of the paths end in {name!r}")
    with save_checkpoint(step) as directory:
        for path, name in zip(paths, names, strict=True):
            copy = shutil.copytree if os.path.isdir(path) else shutil.copy2
            copy(path, os.path.join(directory, name))


@click.command("latest", cls=Command, examples=["checkpoints latest", "checkpoints latest --step"])
@option("--step", "wants_step", is_flag=True, help="Print how far it is, not where.")
def latest(wants_step: bool) -> int:
    """Print the directory of the checkpoint from which the script that hunt runs goes on.

    Without one nothing is printed, and the exit code is 1.
    """
    found = latest_checkpoint()
    if found is None:
        return FAILED
    click.echo(found.step if wants_step else found.path)
    return SUCCESS
