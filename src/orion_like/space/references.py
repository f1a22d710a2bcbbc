"""What the names in conditions and constraints refer to."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Mapping
from typing import Any

from orion_like.errors import SpaceError
from orion_like.space.checking import check
from orion_like.space.dimension import Dimension
from orion_like.space.expression import Expression, Name, Node, reference, walk
from orion_like.spelling import did_you_mean


def resolve(
    expression: Expression, dimensions: Mapping[str, Dimension], scope: str = ""
) -> Expression:
    """Replace names in an expression by the full names of dimensions, and check it.

    Parameters
    ----------
    expression
        Condition or constraint as written.
    dimensions
        All dimensions of the space by name.
    scope
        Name of the dimension whose condition it is. Neighbours in the same
        nested dict can be named without the levels that they share.

    Raises
    ------
    SpaceError
        If a name refers to nothing, or the expression can never be right.
    """
    levels = scope.split(".")[:-1]
    found: dict[str, str] = {}
    for node in walk(expression.tree):
        if isinstance(node, Name):
            found[node.name] = _find(node, dimensions, levels, expression)
    resolved = Expression(_replaced(expression.tree, found), expression.source)
    check(resolved, dimensions)
    return resolved


def _find(
    node: Name, known: Mapping[str, Dimension], levels: list[str], expression: Expression
) -> str:
    bare = node.name.removeprefix("/")
    candidates = [bare, f"/{bare}"]
    for depth in range(len(levels), 0, -1):
        candidates.append(".".join([*levels[:depth], bare]))
    for candidate in candidates:
        if candidate in known:
            return candidate
    names = [name.removeprefix("/") for name in known]
    # What looks like a difference may be a name: weight-decay.
    longer = [name for name in names if name.startswith(bare) and reference(name) != name]
    hint = f" (did you mean {reference(longer[0])}?)" if longer else did_you_mean(bare, names)
    raise expression.source.error(f"there is no dimension {bare!r}{hint}", node.span)


def _replaced(node: Node, names: Mapping[str, str]) -> Node:
    if isinstance(node, Name):
        return dataclasses.replace(node, name=names[node.name])
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Node):
            changes[field.name] = _replaced(value, names)
        elif isinstance(value, tuple):
            changes[field.name] = tuple(
                _replaced(item, names) if isinstance(item, Node) else item for item in value
            )
    return dataclasses.replace(node, **changes)


def topological_order(dimensions: Mapping[str, Dimension]) -> list[str]:
    """Order names so that every dimension comes after those its condition refers to.

    Raises
    ------
    SpaceError
        If conditions refer to each other in a circle.
    """
    waiting = {
        name: set() if dimension.condition is None else set(dimension.condition.names)
        for name, dimension in dimensions.items()
    }
    followers: dict[str, list[str]] = {}
    for name, needed in waiting.items():
        for other in needed:
            followers.setdefault(other, []).append(name)
    ready = [name for name, needed in waiting.items() if not needed]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for follower in followers.get(name, ()):
            waiting[follower].discard(name)
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    circle = sorted(set(dimensions) - set(order))
    if circle:
        names = ", ".join(repr(name) for name in circle)
        raise SpaceError(f"space: the conditions of {names} refer to each other in a circle")
    return order
