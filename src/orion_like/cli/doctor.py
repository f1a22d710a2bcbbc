"""`orion-like doctor`: what keeps experiments from going well, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, SUCCESS
from orion_like.cli.options import format_option, selecting
from orion_like.cli.output import counted, printable, write
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_storage_to_read,
)
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.experiment.health import Finding


@click.command("doctor", cls=Command, examples=["doctor", "doctor -n demo --format json"])
@selecting()
@format_option
@click.pass_obj
def doctor(session: Session, selection: Selection, format_: str) -> int:
    """Look for what keeps experiments from going well, and say what to do about it.

    In all experiments, or with -n in one: wrong clocks, different versions, dead
    workers, stuck trials, trials that break alike, an objective that never changes,
    constraints that nobody reports, gradients that are unused or wrong, best trials
    at a bound, slow suggestions, locks that do not hold. Ends with exit code 1 if
    something is wrong. Nothing is changed.
    """
    from orion_like.experiment.health import examine

    settings = selection.load_settings(session)
    name, version = settings["experiment.name"], settings["experiment.version"]
    findings: list[Finding] = []
    number = 0
    with open_storage_to_read(settings) as storage:
        if storage is not None:
            documents = (
                storage.fetch_experiments()
                if name is None
                else [find_experiment(storage, name, version)]
            )
            number = len(documents)
            findings = examine(storage, documents, settings["worker.lost_threshold"])
    rows = [_record(finding, selection) for finding in findings]
    if format_ == "table":
        _print(rows, number)
    else:
        write(rows, format_)
    return FAILED if any(row["severity"] == "wrong" for row in rows) else SUCCESS


def _record(finding: Finding, selection: Selection) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "check": finding.check,
        "place": finding.place,
        "problem": redact(finding.problem),
        "remedy": redact(finding.remedy),
        "commands": [selection.same_place(command) for command in finding.commands],
    }


def _print(rows: list[dict[str, Any]], number: int) -> None:
    for row in rows:
        click.echo(f"{row['severity'].capitalize()}: {printable(row['place'])}: ", nl=False)
        click.echo(f"{printable(row['problem'])}\n  What to do: {printable(row['remedy'])}")
        for command in row["commands"]:
            click.echo(f"    {printable(command)}")
    wrong = sum(row["severity"] == "wrong" for row in rows)
    what = counted(wrong, "thing") if wrong else "nothing"
    click.echo(f"{counted(number, 'experiment')}: {what} wrong")
