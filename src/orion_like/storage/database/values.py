"""What a stored value may be, and how values compare, as in MongoDB.

`plain` is the gate: whatever enters a database goes through it and leaves as a private
copy made of plain types only. `order_key` gives the total order over all types.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any, Final

from orion_like.errors import DatabaseError
from orion_like.storage.database.base import NOW

UTC: Final = datetime.timezone.utc
EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = datetime.timedelta(milliseconds=1)
CONTAINERS: Final = frozenset([dict, list])
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class _Missing:
    """Stands for a field that is not there; the only instance is `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def now() -> datetime.datetime:
    """Return the time by this host's clock: aware UTC, whole milliseconds."""
    return truncated(datetime.datetime.now(UTC))


def milliseconds(time: datetime.datetime) -> int:
    """Return the milliseconds since 1970 (UTC)."""
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def time_after(milliseconds: int) -> datetime.datetime:
    """Return the time so many milliseconds after 1970 (UTC)."""
    return EPOCH + _MILLISECOND * milliseconds


def truncated(time: datetime.datetime) -> datetime.datetime:
    """Return `time` as aware UTC in whole milliseconds; a naive one is taken to be UTC."""
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    elif time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    excess = time.microsecond % 1000
    return time.replace(microsecond=time.microsecond - excess) if excess else time


def _encodable(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DatabaseError(
            f"{_at(where)}: {text!r} holds half a character (a lone surrogate), "
            "which no database can store"
        ) from None
    return text


def plain(value: Any, where: str = "") -> Any:
    """Return a deep copy of `value` made of plain types only.

    Tuples become lists, numpy scalars Python numbers, times aware UTC in milliseconds.

    Raises
    ------
    DatabaseError
        Something in it cannot be stored; the message says where.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _encodable(value, where)
    if kind is float or kind is bool or value is None or kind is bytes:
        return value
    if kind is dict:
        for key in value:
            if type(key) is not str or key[:1] == "$" or "\0" in key:
                _refuse_key(key, where)
        return {key: plain(item, where + "." + key) for key, item in value.items()}
    if kind is int:
        if _INT_MIN <= value <= _INT_MAX:
            return value
        raise DatabaseError(f"{_at(where)}: {value} does not fit into 64 bits; store it as text")
    if kind is list or kind is tuple:
        return [plain(item, f"{where}.{n}") for n, item in enumerate(value)]
    if kind is datetime.datetime:
        return truncated(value)
    return _plain_slowly(value, where)


def _plain_slowly(value: Any, where: str) -> Any:
    """Handle subclasses of plain types and foreign scalars."""
    if hasattr(value, "dtype") and hasattr(value, "item"):
        if getattr(value, "ndim", 0) == 0:
            return plain(value.item(), where)
        raise DatabaseError(f"{_at(where)}: an array cannot be stored; call its tolist() first")
    if isinstance(value, Mapping):
        return plain(dict(value), where)
    for base, convert in _SUPERTYPES:
        if isinstance(value, base):
            return plain(convert(value), where)
    if value is NOW:
        raise DatabaseError(
            f"{_at(where)}: NOW can only be the value of a whole top-level field,"
            " of an inserted document or in $set"
        )
    if is_object_id(value):
        return value
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise DatabaseError(
        f"{_at(where)}: a value of type {kind} cannot be stored; documents hold None, bool, int,"
        " float, str, bytes, datetime, list and dict"
    )


_SUPERTYPES: tuple[tuple[type, Any], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes.__bytes__ if hasattr(bytes, "__bytes__") else bytes),
    (list, list),
    (tuple, list),
    (datetime.datetime, lambda time: datetime.datetime.fromtimestamp(time.timestamp(), UTC)),
)


def is_object_id(value: Any) -> bool:
    """Tell whether it is a document identifier made by MongoDB, without importing bson."""
    return type(value).__name__ == "ObjectId" and type(value).__module__ == "bson.objectid"


def _refuse_key(key: Any, where: str) -> None:
    if not isinstance(key, str):
        raise DatabaseError(f"{_at(where)}: the key {key!r} is not a string")
    if key[:1] == "$" or "\0" in key:
        raise DatabaseError(
            f"{_at(where)}: the key {key!r} cannot be stored; keys hold no NUL and do not"
            " start with '$'"
        )


def _at(where: str) -> str:
    return f"field {where[1:]!r}" if where else "document"


def is_scalar(value: Any) -> bool:
    """Tell whether a value has no parts."""
    return type(value) not in CONTAINERS


def copied(value: Any) -> Any:
    """Return a deep copy of a value made of plain types."""
    kind = type(value)
    if kind is dict:
        return {
            key: copied(item) if type(item) in CONTAINERS else item for key, item in value.items()
        }
    if kind is list:
        return [copied(item) if type(item) in CONTAINERS else item for item in value]
    return value


def values_at(document: Any, path: list[str], *, for_order: bool = False) -> list[Any]:
    """Return every value that a dotted path leads to, as MongoDB walks it.

    A list on the way stands for each of the documents in it, and for the element that the
    next part of the path numbers. `MISSING` stands for a field that is not there; nothing at
    all is returned where a list on the way holds no documents. For sorting, a number in the
    path means that element only.
    """
    if len(path) == 1:
        return [document.get(path[0], MISSING)]
    found: list[Any] = []
    _walk(document, path, 0, found, for_order)
    return found


def _walk(value: Any, path: list[str], depth: int, found: list[Any], for_order: bool) -> None:
    if depth == len(path):
        found.append(value)
    elif type(value) is dict:
        _walk(value.get(path[depth], MISSING), path, depth + 1, found, for_order)
    elif type(value) is list:
        numbered = path[depth].isdecimal() and int(path[depth]) < len(value)
        for item in () if numbered and for_order else value:
            if type(item) is dict:
                _walk(item, path, depth, found, for_order)
            elif for_order:
                found.append(MISSING)
        if numbered:
            element = value[int(path[depth])]
            if depth + 1 == len(path) or not is_scalar(element):
                _walk(element, path, depth + 1, found, for_order)
    else:
        found.append(MISSING)


# Rank of each type in MongoDB's order; a comparison by $lt and so on stays within a rank.
_RANKS: Final = {
    type(None): 1,
    _Missing: 1,
    int: 2,
    float: 2,
    str: 3,
    dict: 4,
    list: 5,
    bytes: 6,
    bool: 8,
    datetime.datetime: 9,
}
_OBJECT_ID_RANK: Final = 7


def rank(value: Any) -> int:
    """Return the place of the value's type in the order of types."""
    return _RANKS.get(type(value), _OBJECT_ID_RANK)


def order_key(value: Any) -> tuple[Any, ...]:
    """Return a key that sorts values of any type as MongoDB does and equals if they are equal."""
    kind = type(value)
    if kind is int or kind is str or kind is bool or kind is datetime.datetime:
        return (_RANKS[kind], value)
    if kind is float:
        return (1.5,) if math.isnan(value) else (2, value)  # NaN comes before all numbers
    if value is None or value is MISSING:
        return (1,)
    if kind is dict:
        return (4, tuple((rank(v), k, order_key(v)) for k, v in value.items()))
    if kind is list:
        return (5, tuple(order_key(item) for item in value))
    if kind is bytes:
        return (6, len(value), value)
    return (_OBJECT_ID_RANK, value)


def equal(a: Any, b: Any) -> bool:
    """Tell whether two values are equal to MongoDB: 1 == 1.0, but True != 1 and NaN == NaN."""
    kind = type(a)
    if kind is str or kind is int or kind is bool:
        return bool(a == b) and (type(b) is bool) == (kind is bool)
    return order_key(a) == order_key(b)
