"""Walking through finite spaces, and counting their points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orion_like.space.dimension import Dimension
from orion_like.space.expression import Expression

Params = dict[str, Any]

_MAX_ASSIGNMENTS = 10_000  # walked through for the exact cardinality of a conditional space

_ABSENT = object()


def applies(condition: Expression, params: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds; it does not if it refers to an inactive dimension."""
    return condition.names <= params.keys() and condition.holds(params)


def enumerate_points(
    dimensions: Sequence[Dimension], constraints: Iterable[Expression]
) -> Iterator[Params]:
    """Yield every combination of values once, in a fixed order.

    Parameters
    ----------
    dimensions
        Finite dimensions, each after those its condition refers to. The values of
        the last one change fastest.
    constraints
        Combinations that violate one are left out, as soon as its dimensions have
        their values.
    """
    due = _when_decided(dimensions, constraints)
    params: Params = {}
    stack: list[Iterator[Any]] = []
    while True:
        if len(stack) < len(dimensions):
            stack.append(_possible_values(dimensions[len(stack)], params))
        else:
            yield dict(params)
        while stack and not _advance(stack, dimensions, params, due):
            stack.pop()
        if not stack:
            return


def _possible_values(dimension: Dimension, params: Params) -> Iterator[Any]:
    active = dimension.condition is None or applies(dimension.condition, params)
    return dimension.values() if active else iter([_ABSENT])


def _advance(
    stack: list[Iterator[Any]],
    dimensions: Sequence[Dimension],
    params: Params,
    due: Mapping[str, list[Expression]],
) -> bool:
    """Move the innermost dimension to its next possible value; False if there is none."""
    name = dimensions[len(stack) - 1].name
    params.pop(name, None)
    for value in stack[-1]:
        if value is not _ABSENT:
            params[name] = value
        if all(
            constraint.holds(params)
            for constraint in due.get(name, ())
            if constraint.names <= params.keys()
        ):
            return True
    params.pop(name, None)
    return False


def _when_decided(
    dimensions: Sequence[Dimension], constraints: Iterable[Expression]
) -> dict[str, list[Expression]]:
    """Say after which dimension each constraint can be checked."""
    position = {dimension.name: i for i, dimension in enumerate(dimensions)}
    due: dict[str, list[Expression]] = {}
    for constraint in constraints:
        last = max(constraint.names, key=position.__getitem__, default=dimensions[0].name)
        due.setdefault(last, []).append(constraint)
    return due


def count_points(dimensions: Sequence[Dimension]) -> int | float:
    """Count the combinations of values, leaving out those of inactive dimensions.

    Exact unless conditions depend on very many values; then it is an upper bound.

    Parameters
    ----------
    dimensions
        Dimensions, each after those its condition refers to.
    """
    everything = math.prod(dimension.cardinality for dimension in dimensions)
    referred = {
        name
        for dimension in dimensions
        if dimension.condition is not None
        for name in dimension.condition.names
    }
    # Conditions of the dimensions referred to refer to others, which are in the set, too.
    deciding = [dimension for dimension in dimensions if dimension.name in referred]
    assignments = math.prod(dimension.cardinality for dimension in deciding)
    if not deciding or math.isinf(everything) or assignments > _MAX_ASSIGNMENTS:
        return everything
    others = [dimension for dimension in dimensions if dimension.name not in referred]
    return sum(
        math.prod(
            dimension.cardinality
            for dimension in others
            if dimension.condition is None or applies(dimension.condition, params)
        )
        for params in enumerate_points(deciding, ())
    )
