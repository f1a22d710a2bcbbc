"""From the sources that people name to the trials that an experiment keeps of them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orion_like.algo import Objective
from orion_like.algo.problem import read_objectives
from orion_like.errors import ConfigurationError
from orion_like.experiment.warm_start.findings import Findings
from orion_like.experiment.warm_start.fitting import Fitted, fit
from orion_like.experiment.warm_start.optuna_study import read_study
from orion_like.experiment.warm_start.source import Source
from orion_like.experiment.warm_start.stored import read_experiments
from orion_like.experiment.warm_start.table import read_table
from orion_like.space import Space
from orion_like.storage import Storage

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WarmStart:
    """What an experiment starts from.

    Parameters
    ----------
    description
        What its document says of it; None if it starts from nothing.
    trials
        Documents of the trials that it keeps.
    """

    description: dict[str, Any] | None = None
    trials: Sequence[Mapping[str, Any]] = field(default=())


def asked_sources(asked: Any, storage: Storage) -> list[Source]:
    """Return the sources that one or several descriptions name.

    Parameters
    ----------
    asked
        One source or a list of them, see `Source.parse`.
    storage
        The database whose experiments are known by their names.
    """
    if asked is None:
        return []
    several = isinstance(asked, Sequence) and not isinstance(asked, str)
    entries = list(asked) if several else [asked]
    if not entries:
        return []
    names = {str(doc["name"]) for doc in storage.fetch_experiments(fields=["name"])}
    return [Source.parse(entry, names) for entry in entries]


def prepare(
    sources: Sequence[Source],
    storage: Storage,
    name: str,
    space: Space,
    objectives: Sequence[Mapping[str, Any]],
    constraints: Sequence[Mapping[str, Any]] = (),
) -> WarmStart:
    """Read sources, and return those of their trials that fit.

    Parameters
    ----------
    sources
        Where trials come from.
    storage
        The database of the experiment that starts from them.
    name
        Its name.
    space, objectives, constraints
        What it searches; see `Problem.build`.

    Raises
    ------
    ConfigurationError
        If a source cannot be read.
    """
    if not sources:
        return WarmStart()
    wanted = read_objectives(objectives)
    bounded = [str(constraint["name"]) for constraint in constraints]
    entries: list[dict[str, Any]] = []
    trials: list[dict[str, Any]] = []
    for source in sources:
        for findings in _read(source, storage, name, space, wanted):
            fitted = _fit(findings, source, space, wanted, bounded)
            if fitted is None:
                continue
            logger.info("warm start: %s", fitted)
            trials += _documents(len(entries), fitted, space)
            entries.append(_entry(source, fitted))
    description = {
        "mark": secrets.token_hex(8),
        "asked": [source.description for source in sources],
        "sources": entries,
    }
    return WarmStart(description, trials)


def _read(
    source: Source, storage: Storage, name: str, space: Space, objectives: Sequence[Objective]
) -> list[Findings]:
    if source.kind in ("experiment", "storage"):
        return read_experiments(source, storage, name)
    if source.kind == "optuna":
        return [read_study(source)]
    return [read_table(source, space, objectives)]


def _fit(
    findings: Findings,
    source: Source,
    space: Space,
    objectives: Sequence[Objective],
    constraints: Sequence[str],
) -> Fitted | None:
    """Return what fits of a search; None of one that nobody named and that does not fit."""
    try:
        fitted = fit(findings, source, space, objectives, constraints)
    except ConfigurationError:
        if source.kind == "storage":
            return None
        raise
    if not fitted.points and source.kind == "storage":
        return None
    if not fitted.points:
        logger.warning("warm start: %s, so nothing is learnt from it", fitted)
    return fitted


def _documents(position: int, fitted: Fitted, space: Space) -> list[dict[str, Any]]:
    return [
        {
            "source": position,
            "position": number,
            "params": space.to_document(params),
            "results": [result.to_dict() for result in results],
        }
        for number, (params, results) in enumerate(fitted.points)
    ]


def _entry(source: Source, fitted: Fitted) -> dict[str, Any]:
    return {
        "name": fitted.name,
        "from": str(source),
        "task": source.task,
        "found": fitted.found,
        "fit": len(fitted.points),
        "unfinished": fitted.unfinished,
        "left_out": _counts(fitted.left_out),
        "notes": _counts(fitted.notes),
        "summary": str(fitted),
    }


def _counts(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"reason": reason, "trials": count} for reason, count in counts.items()]
