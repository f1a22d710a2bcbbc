"""What users ask of an experiment, checked before any of it is stored."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.experiment.outcome_bounds import outcome_bounds
from orion_like.spelling import did_you_mean
from orion_like.trial import is_number, plain_value

LARGEST = 2**63 - 1  # databases keep whole numbers in 8 bytes

_OBJECTIVE_KEYS = ("name", "direction", "reference")
_CONSTRAINT_KEYS = ("name", "lower", "upper", "equals", "tolerance")


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


def checked_duration(value: Any, name: str) -> float | None:
    """Return the seconds of the limit called `name`, None for no limit.

    Raises
    ------
    ConfigurationError
        If it is neither a number of seconds more than 0, nor None.

    Examples
    --------
    >>> checked_duration(90, "max_duration"), checked_duration(float("inf"), "max_duration")
    (90, None)
    """
    if value is None or value == float("inf"):
        return None
    if not is_number(value) or not value > 0:
        raise ConfigurationError(f"{name} must be a number of seconds > 0, not {value!r}")
    seconds: float = plain_value(value)
    return seconds


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

    Those that are given with a ``reference``, the worst value that still counts in a hypervolume,
    keep it.

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
    reference = _finite(entry, "reference", "objective")
    named = {key: value for key, value in entry.items() if key != "reference"}
    return {"direction": "minimize", **named} | (
        {} if reference is None else {"reference": reference}
    )


def _finite(entry: Mapping[str, Any], key: str, what: str) -> float | None:
    """Return a number of an entry, None if it has none."""
    value: float | None = plain_value(entry.get(key))
    if value is None or (is_number(value) and math.isfinite(value)):
        return value
    raise ConfigurationError(
        f"{what} {entry['name']!r}: {key} must be a finite number, not {value!r}"
    )


def checked_constraints(constraints: Any, dimensions: Collection[str] = ()) -> list[Any]:
    """Return some constraints, or a single one, as they are stored.

    Parameters
    ----------
    constraints
        Texts on dimensions, such as ``"x + y <= 1"``, which stay what they are; texts that bound
        a result, such as ``"memory <= 8"``; and ``{"name", "lower", "upper", "tolerance"}`` or
        ``{"name", "equals", "tolerance"}`` for a result.
    dimensions
        Names of the dimensions, which results are told from.

    Raises
    ------
    ConfigurationError
        If one is not understood, or two bound the same result.
    PriorError
        If a text is not understood.

    Examples
    --------
    >>> checked_constraints("memory <= 8", ["x"])
    [{'name': 'memory', 'lower': None, 'upper': 8, 'tolerance': 0.0}]
    >>> checked_constraints({"name": "weight", "equals": 2, "tolerance": 0.5})
    [{'name': 'weight', 'lower': 2, 'upper': 2, 'tolerance': 0.5}]
    """
    checked = [_constraint(entry, dimensions) for entry in _entries(constraints, "constraints")]
    names = [entry["name"] for entry in checked if not isinstance(entry, str)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"the constraint {name!r} is declared twice; give both bounds in one, such as "
                f"'1 <= {name} <= 2'"
            )
    return checked


def _constraint(entry: Any, dimensions: Collection[str]) -> Any:
    if isinstance(entry, str):
        bounds = outcome_bounds(entry, dimensions)
        return entry if bounds is None else _bounded(bounds)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ConfigurationError(
            "a constraint must be a text such as 'x + y <= 1', or "
            f"{{'name', 'lower', 'upper', 'tolerance'}} for a result, not {entry!r}"
        )
    _refuse_unknown_keys(entry, "constraint", _CONSTRAINT_KEYS)
    return _bounded(entry)


def _bounded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an outcome constraint with all its fields, as it is stored."""
    name = entry["name"]
    lower, upper, equals, tolerance = (
        _finite(entry, key, "constraint") for key in ("lower", "upper", "equals", "tolerance")
    )
    if equals is not None and (lower is not None or upper is not None):
        raise ConfigurationError(
            f"constraint {name!r} has 'equals' and also 'lower' or 'upper'; give one of both"
        )
    if equals is not None:
        lower = upper = equals
    if lower is None and upper is None:
        raise ConfigurationError(
            f"constraint {name!r} has no bound; it needs 'lower', 'upper' or 'equals'"
        )
    if lower is not None and upper is not None and lower > upper:
        raise ConfigurationError(
            f"constraint {name!r}: its lower bound {lower!r} is above its upper bound {upper!r}"
        )
    if tolerance is not None and tolerance < 0:
        raise ConfigurationError(
            f"constraint {name!r}: tolerance must be at least 0, not {tolerance!r}"
        )
    return {"name": name, "lower": lower, "upper": upper, "tolerance": tolerance or 0.0}


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
