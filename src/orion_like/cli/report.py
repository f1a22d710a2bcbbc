"""`orion-like report` and `should-stop`: what scripts in any language call while they run."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, SUCCESS
from orion_like.cli.options import option
from orion_like.client.report import report_intermediate, should_stop


@click.command(
    "report",
    cls=Command,
    context_settings={"ignore_unknown_options": True},  # numbers may be negative
    examples=["report 0.25 --step 3", "report loss=0.25 accuracy=0.9 --step 3 --group training"],
)
@click.argument("values", metavar="VALUE|NAME=VALUE …", nargs=-1, required=True)
@option("--step", type=int, help="How far the trial is.  [default: one more than before]")
@option(
    "--group",
    metavar="NAME",
    default="validation",
    show_default=True,
    help="What the values are of: validation, training, or a name of your own.",
)
def report_command(values: tuple[str, ...], step: int | None, group: str) -> None:
    """Report how a trial is doing, from within the script that hunt runs.

    A single VALUE is the objective so far. The command takes no database: it hands the values to
    the worker that runs the script. In a script that is started by hand it prints them.
    """
    report_intermediate(_parsed(values), step, group)


@click.command("should-stop", cls=Command, examples=["should-stop && exit 0"])
def should_stop_command() -> int:
    """Exit with 0 if a stopping rule says that the trial should end now, else with 1.

    The script that is told so ends as soon as possible; its last report, or what it prints as its
    result, is what counts.
    """
    return SUCCESS if should_stop() else FAILED


def _parsed(values: tuple[str, ...]) -> object:
    if len(values) == 1 and "=" not in values[0]:
        return _number(values[0])
    named = {}
    for text in values:
        name, separator, number = text.rpartition("=")
        if not separator or not name:
            raise click.UsageError(f"{text!r} must be NAME=VALUE, or the only VALUE")
        named[name] = _number(number)
    return named


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a number") from None
