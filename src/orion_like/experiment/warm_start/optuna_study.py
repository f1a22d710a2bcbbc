"""What studies of Optuna have found, read from its files: an SQLite database, or a journal.

Optuna itself is not needed. Of the database, these tables are read: ``studies (study_id,
study_name)``, ``study_directions (study_id, objective, direction)``, ``trials (trial_id, number,
study_id, state)``, ``trial_params (trial_id, param_name, param_value, distribution_json)``,
``trial_values (trial_id, objective, value, value_type)`` and the ``…_system_attributes (key,
value_json)``. A journal has a JSON object a line, whose ``op_code`` tells what it does.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orion_like.algo import Objective
from orion_like.errors import ConfigurationError
from orion_like.experiment.warm_start.findings import Finding, Findings
from orion_like.experiment.warm_start.source import SQLITE_HEADER, Source
from orion_like.spelling import did_you_mean

DIRECTIONS: Final = {"MINIMIZE": "minimize", "MAXIMIZE": "maximize", 1: "minimize", 2: "maximize"}
METRIC_NAMES: Final = "study:metric_names"
CONSTRAINTS: Final = "constraints"
COMPLETE: Final = 1  # state of a trial in a journal
ENDED: Final = (COMPLETE, 2, 3)  # and of one that was pruned, or that failed

CREATE_STUDY, DELETE_STUDY, STUDY_ATTRIBUTE = 0, 1, 3
CREATE_TRIAL, PARAMETER, STATE, TRIAL_ATTRIBUTE = 4, 5, 6, 9


@dataclass
class _Trial:
    """A trial, whatever it came to."""

    params: dict[str, Any] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)
    is_complete: bool = False
    is_ended: bool = False
    is_feasible: bool = True


@dataclass
class _Study:
    """A study with its trials, by their numbers."""

    directions: list[str]
    trials: list[_Trial] = field(default_factory=list)
    names: Sequence[str] | None = None


def read_study(source: Source) -> Findings:
    """Return the findings of a study.

    Parameters
    ----------
    source
        Which, of kind ``optuna``.

    Raises
    ------
    ConfigurationError
        If there is no such file or study, the file is none of Optuna, or it has several studies
        and none is chosen.
    """
    path = str(source.place)
    try:
        with open(path, "rb") as file:
            is_sqlite = file.read(len(SQLITE_HEADER)) == SQLITE_HEADER
    except OSError as error:
        raise ConfigurationError(
            f"warm_start: the file {path} of Optuna cannot be read: {error.strerror}"
        ) from None
    studies = _read_sqlite(path) if is_sqlite else _read_journal(path)
    name = source.name
    if name is None and len(studies) == 1:
        name = next(iter(studies))
    if name not in studies:
        known = ", ".join(studies) or "no studies"
        problem = "has several studies, say which" if name is None else f"has no study {name!r}"
        hint = "" if name is None else did_you_mean(name, studies)
        raise ConfigurationError(
            f"warm_start: {path} {problem}{hint}; it has {known} (optuna:{path}#STUDY)"
        )
    return _findings(f"{name} of {Path(path).name}", studies[name])


def _findings(name: str, study: _Study) -> Findings:
    names = study.names or (
        ["value"]
        if len(study.directions) == 1
        else [f"values_{position}" for position in range(len(study.directions))]
    )
    finished = [trial for trial in study.trials if trial.is_complete and trial.is_feasible]
    return Findings(
        name,
        [Objective(*pair) for pair in zip(names, study.directions, strict=True)],
        [Finding(trial.params, dict(zip(names, trial.values, strict=False))) for trial in finished],
        len(study.trials) - len(finished),
    )


def external(value: float, distribution: Any) -> Any:
    """Return the value of a parameter from what stands for it in the files.

    Parameters
    ----------
    value
        A number: of a categorical parameter, the position of the choice.
    distribution
        ``{"name", "attributes"}``, or its JSON.

    Examples
    --------
    >>> external(1.0, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b"]}}')
    'b'
    >>> external(3.0, '{"name": "IntDistribution", "attributes": {"low": 1, "high": 8}}')
    3
    """
    known = json.loads(distribution) if isinstance(distribution, str) else distribution
    kind = known["name"]
    if kind == "CategoricalDistribution":
        return known["attributes"]["choices"][int(value)]
    return round(value) if kind.startswith("Int") else float(value)


# --- SQLite -------------------------------------------------------------------------------------


def _read_sqlite(path: str) -> dict[str, _Study]:
    import sqlite3

    address = f"file:{_quoted(os.path.abspath(path))}?mode=ro"
    try:
        connection = sqlite3.connect(address, uri=True)
        try:
            return _studies(connection.execute)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"warm_start: {path} is no database of Optuna that can be read: {error}"
        ) from None


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def _studies(query: Any) -> dict[str, _Study]:
    directions: dict[int, dict[int, str]] = defaultdict(dict)
    for study, objective, direction in query(
        "SELECT study_id, objective, direction FROM study_directions"
    ):
        directions[study][objective] = DIRECTIONS.get(direction, "minimize")
    studies, names = {}, {}
    for study, name in query("SELECT study_id, study_name FROM studies ORDER BY study_id"):
        known = directions[study] or {0: "minimize"}
        studies[study] = _Study([known[position] for position in sorted(known)])
        names[study] = name
    for study, text in query(
        "SELECT study_id, value_json FROM study_system_attributes WHERE key = ?", (METRIC_NAMES,)
    ):
        studies[study].names = json.loads(text)
    trials: dict[int, _Trial] = {}
    for trial, study, state in query(
        "SELECT trial_id, study_id, state FROM trials ORDER BY study_id, number, trial_id"
    ):
        trials[trial] = _Trial(is_complete=state == "COMPLETE")
        studies[study].trials.append(trials[trial])
    for trial, name, value, distribution in query(
        "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params"
    ):
        trials[trial].params[name] = external(value, distribution)
    infinite = {"INF_POS": math.inf, "INF_NEG": -math.inf}
    for trial, value, kind in query(
        "SELECT trial_id, value, value_type FROM trial_values ORDER BY trial_id, objective"
    ):
        trials[trial].values.append(infinite.get(kind, math.nan if value is None else value))
    for trial, text in query(
        "SELECT trial_id, value_json FROM trial_system_attributes WHERE key = ?", (CONSTRAINTS,)
    ):
        trials[trial].is_feasible = _is_feasible(json.loads(text))
    return {names[study]: found for study, found in studies.items()}


def _is_feasible(constraints: Any) -> bool:
    """Whether all constraints are kept: those that are not above zero are."""
    return not isinstance(constraints, list) or all(
        not isinstance(value, (int, float)) or value <= 0 for value in constraints
    )


# --- journal ------------------------------------------------------------------------------------


def _read_journal(path: str) -> dict[str, _Study]:
    studies: dict[int, tuple[str, _Study]] = {}
    trials: list[_Trial] = []
    created = 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith("\n"):
                break  # the writer was cut short, or is in the middle of it
            try:
                entry = json.loads(line)
                code = entry["op_code"]
            except (ValueError, KeyError, TypeError):
                raise ConfigurationError(
                    f"warm_start: {path} is no journal of Optuna: line {number} is no operation"
                ) from None
            if code == CREATE_STUDY:
                if entry["study_name"] not in {name for name, _ in studies.values()}:
                    directions = [DIRECTIONS.get(d, "minimize") for d in entry["directions"]]
                    studies[created] = entry["study_name"], _Study(directions)
                    created += 1
            elif code == DELETE_STUDY:
                studies.pop(entry["study_id"], None)
            elif code == STUDY_ATTRIBUTE and entry["study_id"] in studies:
                names = entry["system_attr"].get(METRIC_NAMES)
                if names:
                    studies[entry["study_id"]][1].names = names
            elif code == CREATE_TRIAL:
                if entry["study_id"] in studies:
                    trials.append(_created(entry))
                    studies[entry["study_id"]][1].trials.append(trials[-1])
            elif code in (PARAMETER, STATE, TRIAL_ATTRIBUTE):
                _change(trials, entry)
    return dict(studies.values())


def _created(entry: Mapping[str, Any]) -> _Trial:
    distributions = entry.get("distributions") or {}
    params = {
        name: external(value, distributions[name])
        for name, value in (entry.get("params") or {}).items()
        if name in distributions
    }
    values = entry.get("values") or ([entry["value"]] if entry.get("value") is not None else [])
    constraints = (entry.get("system_attrs") or {}).get(CONSTRAINTS)
    complete, ended = entry.get("state") == COMPLETE, entry.get("state") in ENDED
    return _Trial(params, list(values), complete, ended, _is_feasible(constraints))


def _change(trials: Sequence[_Trial], entry: Mapping[str, Any]) -> None:
    if not 0 <= entry["trial_id"] < len(trials):
        return
    trial = trials[entry["trial_id"]]
    if trial.is_ended:  # the first of several writers wins
        return
    if entry["op_code"] == PARAMETER:
        value = external(entry["param_value_internal"], entry["distribution"])
        trial.params[entry["param_name"]] = value
    elif entry["op_code"] == STATE:
        trial.is_complete, trial.is_ended = entry["state"] == COMPLETE, entry["state"] in ENDED
        trial.values = list(_finite_or_not(entry.get("values") or ()))
    elif CONSTRAINTS in entry["system_attr"]:
        trial.is_feasible = _is_feasible(entry["system_attr"][CONSTRAINTS])


def _finite_or_not(values: Iterable[Any]) -> Iterable[float]:
    return (math.nan if value is None else float(value) for value in values)
