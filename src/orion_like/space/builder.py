"""From what a user writes as a search space to the space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from orion_like.errors import SpaceError
from orion_like.space.dimension import Dimension, plain
from orion_like.space.expression import Expression, Logic
from orion_like.space.fidelity import Fidelity
from orion_like.space.parser import parse_expression
from orion_like.space.prior import parse_prior
from orion_like.space.references import resolve
from orion_like.space.space import Space
from orion_like.space.tokens import Source

_CONDITION_KEY = "if"


def build_space(configuration: Mapping[str, Any], constraints: Iterable[str] = ()) -> Space:
    """Build a search space from priors.

    Parameters
    ----------
    configuration
        Prior text by name. Nested dicts are flattened, their keys joined by dots.
        The key ``if`` of a nested dict holds a condition for everything in it. A
        list stands for `choices`.
    constraints
        Expressions over the dimensions that must hold for every point.

    Raises
    ------
    SpaceError
        If names clash or refer to nothing.
    PriorError
        If a text cannot be understood; the message marks the spot.

    Examples
    --------
    >>> space = build_space({
    ...     "optimizer": "choices(['sgd', 'adam'])",
    ...     "momentum": "uniform(0, 1) if optimizer == 'sgd'",
    ...     "model": {"depth": "uniform(1, 10, discrete=True)"},
    ... })
    >>> list(space)
    ['model.depth', 'momentum', 'optimizer']
    >>> {"optimizer": "adam", "model": {"depth": 3}} in space
    True
    """
    if not isinstance(configuration, Mapping):
        raise SpaceError(f"space: it must be a dict of priors by name, not {configuration!r}")
    if isinstance(constraints, str):
        constraints = [constraints]
    drafts = list(_drafts(configuration, "", []))
    known = {draft.dimension.name: draft.dimension for draft in drafts}
    dimensions = [_conditioned(draft, known) for draft in drafts]
    return Space(dimensions, [_expression(text, "constraint") for text in constraints])


class _OuterCondition(NamedTuple):
    """The condition of a nested dict, and the name of the dict, beside which it is read."""

    expression: Expression
    scope: str


class _Draft(NamedTuple):
    """A dimension, and the conditions of the dicts around it."""

    dimension: Dimension
    conditions: list[_OuterCondition]


def _drafts(
    configuration: Mapping[str, Any], level: str, conditions: list[_OuterCondition]
) -> Iterator[_Draft]:
    if _CONDITION_KEY in configuration:
        scope = level.removesuffix(".")
        where = f"space {scope!r}, {_CONDITION_KEY!r}"
        expression = _expression(configuration[_CONDITION_KEY], where)
        conditions = [*conditions, _OuterCondition(expression, scope)]
    for key, value in configuration.items():
        if key == _CONDITION_KEY:
            continue
        if not isinstance(key, str):
            raise SpaceError(f"space: names are texts, not {key!r}")
        name = f"{level}{key}"
        if isinstance(value, Mapping):
            yield from _drafts(value, f"{name}.", conditions)
        else:
            yield _Draft(_dimension(name, value), conditions)


def _dimension(name: str, value: Any) -> Dimension:
    if isinstance(value, Dimension):
        return value.renamed(name)
    if isinstance(value, (list, tuple)):
        return parse_prior(f"choices({plain(value)!r})", name)
    if not isinstance(value, str):
        message = f"space {name!r}: {value!r} is not a prior (did you mean 'choices([{value!r}])'?)"
        raise SpaceError(message)
    return parse_prior(value, name)


def _conditioned(draft: _Draft, known: Mapping[str, Dimension]) -> Dimension:
    """Join the conditions of the dicts around a dimension with its own."""
    dimension = draft.dimension
    if not draft.conditions:
        return dimension
    if isinstance(dimension, Fidelity):
        raise SpaceError(f"space {dimension.name!r}: a fidelity cannot have a condition")
    conditions = [resolve(outer.expression, known, outer.scope) for outer in draft.conditions]
    if dimension.condition is not None:
        conditions.append(resolve(dimension.condition, known, dimension.name))
    if len(conditions) == 1:
        return dimension.conditioned(conditions[0])
    tree = Logic((0, 0), "and", tuple(condition.tree for condition in conditions))
    return dimension.conditioned(Expression(tree, conditions[-1].source))


def _expression(text: Any, where: str) -> Expression:
    if not isinstance(text, str):
        raise SpaceError(f"{where}: an expression is a text such as 'x > 1', not {text!r}")
    return parse_expression(Source(text, where))
