"""A query made ready: what it fixes, for choosing an index, and the test of a document."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from orion_like.storage.database.base import Query
from orion_like.storage.database.indexes import hashable
from orion_like.storage.database.matching import Predicate, compile_query, is_operators
from orion_like.storage.database.values import is_scalar, plain

Bounds = dict[str, list[Hashable]]
"""The values that a field must have one of, as keys of an index."""


class Selection:
    """A compiled query.

    Parameters
    ----------
    query
        The query; None selects everything.
    """

    def __init__(self, query: Query | None) -> None:
        self.matches: Predicate = compile_query(query)
        query = query or {}
        self.bounds, self.exact = _bounds(query)
        self.branches = self._branch_bounds(query)

    def _branch_bounds(self, query: Query) -> list[Bounds]:
        """Return the bounds of each way to match: one, or one for each branch of an $or."""
        if "$or" not in query:
            return [self.bounds]
        return [{**_bounds(branch)[0], **self.bounds} for branch in query["$or"]]


def _bounds(query: Query) -> tuple[Bounds, bool]:
    """Return what a query fixes, and whether that is all it asks."""
    bounds: Bounds = {}
    exact = True
    for field, condition in query.items():
        if field == "$and":
            for part in condition:
                bounds = {**_bounds(part)[0], **bounds}
            exact = False
        elif field[:1] == "$":
            exact = False
        else:
            exact = _bind(bounds, field, condition) and exact
    return bounds, exact


def _bind(bounds: Bounds, field: str, condition: Any) -> bool:
    """Note what the condition fixes the field to; True if it asks nothing else."""
    if type(condition) is str or type(condition) is int:
        bounds[field] = [condition]
        return True
    if not is_operators(condition, "query"):
        values = [plain(condition)]
    elif "$eq" in condition:
        values = [plain(condition["$eq"])]
    elif "$in" in condition:
        values = [plain(item) for item in condition["$in"]]
    else:
        return False
    if not all(map(is_scalar, values)):
        return False
    bounds[field] = list(dict.fromkeys(map(hashable, values)))
    return not isinstance(condition, Mapping) or len(condition) == 1
