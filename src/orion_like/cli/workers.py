"""`orion-like workers`: who is at work, where, on which trials, and how fast."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.options import format_option, option, selecting
from orion_like.cli.output import print_table, printable, write
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_storage_to_read,
)

if TYPE_CHECKING:
    from orion_like.experiment.fleet import Worker
    from orion_like.storage import Storage

FIELDS = ("name", "version", "state", "metadata.user")
SHORT_ID = 8  # characters of the id of a trial
PERIOD = 2.0  # seconds between two looks


@click.command(
    "workers",
    cls=Command,
    examples=["workers", "workers -n demo --watch", "workers --format json"],
)
@selecting()
@format_option
@option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@click.pass_obj
def workers(session: Session, selection: Selection, format_: str, watch: bool) -> None:
    """Tell who is at work: where, on which trials, since when, and how fast.

    Of all experiments, or with -n of one. A worker that gave no sign of life for too
    long, or whose process is gone, is lost: others take over its trials.
    """
    if watch and format_ != "table":
        raise click.UsageError("--watch shows a table; leave --format out")
    settings = selection.load_settings(session)
    with open_storage_to_read(settings) as storage:
        if watch and storage is not None:
            while True:
                rows = _rows(storage, settings, selection)
                click.clear()
                _print(rows)
                time.sleep(PERIOD)
        rows = _rows(storage, settings, selection) if storage is not None else []
    if format_ == "table":
        _print(rows)
    else:
        write(rows, format_, rows=({**row, "trials": _ids(row)} for row in rows))


def _rows(storage: Storage, settings: Any, selection: Selection) -> list[dict[str, Any]]:
    from orion_like.experiment.fleet import fetch_fleet

    name, version = settings["experiment.name"], settings["experiment.version"]
    if name is None:
        documents = storage.fetch_experiments(fields=FIELDS)
    elif version is None:
        find_experiment(storage, name)
        documents = storage.fetch_experiments({"name": name}, fields=FIELDS)
    else:
        documents = [find_experiment(storage, name, version)]
    if selection.user is not None:
        documents = [
            doc for doc in documents if (doc.get("metadata") or {}).get("user") == selection.user
        ]
    titles = {doc["_id"]: (doc["name"], doc.get("version", 1)) for doc in documents}
    fleet = fetch_fleet(storage, documents, settings["worker.lost_threshold"])
    return [_record(worker, *titles[worker.experiment]) for worker in fleet]


def _record(worker: Worker, name: str, version: int) -> dict[str, Any]:
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "name": name,
        "version": version,
        "state": worker.state,
        "trials": [
            {
                "id": trial.id,
                "number": trial.number,
                "attempt": trial.attempt,
                "start_time": trial.start_time,
            }
            for trial in worker.trials
        ],
        "n_workers": worker.n_workers,
        "start_time": worker.start,
        "heartbeat": worker.heartbeat,
        "completed": worker.completed,
        "stopped": worker.stopped,
        "broken": worker.broken,
        "trials_per_hour": worker.trials_per_hour,
        "orion_like_version": worker.version,
    }


def _ids(row: dict[str, Any]) -> str:
    return " ".join(trial["id"] for trial in row["trials"])


def _print(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("Nobody is at work")
        return
    print_table(
        ("host", "pid", "experiment", "state", "trial", "for", "done", "broken", "per hour"),
        [
            (
                row["host"],
                row["pid"],
                f"{row['name']}-v{row['version']}",
                row["state"],
                _first_trial(row["trials"]),
                _ago(row["start_time"]),
                None if row["completed"] is None else row["completed"] + row["stopped"],
                row["broken"],
                None if row["trials_per_hour"] is None else round(row["trials_per_hour"], 1),
            )
            for row in rows
        ],
    )


def _first_trial(trials: list[dict[str, Any]]) -> str:
    if not trials:
        return ""
    more = f" +{len(trials) - 1}" if len(trials) > 1 else ""
    return f"{trials[0]['id'][:SHORT_ID]}{more}"


def _ago(time: datetime | None) -> str:
    """Return how long something has been going on, for people."""
    if time is None:
        return ""
    seconds = max(0, round((datetime.now(timezone.utc) - time).total_seconds()))
    return printable(timedelta(seconds=seconds))
