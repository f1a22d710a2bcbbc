"""From our queries and updates to those of a MongoDB server.

They are nearly the same; what differs is `NOW` and `Ago`, which become the server's clock,
the stamps that the database adds, and values that are not plain yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from orion_like.errors import DatabaseError
from orion_like.storage.database.base import NOW, Ago, Query, Update
from orion_like.storage.database.engine import CHANGE
from orion_like.storage.database.matching import compile_query, is_operators
from orion_like.storage.database.updating import compile_update
from orion_like.storage.database.values import is_scalar, plain

OPERATION: Final = "_operation"
"""Field that holds the token of the last update that may have to be repeated; never shown."""

PRESENT: Final = [
    "double", "string", "object", "array", "binData", "objectId", "bool", "date", "int",
    "timestamp", "long", "decimal",
]  # fmt: skip
"""Types of values that are there: all but null."""

TIMESTAMP: Final = {"$type": "timestamp"}


def translated_query(query: Query | None, sparse: Iterable[tuple[str, ...]] = ()) -> dict[str, Any]:
    """Return the query as a server understands it.

    Parameters
    ----------
    query
        A query of ours.
    sparse
        Keys of indexes that leave out null. The server uses one only where the query itself
        says that the values are not null.
    """
    compile_query(query)  # complains about what is not in the language, as everywhere
    translated = _query(query or {})
    for keys in sparse:
        if all(_fixes(translated, key) for key in keys):
            for key in keys:
                condition = translated[key]
                operators = condition if isinstance(condition, dict) else {"$eq": condition}
                translated[key] = {**operators, "$type": PRESENT}
    return translated


def _fixes(query: dict[str, Any], key: str) -> bool:
    """Tell whether the query fixes the field to values that are not null."""
    condition = query.get(key)
    if not isinstance(condition, dict):
        return condition is not None and is_scalar(condition)
    return set(condition) == {"$in"} and None not in condition["$in"]


def _query(query: Query) -> dict[str, Any]:
    translated: dict[str, Any] = {}
    by_clock: list[dict[str, Any]] = []
    for key, condition in query.items():
        if key[:1] == "$":
            translated[key] = [_query(part) for part in condition]
        elif is_operators(condition, "query"):
            translated[key] = _operators(key, condition, by_clock)
        else:
            translated[key] = plain(condition)
    if by_clock:
        translated["$and"] = [*translated.get("$and", []), *by_clock]
    return translated


def _operators(
    key: str, condition: Mapping[str, Any], by_clock: list[dict[str, Any]]
) -> dict[str, Any]:
    translated: dict[str, Any] = {}
    for operator, operand in condition.items():
        if isinstance(operand, Ago):
            # $expr compares across types, and null comes before all dates.
            translated["$type"] = "date"
            instant = {"$subtract": ["$$NOW", round(operand.seconds * 1000)]}
            by_clock.append({"$expr": {operator: ["$" + key, instant]}})
        else:
            translated[operator] = _operand(operand)
    return translated


def _operand(operand: Any) -> Any:
    """Return an operand made of plain values; it may hold operators."""
    if isinstance(operand, Ago):
        raise DatabaseError("query: Ago can be compared with a field only, not within $not or such")
    if isinstance(operand, Mapping):
        return {key: _operand(value) for key, value in operand.items()}
    if isinstance(operand, list | tuple | set | frozenset):
        return [_operand(value) for value in operand]
    return plain(operand)


def translated_update(
    update: Update, *, tracked: bool, token: Any = None
) -> dict[str, dict[str, Any]]:
    """Return the update as a server understands it.

    Parameters
    ----------
    update
        An update of ours.
    tracked
        Whether to stamp the change.
    token
        What to stamp as the operation, if anything.
    """
    compile_update(update)
    translated: dict[str, dict[str, Any]] = {}
    for operator, changes in update.items():
        for field, value in changes.items():
            if tracked and field == CHANGE:
                continue
            if value is NOW:
                translated.setdefault("$currentDate", {})[field] = True
            else:
                translated.setdefault(operator, {})[field] = _operand(value)
    if tracked:
        translated.setdefault("$currentDate", {})[CHANGE] = TIMESTAMP
    if token is not None:
        translated.setdefault("$set", {})[OPERATION] = token
    return translated
