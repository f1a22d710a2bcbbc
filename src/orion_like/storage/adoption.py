"""Taking over what Oríon has written: the fields that it does not know get their values.

An experiment of Oríon has no counter of suggestions. It is adopted by numbering its trials in
the order in which they were suggested. Every worker that does so comes to the same numbers, so
that several may at the same time, and one may go on where another was killed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5
from zlib import crc32

if TYPE_CHECKING:
    from orion_like.storage.storage import Storage

_EXPERIMENTS, _TRIALS = "experiments", "trials"
STATES = "algo"  # where Oríon keeps the states of its algorithms
_TIMES = ("submit_time", "start_time", "end_time", "heartbeat")
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)

Document = dict[str, Any]


def is_adopted(experiment: Mapping[str, Any]) -> bool:
    """Tell whether an experiment has the fields that Oríon does not know."""
    return "next_number" in experiment


def adopt(storage: Storage, experiment: Mapping[str, Any]) -> int:
    """Take over an experiment of Oríon where it is; nothing to do if that was done.

    Parameters
    ----------
    storage
        Where it is.
    experiment
        Its document.

    Returns
    -------
    How many trials it has; 0 if it was taken over before.
    """
    if is_adopted(experiment):
        return 0
    trials = storage.database.find(_TRIALS, {"experiment": experiment["_id"]})
    for number, trial in enumerate(_in_order(trials)):
        if trial.get("number") is None:
            changes = {"number": number, **corrected_times(trial)}
            unnumbered = {"_id": trial["_id"], "number": None}
            storage.database.update(_TRIALS, unnumbered, {"$set": changes}, durable=False)
    storage.update_experiment(
        experiment["_id"], {"next_number": {"$exists": False}}, **_new_fields(experiment, trials)
    )
    return len(trials)


def adopted(collections: Mapping[str, list[Document]]) -> dict[str, list[Document]]:
    """Return Oríon's documents, by collection, as an adopted storage holds them.

    The states of its optimisers are left out: trials are all that our algorithms need.

    Examples
    --------
    >>> documents = {"experiments": [{"_id": 1, "name": "demo"}], "algo": [{"_id": 1}]}
    >>> sorted(adopted(documents))
    ['experiments', 'trials']
    """
    by_experiment: dict[Any, list[Document]] = {}
    for trial in collections.get(_TRIALS, []):
        by_experiment.setdefault(trial.get("experiment"), []).append(trial)
    trials = [
        {**trial, "number": number, **corrected_times(trial)}
        for group in by_experiment.values()
        for number, trial in enumerate(_in_order(group))
    ]
    experiments = [
        {**document, **_new_fields(document, by_experiment.get(document["_id"], ()))}
        for document in collections.get(_EXPERIMENTS, [])
    ]
    rest = {name: docs for name, docs in collections.items() if name != STATES}
    return {**rest, _EXPERIMENTS: experiments, _TRIALS: trials}


def _in_order(trials: Iterable[Document]) -> list[Document]:
    """Return trials in order of suggestion; ids, which grow too, decide where times do not."""

    def key(trial: Document) -> tuple[Any, ...]:
        time, identity = trial.get("submit_time"), trial["_id"]
        known = time if isinstance(time, datetime) else _LONG_AGO
        return known, type(identity).__name__, identity

    return sorted(trials, key=key)


def corrected_times(trial: Mapping[str, Any]) -> Document:
    """Return None for what is no time: Oríon stores its timeout where a heartbeat belongs."""
    return {
        name: None
        for name in _TIMES
        if trial.get(name) is not None and not isinstance(trial[name], datetime)
    }


def _new_fields(experiment: Mapping[str, Any], trials: Iterable[Document]) -> Document:
    fields: Document = {
        "version": experiment.get("version", 1),
        "space": flat_space(experiment.get("space") or {}),
        "seed": _seed(experiment),
        "next_number": len(list(trials)),
        "free_numbers": [],
        "deletions": 0,
        "uuid": _uuid(experiment),
    }
    limits = ("max_trials", "max_broken")
    return fields | {name: None for name in limits if experiment.get(name) == math.inf}


def flat_space(space: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return priors by the full names of their dimensions, which Oríon nests at the dots.

    Examples
    --------
    >>> flat_space({"lr": "uniform(0, 1)", "model": {"depth": "uniform(1, 9, discrete=True)"}})
    {'lr': 'uniform(0, 1)', 'model.depth': 'uniform(1, 9, discrete=True)'}
    """
    flat: dict[str, Any] = {}
    for name, prior in space.items():
        if isinstance(prior, Mapping):
            flat |= flat_space(prior, f"{prefix}{name}.")
        else:
            flat[prefix + name] = prior
    return flat


def _uuid(experiment: Mapping[str, Any]) -> str:
    """Return the same identity whoever takes the experiment over."""
    born = (experiment.get("metadata") or {}).get("datetime")
    what = experiment["_id"], experiment.get("name"), experiment.get("version", 1), born
    return uuid5(NAMESPACE_OID, " ".join(map(str, what))).hex


def _seed(experiment: Mapping[str, Any]) -> int:
    """Return the seed of the experiment's algorithm or, without one, a fixed one of its own."""
    algorithm = experiment.get("algorithm") or experiment.get("algorithms")
    parameters = next(iter(algorithm.values()), None) if isinstance(algorithm, Mapping) else None
    seed = parameters.get("seed") if isinstance(parameters, Mapping) else None
    if type(seed) is int and 0 <= seed < 2**63:
        return seed
    return crc32(f"{experiment.get('name')}-v{experiment.get('version', 1)}".encode()) >> 1
