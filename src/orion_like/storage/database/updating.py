"""Updates: the part of MongoDB's language that changes documents, for dicts.

An update is compiled and checked once, then applied to documents without changing them:
the containers on the way to a change are copied, everything else is shared.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

from orion_like.errors import DatabaseError
from orion_like.storage.database.base import NOW, Document, Update
from orion_like.storage.database.matching import compile_query, is_operators, unknown_operator
from orion_like.storage.database.values import MISSING, equal, order_key, plain

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


Step = tuple[str, list[str], Any]
"""One operator, the path it changes, and its operand."""


def compile_update(update: Update) -> list[Step]:
    """Check an update and split it into steps; operands are copied.

    Raises
    ------
    DatabaseError
        Unknown operators, operators missing, values that cannot be stored, `_id`, or two
        changes of the same field.
    """
    if not isinstance(update, Mapping) or not update:
        raise DatabaseError(f"update {update!r}: an update is a dict such as {{'$set': {{...}}}}")
    steps: list[Step] = []
    for operator, changes in update.items():
        if not isinstance(operator, str) or operator not in _OPERATORS:
            raise _not_an_operator(operator)
        if not isinstance(changes, Mapping):
            raise DatabaseError(f"update {operator}: expects a dict of fields, not {changes!r}")
        for field, operand in changes.items():
            path = _path(operator, field)
            if operator == "$set" and operand is not NOW:
                steps.append((operator, path, plain(operand, "." + field)))
            else:
                steps.append((operator, path, _operand(operator, field, operand)))
    _refuse_conflicts([path for _, path, _ in steps])
    return steps


def _not_an_operator(operator: Any) -> DatabaseError:
    if isinstance(operator, str) and operator[:1] == "$":
        return unknown_operator(operator, _OPERATORS, "update")
    return DatabaseError(
        f"update: {operator!r} is not an operator; to replace the field write"
        f" {{'$set': {{{operator!r}: ...}}}}"
    )


def _path(operator: str, field: Any) -> list[str]:
    if type(field) is str and field.isidentifier() and field != "_id":
        return [field]
    path = field.split(".") if isinstance(field, str) else [""]
    if "" in path or any(part[:1] == "$" for part in path) or "\0" in field:
        raise DatabaseError(f"update {operator}: {field!r} is not the name of a field or a path")
    if path[0] == "_id":
        raise DatabaseError(f"update {operator}: the _id of a document never changes")
    return path


def _operand(operator: str, field: str, operand: Any) -> Any:
    where = "." + field
    if operator == "$set" and operand is NOW:
        if "." in field:
            raise DatabaseError(f"update $set: NOW needs a top-level field, not {field!r}")
        return NOW
    if operator == "$inc" and (isinstance(operand, bool) or not _is_number(plain(operand, where))):
        raise DatabaseError(f"update $inc: {field!r} expects a number, not {operand!r}")
    if operator == "$pop" and operand not in (1, -1):
        raise DatabaseError(f"update $pop: {field!r} expects 1 or -1, not {operand!r}")
    if operator in ("$push", "$addToSet"):
        return _additions(operator, field, operand)
    if operator == "$pull":
        return _pull_test(field, operand)
    return plain(operand, where)


def _additions(operator: str, field: str, operand: Any) -> list[Any]:
    if not is_operators(operand, f"update {operator} on {field!r}"):
        return [plain(operand, "." + field)]
    if set(operand) != {"$each"} or not isinstance(operand["$each"], list | tuple):
        raise DatabaseError(
            f"update {operator} on {field!r}: only {{'$each': [...]}} is known, not {operand!r}"
        )
    return [plain(item, "." + field) for item in operand["$each"]]


def _pull_test(field: str, operand: Any) -> Callable[[Any], bool]:
    """Compile what $pull takes out: a value, documents that match, or elements that compare."""
    if is_operators(operand, f"update $pull on {field!r}"):
        matches = compile_query({"element": operand})
        return lambda item: matches({"element": item})
    if isinstance(operand, Mapping):
        matches = compile_query(operand)
        return lambda item: type(item) is dict and matches(item)
    value = plain(operand, "." + field)
    return lambda item: equal(value, item)


def _refuse_conflicts(paths: list[list[str]]) -> None:
    if len({path[0] for path in paths}) == len(paths):
        return
    ordered = sorted(paths)
    for shorter, longer in itertools.pairwise(ordered):
        if longer[: len(shorter)] == shorter:
            raise DatabaseError(
                f"update: {'.'.join(shorter)!r} and {'.'.join(longer)!r} are changed"
                " in one update, which is a conflict"
            )


def apply_update(document: Document, steps: list[Step], time: datetime.datetime) -> Document:
    """Return the document as it is after the steps; the given one stays as it was.

    Parameters
    ----------
    document
        A stored document.
    steps
        What `compile_update` returned.
    time
        What `NOW` stands for.
    """
    updated = dict(document)
    for operator, path, operand in steps:
        if operator == "$set" and len(path) == 1:
            updated[path[0]] = time if operand is NOW else operand
        else:
            _change(updated, path, 0, operator, operand)
    return updated


def _change(container: Any, path: list[str], depth: int, operator: str, operand: Any) -> None:
    """Change, in a container that is ours, what the rest of the path leads to."""
    if operator == "$unset" and type(container) is list and not path[depth].isdecimal():
        return
    key = _key(container, path, depth)
    old = _item(container, key)
    if depth == len(path) - 1:
        new = _OPERATORS[operator](old, operand, path)
    elif old is MISSING and operator in ("$unset", "$pull", "$pop"):
        return
    elif old is MISSING:
        new = {}
        _change(new, path, depth + 1, operator, operand)
    elif type(old) is dict or type(old) is list:
        new = old.copy()
        _change(new, path, depth + 1, operator, operand)
    elif operator == "$unset":
        return
    else:
        raise DatabaseError(
            f"update {operator}: cannot reach {'.'.join(path)!r}, since"
            f" {'.'.join(path[: depth + 1])!r} holds {old!r}"
        )
    _put(container, key, new)


def _key(container: Any, path: list[str], depth: int) -> Any:
    if type(container) is dict:
        return path[depth]
    if path[depth].isdecimal():
        return int(path[depth])
    raise DatabaseError(
        f"update: {'.'.join(path[:depth])!r} holds a list, so {path[depth]!r} after it"
        " would have to be the number of an element"
    )


def _item(container: Any, key: Any) -> Any:
    if type(container) is dict:
        return container.get(key, MISSING)
    return container[key] if key < len(container) else MISSING


def _put(container: Any, key: Any, value: Any) -> None:
    if type(container) is dict:
        if value is MISSING:
            container.pop(key, None)
        else:
            container[key] = value
    elif value is MISSING:
        if key < len(container):
            container[key] = None  # as in MongoDB: an element of a list is not removed
    else:
        container.extend([None] * (key + 1 - len(container)))
        container[key] = value


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _increment(old: Any, by: Any, path: list[str]) -> Any:
    if old is MISSING:
        return by
    if not _is_number(old):
        raise DatabaseError(f"update $inc: {'.'.join(path)!r} holds {old!r}, not a number")
    total = old + by
    if type(total) is int and not _INT_MIN <= total <= _INT_MAX:
        raise DatabaseError(f"update $inc: {'.'.join(path)!r} would exceed 64 bits")
    return total


def _list_of(operator: str, old: Any, path: list[str]) -> list[Any]:
    if old is MISSING:
        return []
    if type(old) is list:
        return old
    raise DatabaseError(f"update {operator}: {'.'.join(path)!r} holds {old!r}, not a list")


def _push(old: Any, items: list[Any], path: list[str]) -> Any:
    return _list_of("$push", old, path) + items


def _add_to_set(old: Any, items: list[Any], path: list[str]) -> Any:
    union = list(_list_of("$addToSet", old, path))
    for item in items:
        if not any(equal(item, other) for other in union):
            union.append(item)
    return union


def _pull(old: Any, test: Callable[[Any], bool], path: list[str]) -> Any:
    if old is MISSING:
        return MISSING
    return [item for item in _list_of("$pull", old, path) if not test(item)]


def _pop(old: Any, end: int, path: list[str]) -> Any:
    if old is MISSING:
        return MISSING
    items = _list_of("$pop", old, path)
    return items[:-1] if end == 1 else items[1:]


def _set(_old: Any, value: Any, _path: list[str]) -> Any:
    return value


def _unset(_old: Any, _value: Any, _path: list[str]) -> Any:
    return MISSING


def _least(old: Any, value: Any, _path: list[str]) -> Any:
    return value if old is MISSING or order_key(value) < order_key(old) else old


def _greatest(old: Any, value: Any, _path: list[str]) -> Any:
    return value if old is MISSING or order_key(value) > order_key(old) else old


_OPERATORS: Final[dict[str, Callable[[Any, Any, list[str]], Any]]] = {
    "$set": _set,
    "$unset": _unset,
    "$inc": _increment,
    "$push": _push,
    "$pull": _pull,
    "$pop": _pop,
    "$addToSet": _add_to_set,
    "$min": _least,
    "$max": _greatest,
}
