"""Our documents as Oríon writes them: without the fields, and without the values, it lacks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from orion_like.errors import DatabaseError, SpaceError
from orion_like.space import build_space
from orion_like.storage.adoption import corrected_times, flat_space
from orion_like.version import __version__

Document = dict[str, Any]

_NO_LIMIT: Final = 10**9  # what Oríon stores when nobody sets a limit
_TRIAL_FIELDS: Final = (
    "_id", "experiment", "id", "status", "worker", "exp_working_dir", "heartbeat",
    "submit_time", "start_time", "end_time", "results", "params", "parent",
)  # fmt: skip
_ALGORITHMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "random": {"seed": None},
    "gridsearch": {"n_values": 100},
    "hyperband": {"seed": None, "repetitions": math.inf},
    "asha": {"seed": None, "num_rungs": None, "num_brackets": 1, "repetitions": math.inf},
    "tpe": {
        "seed": None,
        "n_initial_points": 20,
        "n_ei_candidates": 24,
        "gamma": 0.25,
        "equal_weight": False,
        "prior_weight": 1.0,
        "full_weight_num": 25,
        "max_retry": 100,
        "parallel_strategy": {
            "of_type": "StatusBasedParallelStrategy",
            "strategy_configs": {"broken": {"of_type": "MaxParallelStrategy"}},
        },
    },
    "evolutiones": {
        "seed": None,
        "repetitions": math.inf,
        "nums_population": 20,
        "mutate": None,
        "max_retries": 1000,
    },
    "mofa": {"seed": None, "index": 1, "n_levels": 5, "strength": 2, "threshold": 0.1},
}
"""Algorithms of Oríon that ours of the same name can become, with all their parameters: Oríon
goes on with an experiment only if it finds every one of them stored as it has it."""


def orion_experiment(experiment: Mapping[str, Any]) -> Document:
    """Return the document of an experiment as Oríon would have written it.

    Raises
    ------
    DatabaseError
        Its search space is one that Oríon cannot have.
    """
    space = flat_space(experiment.get("space") or {})
    _check_space(space, experiment.get("constraints") or ())
    metadata = {"orion_version": f"orion_like {__version__}", **(experiment.get("metadata") or {})}
    if metadata.pop("orion_like_version", None) is not None:
        metadata.pop("parser", None)  # Oríon parses the words of the user anew
    limits = {name: experiment.get(name) for name in ("max_trials", "max_broken")}
    return {
        "_id": experiment["_id"],
        "name": experiment["name"],
        "version": experiment.get("version", 1),
        "metadata": metadata,
        "refers": experiment.get("refers") or {},
        **{name: _NO_LIMIT if limit is None else limit for name, limit in limits.items()},
        "space": space,
        "algorithm": orion_algorithm(experiment),
        "working_dir": experiment.get("working_dir") or "",
        "knowledge_base": None,
    }


def orion_trial(trial: Mapping[str, Any]) -> Document:
    """Return the document of a trial as Oríon would have written it."""
    fields = {name: trial.get(name) for name in _TRIAL_FIELDS}
    return fields | {"worker": None} | corrected_times(trial)


def orion_state(number: int, experiment: Mapping[str, Any]) -> Document:
    """Return the document that Oríon needs to go on: a state of its algorithm, still empty.

    Parameters
    ----------
    number
        ``_id`` of the document.
    experiment
        The experiment, as `orion_experiment` returns it.
    """
    return {
        "_id": number,
        "experiment": experiment["_id"],
        "configuration": experiment["algorithm"],
        "locked": 0,
        "state": None,
        "heartbeat": experiment["metadata"].get("datetime"),
    }


def orion_algorithm(experiment: Mapping[str, Any]) -> Document:
    """Return the algorithm with all parameters of Oríon's; ``random`` where it has none.

    Examples
    --------
    >>> ours = {"metadata": {"orion_like_version": "1"}, "seed": 3}
    >>> orion_algorithm({**ours, "algorithm": {"gridsearch": {"n_values": 5, "order": "x"}}})
    {'gridsearch': {'n_values': 5}}
    >>> orion_algorithm({**ours, "algorithm": {"sobol": {}}})
    {'random': {'seed': 3}}
    """
    stored = experiment.get("algorithm") or experiment.get("algorithms") or "random"
    name, given = next(iter(stored.items())) if isinstance(stored, Mapping) else (stored, None)
    given = dict(given or {})
    made_here = "orion_like_version" in (experiment.get("metadata") or {})
    if name not in _ALGORITHMS and not made_here:
        return {name: given}
    if name not in _ALGORITHMS or (name == "asha" and "num_rungs" not in given):
        name, given = "random", {}
    defaults = dict(_ALGORITHMS[name])
    if "seed" in defaults:
        defaults["seed"] = experiment.get("seed")
    return {name: {key: given.get(key, default) for key, default in defaults.items()}}


def with_numbers(
    experiments: Iterable[Document], trials: Iterable[Document]
) -> tuple[list[Document], list[Document]]:
    """Return documents with whole numbers for ``_id``, as a file of Oríon has them.

    References to an experiment that is not among them are cut.
    """
    experiments, trials = list(experiments), list(trials)
    new = _numbers(experiments)
    numbered = [
        {**doc, "_id": new[doc["_id"]], "refers": _references(doc, new)} for doc in experiments
    ]
    of_trial = _numbers(trials)
    return numbered, [
        {**doc, "_id": of_trial[doc["_id"]], "experiment": new[doc["experiment"]]} for doc in trials
    ]


def _numbers(documents: list[Document]) -> dict[Any, int]:
    """Return the number of each ``_id``: itself if all are numbers."""
    identities = [document["_id"] for document in documents]
    if all(type(identity) is int for identity in identities):
        return {identity: identity for identity in identities}
    return {identity: number for number, identity in enumerate(identities, start=1)}


def _references(experiment: Document, new: Mapping[Any, int]) -> Document:
    refers = experiment["refers"]
    parent = new.get(refers.get("parent_id"))
    root = new.get(refers.get("root_id")) if parent is not None else None
    own = new[experiment["_id"]]
    adapter = refers.get("adapter") or [] if parent is not None else []
    return {"parent_id": parent, "root_id": own if root is None else root, "adapter": adapter}


def _check_space(space: Mapping[str, Any], constraints: Iterable[Any]) -> None:
    relations = [text for text in constraints if isinstance(text, str)]
    if relations:
        raise DatabaseError(f"its search space has the constraint {relations[0]!r}")
    try:
        dimensions = build_space(space)
    except SpaceError:  # it came from Oríon, then, which understands it
        return
    for name, dimension in dimensions.items():
        if dimension.condition is not None:
            raise DatabaseError(f"its dimension {name!r} has a condition")
        if dimension.step is not None:
            raise DatabaseError(f"its dimension {name!r} has steps")
