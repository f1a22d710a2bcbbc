"""Queries: the part of MongoDB's language that the other databases understand too.

A query is compiled once into a function of a document. The meaning is MongoDB's: a missing
field equals null, a list matches when it or one of its elements does, and ordering
comparisons hold only between values of the same type.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from orion_like.errors import DatabaseError
from orion_like.spelling import closest
from orion_like.storage.database.base import Ago, Document, Query, Sort
from orion_like.storage.database.values import (
    MISSING,
    equal,
    now,
    order_key,
    plain,
    rank,
    truncated,
    values_at,
)

Predicate = Callable[[Document], bool]
_ValueTest = Callable[[Any], bool]

_PLAIN: Final = frozenset([type(None), bool, int, float, str, list, datetime.datetime])
_LOGICAL: Final = ("$and", "$or", "$nor")
_COMPARISONS: Final = ("$lt", "$lte", "$gt", "$gte")
_FIELD_OPERATORS: Final = (
    "$eq", "$ne", "$in", "$nin", *_COMPARISONS, "$exists", "$not", "$elemMatch", "$size", "$all",
)  # fmt: skip


def unknown_operator(name: str, known: Collection[str], where: str) -> DatabaseError:
    """Make the error for an operator that is not in the language."""
    meant = closest(name, known)
    hint = f"did you mean {meant!r}?" if meant else "known ones: " + " ".join(sorted(known))
    return DatabaseError(f"{where}: unknown operator {name!r}; {hint}")


def compile_query(query: Query | None) -> Predicate:
    """Turn a query into a function that tells whether a document matches.

    `Ago` operands are fixed at this moment.

    Examples
    --------
    >>> matches = compile_query({"status": {"$in": ["new", "interrupted"]}, "number": {"$lt": 3}})
    >>> matches({"status": "new", "number": 2}), matches({"status": "new", "number": None})
    (True, False)
    """
    if not query:
        return _always
    if not isinstance(query, Mapping):
        raise DatabaseError(f"query {query!r}: a query is a dict of conditions")
    tests = [_clause(key, condition) for key, condition in query.items()]
    return _all_of(tests)


def _always(_: Document) -> bool:
    return True


def _never(_: Any) -> bool:
    return False


def _all_of(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]

    def every(document: Document) -> bool:
        for test in tests:  # noqa: SIM110 - a generator would cost twice as much
            if not test(document):
                return False
        return True

    return every


def _clause(key: str, condition: Any) -> Predicate:
    if not isinstance(key, str):
        raise DatabaseError(f"query: the field {key!r} is not a string")
    if key[:1] == "$":
        return _logical(key, condition)
    path = key.split(".")
    if "" in path:
        raise DatabaseError(f"query: {key!r} is not the name of a field or a dotted path")
    if not is_operators(condition, "query"):
        return _element_test(path, _equality(plain(condition, "." + key)))
    return _all_of([_field_test(path, key, *operation) for operation in condition.items()])


def _logical(key: str, condition: Any) -> Predicate:
    if key not in _LOGICAL:
        raise unknown_operator(key, _LOGICAL, "query")
    if not isinstance(condition, list | tuple) or not condition:
        raise DatabaseError(f"query: {key} takes a list of queries, not {condition!r}")
    tests = [compile_query(part) for part in condition]
    if key == "$and":
        return _all_of(tests)
    if key == "$or":
        return lambda document: any(test(document) for test in tests)
    return lambda document: not any(test(document) for test in tests)


def is_operators(condition: Any, where: str) -> bool:
    """Tell a dict of operators from a value to compare with; a mixture is refused."""
    if type(condition) in _PLAIN or not isinstance(condition, Mapping) or not condition:
        return False
    operators = [isinstance(name, str) and name[:1] == "$" for name in condition]
    if any(operators) and not all(operators):
        raise DatabaseError(f"{where}: operators and fields cannot be mixed in {condition!r}")
    return operators[0]


def _field_test(path: list[str], key: str, operator: str, operand: Any) -> Predicate:
    """Compile one operator on one field into a test of the document."""
    if operator in ("$ne", "$nin"):
        positive = _field_test(path, key, "$eq" if operator == "$ne" else "$in", operand)
        return lambda document: not positive(document)
    if operator == "$not":
        return _negation(path, key, operand)
    if operator == "$all":
        parts = [_field_test(path, key, "$eq", item) for item in _list(key, operator, operand)]
        return _all_of(parts) if parts else _never
    if operator in ("$exists", "$size", "$elemMatch"):
        return _whole_value_test(path, _whole_test(key, operator, operand))
    return _element_test(path, _value_test(key, operator, operand))


def _negation(path: list[str], key: str, operand: Any) -> Predicate:
    if not is_operators(operand, f"query on {key!r}"):
        raise DatabaseError(f"query on {key!r}: $not takes a dict of operators, not {operand!r}")
    positive = _all_of([_field_test(path, key, name, part) for name, part in operand.items()])
    return lambda document: not positive(document)


def _element_test(path: list[str], test: _ValueTest) -> Predicate:
    """Test the values at the path, and the elements of those that are lists."""
    if len(path) == 1:
        field = path[0]

        def matches_here(document: Document) -> bool:
            value = document.get(field)  # to every test, missing is the same as null
            return test(value) or (type(value) is list and any(map(test, value)))

        return matches_here

    def matches(document: Document) -> bool:
        for value in values_at(document, path):
            if test(value) or (type(value) is list and any(map(test, value))):
                return True
        return False

    return matches


def _whole_value_test(path: list[str], test: tuple[_ValueTest, bool]) -> Predicate:
    found, wanted = test
    return lambda document: any(map(found, values_at(document, path))) is wanted


def _whole_test(key: str, operator: str, operand: Any) -> tuple[_ValueTest, bool]:
    """Compile an operator that looks at the value itself, and whether it should hold."""
    if operator == "$exists":
        return (lambda value: value is not MISSING), bool(operand)
    if operator == "$size":
        if type(operand) is not int or operand < 0:
            raise DatabaseError(f"query on {key!r}: $size takes a whole number, not {operand!r}")
        return (lambda value: type(value) is list and len(value) == operand), True
    if not isinstance(operand, Mapping):
        raise DatabaseError(f"query on {key!r}: $elemMatch takes a dict, not {operand!r}")
    element = _element_match(key, operand)
    return (lambda value: type(value) is list and any(map(element, value))), True


def _element_match(key: str, operand: Mapping[str, Any]) -> _ValueTest:
    if operand and next(iter(operand)) not in _LOGICAL and is_operators(operand, f"query on {key}"):
        path = ["element"]
        test = _all_of([_field_test(path, key, name, part) for name, part in operand.items()])
        return lambda item: test({"element": item})
    matches = compile_query(operand)

    def test_element(item: Any) -> bool:
        if type(item) is list:  # which MongoDB takes for a document with numbers as names
            item = {str(number): part for number, part in enumerate(item)}
        return type(item) is dict and matches(item)

    return test_element


def _value_test(key: str, operator: str, operand: Any) -> _ValueTest:
    if operator == "$eq":
        return _equality(plain(operand, "." + key))
    if operator == "$in":
        return _membership([plain(item, "." + key) for item in _list(key, operator, operand)])
    if operator in _COMPARISONS:
        return _comparison(operator, _fixed(operand, key))
    raise unknown_operator(operator, _FIELD_OPERATORS, f"query on {key!r}")


def _list(key: str, operator: str, operand: Any) -> Collection[Any]:
    if isinstance(operand, list | tuple | set | frozenset):
        return operand
    raise DatabaseError(f"query on {key!r}: {operator} takes a list, not {operand!r}")


def _fixed(operand: Any, key: str) -> Any:
    if isinstance(operand, Ago):
        return truncated(now() - datetime.timedelta(seconds=operand.seconds))
    return plain(operand, "." + key)


def _equality(operand: Any) -> _ValueTest:
    if operand is None:
        return lambda value: value is None or value is MISSING
    if type(operand) in (str, datetime.datetime, bytes):
        return lambda value: bool(value == operand)
    return lambda value: equal(operand, value)


def _membership(operands: list[Any]) -> _ValueTest:
    if all(type(item) is str for item in operands):
        strings = frozenset(operands)
        return lambda value: type(value) is str and value in strings
    tests = [_equality(item) for item in operands]
    return lambda value: any(test(value) for test in tests)


def _comparison(operator: str, operand: Any) -> _ValueTest:
    """Compare values of the operand's own type; NaN is only ever <= or >= itself."""
    of_rank, bound, inclusive = rank(operand), order_key(operand), operator in ("$lte", "$gte")
    if operand is None or (type(operand) is float and math.isnan(operand)):
        return _equality(operand) if inclusive else _never
    sign = -1 if operator in ("$lt", "$lte") else 1

    def holds(value: Any) -> bool:
        if rank(value) != of_rank or value != value:  # only NaN differs from itself
            return False
        key = order_key(value)
        if key == bound:
            return inclusive
        return (key > bound) is (sign > 0)

    return holds


def sort_key(sort: Sort) -> Callable[[Document], Any]:
    """Return a key function that orders documents as MongoDB sorts them.

    A list counts as its least element, or as its greatest in descending order.
    """
    parts = [(field.split("."), _direction(field, direction)) for field, direction in sort]

    def key(document: Document) -> tuple[Any, ...]:
        keys = []
        for path, ascending in parts:
            extreme = _extreme(values_at(document, path, for_order=True), ascending)
            keys.append(extreme if ascending else _Reversed(extreme))
        return tuple(keys)

    return key


def _direction(field: str, direction: int) -> bool:
    if direction in (1, -1):
        return direction == 1
    raise DatabaseError(f"sort on {field!r}: the direction is 1 or -1, not {direction!r}")


def _extreme(values: list[Any], ascending: bool) -> tuple[Any, ...]:
    keys: list[tuple[Any, ...]] = []
    for value in values:
        if type(value) is list:
            keys.extend(map(order_key, value) if value else [(0,)])  # [] sorts before null
        else:
            keys.append(order_key(value))
    if not keys:
        return (1,)
    return min(keys) if ascending else max(keys)


class _Reversed:
    """Turns the order of a key around."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]


def projection(fields: Collection[str]) -> Callable[[Document], Document]:
    """Return a function that keeps only these fields and ``_id``; the parts are not copied."""
    if isinstance(fields, str):
        raise DatabaseError(f"fields={fields!r}: give a list of field names")
    return _projection(tuple(fields))


@lru_cache(maxsize=64)
def _projection(fields: tuple[str, ...]) -> Callable[[Document], Document]:
    tree: dict[str, Any] = {"_id": {}}
    for field in fields:
        node = tree
        for part in field.split("."):
            node = node.setdefault(part, {})
    if any(tree.values()):
        return lambda document: _project(document, tree)
    return lambda document: {name: document[name] for name in tree if name in document}


def _project(document: Document, tree: dict[str, Any]) -> Document:
    picked = {}
    for name, subtree in tree.items():
        if name in document:
            value = _projected(document[name], subtree)
            if value is not MISSING:
                picked[name] = value
    return picked


def _projected(value: Any, tree: dict[str, Any]) -> Any:
    """Return what a projection keeps of a value: of a list, what it keeps of its elements."""
    if not tree:
        return value
    if type(value) is dict:
        return _project(value, tree)
    if type(value) is list:
        kept = (_projected(item, tree) for item in value)
        return [item for item in kept if item is not MISSING]
    return MISSING
