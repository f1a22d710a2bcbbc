"""What experiments in databases have found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orion_like.algo.problem import read_objectives
from orion_like.errors import ConfigurationError, SpaceError
from orion_like.experiment.warm_start.findings import Finding, Findings
from orion_like.experiment.warm_start.source import SERVERS, Source
from orion_like.space import build_space
from orion_like.spelling import did_you_mean
from orion_like.storage.database import Database
from orion_like.storage.setup import open_database
from orion_like.storage.storage import EXPERIMENTS, TRIALS, Storage
from orion_like.trial import Trial

Document = Mapping[str, Any]


def read_experiments(source: Source, own: Storage, target: str | None) -> list[Findings]:
    """Return the findings of an experiment, or of all of a database.

    Parameters
    ----------
    source
        Which, of kind ``experiment`` or ``storage``.
    own
        The database of the experiment that is to start from them.
    target
        The name of that experiment, which is none of its own sources.

    Raises
    ------
    ConfigurationError
        If there is no such database or experiment.
    """
    with _opened(source, own) as database:
        documents = database.find(EXPERIMENTS, sort=[("name", 1), ("version", 1)])
        is_own = database is own.database
        if source.kind == "storage":
            others = [doc for doc in documents if not (is_own and doc["name"] == target)]
            return [_read(database, document) for document in others]
        return [_read(database, _chosen(documents, source, database.url))]


@contextmanager
def _opened(source: Source, own: Storage) -> Iterator[Database]:
    """Open a database as it is: nothing is written to it, and no file is made."""
    place = source.place
    if place is None:
        yield own.database
        return
    if isinstance(place, (Storage, Database)):
        yield place.database if isinstance(place, Storage) else place
        return
    if isinstance(place, (str, os.PathLike)):
        text = os.path.expanduser(os.fspath(place))
        path = Path(text.removeprefix("file://"))
        if not text.startswith(SERVERS) and not path.is_file():
            raise ConfigurationError(f"warm_start: there is no database file {path}")
        place = text
    with open_database(place) as database:
        yield own.database if database.url == own.url else database


def _chosen(documents: list[dict[str, Any]], source: Source, where: str) -> Document:
    versions = {doc.get("version", 1): doc for doc in documents if doc["name"] == source.name}
    if not versions:
        names = {str(doc["name"]) for doc in documents}
        raise ConfigurationError(
            f"warm_start: there is no experiment {source.name!r} in {where}"
            f"{did_you_mean(str(source.name), names)}"
        )
    if source.version is not None and source.version not in versions:
        there = ", ".join(map(str, sorted(versions)))
        raise ConfigurationError(
            f"warm_start: experiment {source.name!r} in {where} has no version "
            f"{source.version}; it has {there}"
        )
    return versions[source.version or max(versions)]


def _read(database: Database, document: Document) -> Findings:
    uid = document["_id"]
    completed = database.find(TRIALS, {"experiment": uid, "status": "completed"})
    trials = Trial.build(completed)
    trials.sort(key=lambda trial: (trial.number is None, trial.number or 0, trial.id))
    return Findings(
        f"{document['name']}-v{document.get('version', 1)}",
        read_objectives(document.get("objectives")),
        [_finding(trial) for trial in trials],
        database.count(TRIALS, {"experiment": uid}) - len(trials),
        highest=_highest_fidelity(document),
    )


def _finding(trial: Trial) -> Finding:
    return Finding(
        trial.flat_params,
        {str(result.name): result.value for result in reversed(trial.objectives)},
        [result for result in trial.results if result.type != "objective"],
    )


def _highest_fidelity(document: Document) -> dict[str, Any]:
    try:
        fidelity = build_space(document.get("space") or {}).fidelity
    except SpaceError:  # a prior that only Oríon has
        return {}
    return {} if fidelity is None else {fidelity.name: fidelity.high}
