"""`orion-like db check`: look for anything that is wrong in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, SUCCESS
from orion_like.cli.options import format_option, option, storage_options
from orion_like.cli.output import counted, printable, write
from orion_like.cli.session import Selection, Session, database_file
from orion_like.errors import NoConfigurationError
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.storage.check import Report


@click.command(
    "check",
    cls=Command,
    examples=["db check", "db check --storage hunts.pkl --format json", "db check --repair"],
)
@storage_options
@format_option
@option("--repair", is_flag=True, help="Put right what can be without a person; back up first.")
@click.pass_obj
def check(
    session: Session, config: str | None, storage: str | None, format_: str, repair: bool
) -> int:
    """Verify every record, index, counter, trial and lease of the database.

    Workers may go on meanwhile. Says what is wrong and what to do; ends with exit
    code 1 if something is.
    """
    from orion_like.storage import Storage
    from orion_like.storage.check import check
    from orion_like.storage.check import repair as repair_
    from orion_like.storage.setup import open_database

    settings = Selection(config=config, storage=storage).load_settings(session)
    file = database_file(settings)
    if file is not None and not file.expanduser().exists():
        raise NoConfigurationError(f"the database file {file} does not exist")
    threshold = settings["worker.lost_threshold"]
    with open_database(settings.storage) as database:
        report = check(database, threshold)
        repaired = 0
        if repair and any(finding.repair for finding in report.findings):
            repaired = repair_(Storage(database), report)
            report = check(database, threshold)
    _print(report, repaired, format_)
    return SUCCESS if report.is_sound else FAILED


def _print(report: Report, repaired: int, format_: str) -> None:
    rows: list[dict[str, Any]] = [
        {
            "severity": finding.severity,
            "place": finding.place,
            "problem": redact(finding.problem),
            "remedy": redact(finding.remedy),
        }
        for finding in report.findings
    ]
    if format_ != "table":
        write(rows, format_)
        return
    if repaired:
        click.echo(f"Repaired {counted(repaired, 'thing')}")
    for row in rows:
        click.echo(f"{row['severity'].capitalize()}: {printable(row['place'])}: ", nl=False)
        click.echo(f"{printable(row['problem'])}\n  What to do: {printable(row['remedy'])}")
    looked_at = f"{counted(report.experiments, 'experiment')}, {counted(report.trials, 'trial')}"
    wrong = sum(row["severity"] == "wrong" for row in rows)
    click.echo(f"{looked_at}: {counted(wrong, 'thing') if wrong else 'nothing'} wrong")
