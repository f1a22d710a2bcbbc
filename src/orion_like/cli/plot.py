"""`orion-like plot`: a figure of one experiment, as a file."""

from __future__ import annotations

import os
from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import option, selecting
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)
from orion_like.plotting.export import FORMATS

# As in orion_like.plotting.SINGLE_EXPERIMENT_PLOTS, which is too heavy for --help.
KINDS = (
    "hypervolume_history", "intermediate_values", "lpi", "parallel_coordinates", "pareto_front",
    "partial_dependencies", "regret",
)  # fmt: skip


@click.command(
    "plot",
    cls=Command,
    examples=["plot regret -n demo --type html", "plot lpi -n demo -o importance.svg"],
)
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@selecting()
@option(
    "--objective",
    "objectives",
    metavar="NAME",
    multiple=True,
    help="Objective to show; of pareto_front two or more.  [default: the first one, or all]",
)
@option(
    "-t",
    "--type",
    "format_",
    metavar="TYPE",
    type=click.Choice(FORMATS, case_sensitive=False),
    default="png",
    help=f"Format of the figure: {', '.join(FORMATS)}.  [default: png]",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="File to write; its extension overrides --type.  [default: NAME-vVERSION_KIND.TYPE]",
)
@option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="FACTOR",
    help="Factor on the resolution of images.  [default: 1]",
)
@click.pass_obj
def plot(
    session: Session,
    selection: Selection,
    kind: str,
    objectives: tuple[str, ...],
    format_: str,
    output: str | None,
    scale: float,
) -> None:
    """Draw a figure of an experiment, and print the name of its file.

    KIND is lpi (how much each parameter matters), parallel_coordinates (all trials as lines),
    partial_dependencies (what the objective does as parameters change), regret (progress) or
    intermediate_values (learning curves, of trials that report while they run); with several
    objectives also pareto_front (trials that no other one beats in all of them) or
    hypervolume_history (how that front grew).

    Figures need 'orion_like[plot]'; images also a Chrome or Chromium. The types html and json
    do without a browser.
    """
    settings = selection.load_settings(session)
    name, version = required_name(settings), settings["experiment.version"]
    with open_existing_storage(settings) as storage:
        version = find_experiment(storage, name, version).get("version", 1)

        from orion_like.client import get_experiment
        from orion_like.plotting import save

        client = get_experiment(name, version, storage=storage)
        figure = client.plot(kind=kind, **_shown(kind, objectives))
    default = f"{name}-v{version}_{kind}".replace(os.sep, "_")
    path, format_ = _destination(output, default, format_)
    save(figure, path, format_, scale)
    click.echo(path)


def _shown(kind: str, objectives: tuple[str, ...]) -> dict[str, Any]:
    """Return the argument of a figure that says which objectives it shows."""
    if not objectives:
        return {}
    if kind == "pareto_front":
        return {"objectives": objectives}
    if kind == "hypervolume_history" or len(objectives) > 1:
        shows = "all objectives" if kind == "hypervolume_history" else "one objective"
        raise click.UsageError(f"--objective: {kind} shows {shows}")
    return {"objective": objectives[0]}


def _destination(output: str | None, default: str, format_: str) -> tuple[str, str]:
    """Return the file to write, and its format, which an extension decides."""
    if output is None:
        return f"{default}.{format_}", format_
    extension = os.path.splitext(output)[1].removeprefix(".").lower()
    if extension in FORMATS:
        return output, extension
    path = f"{output}.{format_}"
    if extension:
        click.echo(f"Warning: figures cannot be written as {extension!r}; writing {path}", err=True)
    return path, format_
