"""`orion-like retry`: have broken trials tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from orion_like.cli.commands import Command
from orion_like.cli.completing import complete_broken_trials
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted, printable
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)
from orion_like.errors import FailedUpdate

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.trial import Trial

SHOWN_REASONS = 5


@click.command(
    "retry",
    cls=Command,
    help_when_bare=True,
    examples=[
        "retry demo --all",
        "retry demo 3f0a4ba1 77c0d2e5",
        "retry demo --reason 'out of memory'",
    ],
)
@selecting(named=True, default_version="the latest")
@click.argument("ids", metavar="[ID …]", nargs=-1, shell_complete=complete_broken_trials)
@option("-a", "--all", "every", is_flag=True, help="All of them.")
@option("--reason", metavar="TEXT", help="Those whose reason contains TEXT.")
@option(
    "--status",
    type=click.Choice(("broken", "interrupted")),
    default="broken",
    show_default=True,
    help="Which trials are meant; without one the interrupted wait for a worker anyway.",
)
@click.pass_obj
def retry(
    session: Session,
    /,
    selection: Selection,
    ids: tuple[str, ...],
    every: bool,
    reason: str | None,
    status: str,
) -> None:
    """Have broken trials of experiment NAME tried again.

    Say which: by their IDs, or the beginnings of them, by a --reason, or --all. They
    keep their numbers and parameters, count their attempts on, and are not counted as
    broken any more; the next free workers take them.
    """
    from orion_like.client import get_experiment

    if sum((bool(ids), every, reason is not None)) > 1:
        raise click.UsageError("give the IDs of trials, or --reason, or --all")
    settings = selection.load_settings(session)
    name = required_name(settings)
    with open_existing_storage(settings) as storage:
        document = find_experiment(storage, name, settings["experiment.version"])
        client = get_experiment(name, document.get("version", 1), mode="w", storage=storage)
        with client:
            if ids:
                chosen = _of_ids(client, ids, selection)
            else:
                chosen = client.fetch_trials_by_status(status)
                if chosen and reason is None and not every:
                    raise click.UsageError(_which(chosen, status))
                chosen = [t for t in chosen if (reason or "").lower() in (t.reason or "").lower()]
            retried = client.retry(chosen)
            _tell(client, retried, selection)


def _of_ids(
    client: ExperimentClient, beginnings: Sequence[str], selection: Selection
) -> list[Trial]:
    """Return the trials whose ids begin so; each must be clear, and able to be retried."""
    trials = client.fetch_trials()
    chosen = []
    for beginning in beginnings:
        found = [trial for trial in trials if trial.id.startswith(beginning)]
        if len(found) != 1:
            problem = "no trial" if not found else f"{len(found)} trials"
            see = selection.command_line("status", client.name, client.version, "--all")
            raise FailedUpdate(
                f"{problem} of {client.name}-v{client.version} with an id that begins with "
                f"{beginning!r}; see {see}"
            )
        chosen += found
    return chosen


def _which(trials: Sequence[Trial], status: str) -> str:
    """Return the question which of several trials are meant."""
    reasons = Counter(_last_line(trial.reason) or "no reason known" for trial in trials)
    known = [f"  {number}: {printable(why)}" for why, number in reasons.most_common(SHOWN_REASONS)]
    if len(reasons) > SHOWN_REASONS:
        known.append(f"  and {len(reasons) - SHOWN_REASONS} other reasons")
    return "\n".join(
        [
            f"{counted(len(trials), 'trial')} {'is' if len(trials) == 1 else 'are'} {status}:",
            *known,
            "say which to try again: --all, --reason TEXT, or their IDs",
        ]
    )


def _last_line(reason: str | None) -> str:
    lines = [line.strip() for line in (reason or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _tell(client: ExperimentClient, retried: Sequence[Trial], selection: Selection) -> None:
    title = printable(f"{client.name}-v{client.version}")
    if not retried:
        click.echo(f"There is no such trial of {title}")
        return
    click.echo(f"{counted(len(retried), 'trial')} of {title} will be tried again")
    stats, limit = client.stats, client.max_trials
    if limit is not None:
        open_ = client.experiment.ledger.open
        missing = stats.trials_finished + open_ - limit
        if missing > 0:
            raise_it = selection.same_place(f"db set {client.name} max_trials={limit + missing}")
            click.echo(
                f"but {counted(limit, 'trial')} are wanted, of which {stats.trials_finished} are "
                f"finished and {open_} open; to have all of them run: {raise_it}"
            )
            return
    if not client.fetch_workers():
        again = selection.command_line("hunt", client.name, client.version)
        click.echo(f"Nobody is at work; go on with: {again}")
