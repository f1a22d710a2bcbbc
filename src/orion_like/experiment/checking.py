"""What users ask of an experiment, checked before any of it is stored."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.spelling import did_you_mean

LARGEST = 2**63 - 1  # databases keep whole numbers in 8 bytes

_OBJECTIVE_KEYS = ("name", "direction")
_CONSTRAINT_KEYS = ("name", "lower", "upper", "tolerance")


def checked_limit(value: Any, name: str) -> int | None:
    """Return the limit called `name`, None for no limit.

    Raises
    ------
    ConfigurationError
        If it is neither a whole number from 0 on, nor infinity, nor None.

    Examples
    --------
    >>> checked_limit(1e3, "max_trials"), checked_limit(float("inf"), "max_trials")
    (1000, None)
    """
    if value is None or value == float("inf"):
        return None
    whole = int(value) if isinstance(value, float) and value.is_integer() else _whole(value)
    if whole is None or not 0 <= whole <= LARGEST:
        raise ConfigurationError(
            f"{name} must be a whole number from 0 on, or infinity for no limit, not {value!r}"
        )
    return whole


def checked_seed(seed: Any) -> int:
    """Return `seed`.

    Raises
    ------
    ConfigurationError
        If it is not a whole number from 0 to 2**63 - 1.
    """
    whole = _whole(seed)
    if whole is None or not 0 <= whole <= LARGEST:
        raise ConfigurationError(f"seed must be a whole number from 0 to 2**63 - 1, not {seed!r}")
    return whole


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def checked_objectives(objectives: Any) -> list[dict[str, Any]]:
    """Return ``{"name", "direction"}`` for each of some objectives, or for a single one.

    Raises
    ------
    ConfigurationError
        If one is not understood, or two have the same name.

    Examples
    --------
    >>> checked_objectives(["loss", "accuracy:maximize"])[1]
    {'direction': 'maximize', 'name': 'accuracy'}
    """
    checked = [_objective(entry) for entry in _entries(objectives, "objectives")]
    names = [objective["name"] for objective in checked]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"the objective {name!r} is declared twice")
    return checked


def _objective(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        name, _, direction = entry.partition(":")
        entry = {"name": name, "direction": direction or "minimize"}
    if not isinstance(entry, Mapping) or not entry.get("name"):
        raise ConfigurationError(
            f"an objective must be {{'name', 'direction'}} or 'name:direction', not {entry!r}"
        )
    _refuse_unknown_keys(entry, "objective", _OBJECTIVE_KEYS)
    return {"direction": "minimize", **entry}


def checked_constraints(constraints: Any) -> list[Any]:
    """Return some constraints, or a single one, as a list of texts and dictionaries.

    Raises
    ------
    ConfigurationError
        If one is not understood.
    """
    entries = _entries(constraints, "constraints")
    for entry in entries:
        if isinstance(entry, str):
            continue
        if not isinstance(entry, Mapping) or not entry.get("name"):
            raise ConfigurationError(
                "a constraint must be a text such as 'x + y <= 1', or "
                f"{{'name', 'lower', 'upper', 'tolerance'}} for a result, not {entry!r}"
            )
        _refuse_unknown_keys(entry, "constraint", _CONSTRAINT_KEYS)
    return entries


def _entries(given: Any, what: str) -> list[Any]:
    if isinstance(given, (str, Mapping)):
        return [given]
    if not isinstance(given, (list, tuple)):
        raise ConfigurationError(f"{what} must be a list, not {given!r}")
    return list(given)


def _refuse_unknown_keys(entry: Mapping[str, Any], what: str, known: tuple[str, ...]) -> None:
    for key in entry:
        if key not in known:
            raise ConfigurationError(
                f"{what} {entry.get('name')!r} has no {key!r}; it has {', '.join(known)}"
                + did_you_mean(str(key), known)
            )
