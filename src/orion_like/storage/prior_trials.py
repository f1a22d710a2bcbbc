"""Trials of other searches that an experiment starts from: copies, which belong to it.

They are written before the experiment is, so that it is never seen without them. A process that
dies in between leaves copies under a mark that no experiment has; they are never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orion_like.storage.database import Database
from orion_like.storage.database.base import Index

PRIOR_TRIALS = "prior_trials"
PRIOR_TRIAL_INDEXES: Mapping[tuple[str, tuple[str, ...]], Index] = {
    (PRIOR_TRIALS, ("experiment", "mark")): Index(),
}


def store_prior_trials(
    database: Database, experiment: Any, mark: str, documents: Iterable[Mapping[str, Any]]
) -> None:
    """Store copies of trials in one write.

    Parameters
    ----------
    database
        Where they go.
    experiment
        The ``_id`` of the experiment that starts from them.
    mark
        Tells this set of copies from others of the same experiment.
    documents
        ``{"source", "position", "params", "results"}`` of each.
    """
    stored = [{"experiment": experiment, "mark": mark, **document} for document in documents]
    if stored:
        database.insert_many(PRIOR_TRIALS, stored)


def fetch_prior_trials(database: Database, experiment: Any, mark: str) -> list[dict[str, Any]]:
    """Return the copies of one set, by source and position."""
    query = {"experiment": experiment, "mark": mark}
    return database.find(PRIOR_TRIALS, query, sort=[("source", 1), ("position", 1)])


def remove_prior_trials(database: Database, experiment: Any, marks: Sequence[str]) -> None:
    """Delete sets of copies."""
    query = {"experiment": experiment, "mark": {"$in": list(marks)}}
    database.remove(PRIOR_TRIALS, query)
