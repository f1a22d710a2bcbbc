"""Intermediate reports of trials: many small documents beside the trials, never within."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from orion_like.errors import DuplicateKeyError
from orion_like.storage.database import Database
from orion_like.storage.database.base import Index

METRICS = "metrics"
METRIC_INDEXES: Mapping[tuple[str, tuple[str, ...]], Index] = {
    (METRICS, ("trial", "attempt", "group", "step")): Index(unique=True),
    (METRICS, ("experiment", "trial")): Index(),
}
DEFAULT_GROUP = "validation"


@dataclass(frozen=True)
class Report:
    """What a trial reported at one step.

    Parameters
    ----------
    trial
        The ``_id`` of the trial.
    attempt
        Which attempt at the trial it is of.
    group
        ``training``, ``validation``, or a name of the user's.
    step
        How far the trial was: epochs, batches, folds…
    values
        Numbers by name; they may be infinite or NaN.
    time
        When it was reported.
    """

    trial: Any
    attempt: int
    group: str
    step: int
    values: Mapping[str, float]
    time: datetime | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Report:
        """Return the report that a stored document describes."""
        return cls(
            document["trial"],
            document.get("attempt") or 0,
            document.get("group") or DEFAULT_GROUP,
            document["step"],
            document.get("values") or {},
            document.get("time"),
        )


def store_reports(database: Database, experiment: Any, reports: Iterable[Report]) -> None:
    """Add reports in one write; those that are stored already stay as they are.

    Parameters
    ----------
    database
        Where they go.
    experiment
        The ``_id`` of the experiment that their trials belong to.
    reports
        The reports, at most one for each trial, attempt, group and step.
    """
    documents = [{"experiment": experiment, **_key(r), **_content(r)} for r in reports]
    if not documents:
        return
    # A killed worker loses nothing of it. A power cut may, and then the trial is repeated anyway.
    try:
        database.insert_many(METRICS, documents, durable=False)
    except DuplicateKeyError:
        for document in documents:
            with suppress(DuplicateKeyError):
                database.insert(METRICS, document, durable=False)


def replace_values(database: Database, report: Report) -> None:
    """Store more values for a step that is stored already."""
    database.update(METRICS, _key(report), {"$set": _content(report)}, durable=False)


def _key(report: Report) -> dict[str, Any]:
    return {
        "trial": report.trial,
        "attempt": report.attempt,
        "group": report.group,
        "step": report.step,
    }


def _content(report: Report) -> dict[str, Any]:
    return {"time": report.time, "values": dict(report.values)}


def fetch_reports(
    database: Database,
    experiment: Any,
    trials: Sequence[Any] | None = None,
    group: str | None = None,
) -> list[Report]:
    """Return the reports of an experiment that count, by trial, group and step.

    Parameters
    ----------
    database
        Where they are.
    experiment
        The ``_id`` of the experiment.
    trials
        Only of the trials with these ``_id``. Default: all.
    group
        Only of this group. Default: all.
    """
    query: dict[str, Any] = {"experiment": experiment}
    if trials is not None:
        query["trial"] = {"$in": list(trials)}
    if group is not None:
        query["group"] = group
    found = [Report.from_document(document) for document in database.find(METRICS, query)]
    by_trial: dict[Any, list[Report]] = {}
    for report in found:
        by_trial.setdefault(report.trial, []).append(report)
    return [report for reports in by_trial.values() for report in valid_reports(reports)]


def changed_reports(database: Database, experiment: Any, since: Any) -> tuple[list[Report], Any]:
    """Return the reports of an experiment stored since a token, and the next token."""
    documents, token = database.changes(METRICS, experiment, since)
    return [Report.from_document(document) for document in documents], token


def valid_reports(reports: Iterable[Report]) -> list[Report]:
    """Return the reports of a trial that count, by group and step.

    An attempt that goes on where the one before it ended continues its curve; one that begins
    anew replaces it. So of an earlier attempt those steps count that are before the first one
    of any later attempt; what a worker reports late, after it lost the trial, does not.

    Examples
    --------
    >>> steps = [(1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (1, 4)]
    >>> reports = [Report(7, attempt, "validation", step, {}) for attempt, step in steps]
    >>> [(report.attempt, report.step) for report in valid_reports(reports)]
    [(1, 0), (1, 1), (2, 2), (2, 3)]
    """
    by_group: dict[str, list[Report]] = {}
    for report in reports:
        by_group.setdefault(report.group, []).append(report)
    valid: list[Report] = []
    for _, group in sorted(by_group.items()):
        end = float("inf")
        kept: list[Report] = []
        group.sort(key=lambda report: (-report.attempt, report.step))
        for attempt, members in groupby(group, key=lambda report: report.attempt):
            del attempt
            known = [report for report in members if report.step < end]
            if known:
                end = known[0].step
                kept = known + kept
        valid += kept
    return valid
