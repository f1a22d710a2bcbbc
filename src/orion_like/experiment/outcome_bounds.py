"""From a text such as ``memory <= 8`` to the bounds of the result that it names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from orion_like.errors import PriorError
from orion_like.space.expression import Compare, Expression, Name, Node, evaluator, walk
from orion_like.space.parser import parse_expression
from orion_like.space.tokens import Source
from orion_like.spelling import closest

FORMS = "NAME <= number, NAME >= number, number <= NAME <= number, or NAME == number"
_BOUNDS = {"<=": ("upper",), ">=": ("lower",), "==": ("lower", "upper")}
_TURNED = {"<=": ">=", ">=": "<=", "==": "=="}


def outcome_bounds(text: str, dimensions: Collection[str]) -> dict[str, Any] | None:
    """Return the outcome constraint that a text describes; None if it is about dimensions.

    It is about a result when it names one thing only, and that is not a dimension, nor does it
    look like one that is misspelt.

    Parameters
    ----------
    text
        The constraint.
    dimensions
        Names of the dimensions.

    Raises
    ------
    PriorError
        If the text cannot be understood, or is about a result but no bound of it.

    Examples
    --------
    >>> outcome_bounds("1 <= memory <= 2**3", ["x", "y"])
    {'name': 'memory', 'lower': 1, 'upper': 8}
    >>> outcome_bounds("x + y <= 1", ["x", "y"])
    """
    expression = parse_expression(Source(text, "constraint"))
    known = {name.removeprefix("/") for name in dimensions}
    names = {name.removeprefix("/") for name in expression.names}
    name = min(names, default="")
    if len(names) != 1 or name in known or closest(name, known):
        return None
    return {"name": name, **_bounds(expression)}


def _bounds(expression: Expression) -> dict[str, Any]:
    match expression.tree:
        case Compare(operands=(Name(), bound), operators=(symbol,)):
            sides = [(symbol, bound)]
        case Compare(operands=(bound, Name()), operators=(symbol,)):
            sides = [(_TURNED.get(symbol, symbol), bound)]
        case Compare(operands=(low, Name(), high), operators=(first, second)):
            sides = [(_TURNED.get(first, first), low), (second, high)]
        case _:
            raise _error(expression, expression.tree)
    bounds: dict[str, Any] = {}
    for symbol, bound in sides:
        if symbol not in _BOUNDS or bounds.keys() & _BOUNDS[symbol]:
            raise _error(expression, expression.tree)
        bounds |= dict.fromkeys(_BOUNDS[symbol], _number(expression, bound))
    return bounds


def _number(expression: Expression, node: Node) -> Any:
    if any(isinstance(part, Name) for part in walk(node)):
        raise _error(expression, node)
    try:
        return evaluator(node)({})
    except TypeError:
        raise _error(expression, node) from None


def _error(expression: Expression, node: Node) -> PriorError:
    return expression.source.error(f"the bounds of a result are written {FORMS}", node.span)
