"""From a text such as ``memory <= 8`` to the bounds of the result that it names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from orion_like.errors import PriorError
from orion_like.space.expression import Compare, Expression, Name, Node, evaluator, walk
from orion_like.space.parser import parse_expression
from orion_like.space.tokens import Source
from orion_like.spelling import closest

WRONG_FORM = (
    "the bounds of a result are written NAME <= number, NAME >= number, "
    "number <= NAME <= number, or NAME == number"
)
_BOUNDS = {"<=": ("upper",), ">=": ("lower",), "==": ("lower", "upper")}
_TURNED = {"<=": ">=", ">=": "<=", "==": "=="}


def outcome_bounds(text: str, dimensions: Collection[str]) -> dict[str, Any] | None:
    """Return the outcome constraint that a text describes; None if it is about dimensions.

    It is about a result when it names one thing only, which is not a dimension.

    Parameters
    ----------
    text
        The constraint.
    dimensions
        Names of the dimensions.

    Raises
    ------
    PriorError
        If the text cannot be understood, is about a result but no bound of it, or about what
        looks like a dimension that is misspelt.

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
    if len(names) != 1 or name in known:
        return None
    bounds = _bounds(expression)
    meant = {full.rpartition(".")[2]: full for full in known} | {full: full for full in known}
    similar = closest(name, meant)
    if bounds is None:
        if similar is not None:
            return None  # as a constraint on dimensions it is refused with the right name
        raise _error(expression, WRONG_FORM)
    if similar is not None:
        written = ", ".join(f"{key}: {bound!r}" for key, bound in bounds.items())
        raise _error(
            expression,
            f"there is no dimension {name!r} (did you mean {meant[similar]!r}?); to bound a "
            f"result of this name, write {{name: {name}, {written}}}",
        )
    return {"name": name, **bounds}


def _bounds(expression: Expression) -> dict[str, Any] | None:
    """Return the bounds of the only name in an expression, None if it has another form."""
    match expression.tree:
        case Compare(operands=(Name(), bound), operators=(symbol,)):
            sides = [(symbol, bound)]
        case Compare(operands=(bound, Name()), operators=(symbol,)):
            sides = [(_TURNED.get(symbol, symbol), bound)]
        case Compare(operands=(low, Name(), high), operators=(first, second)):
            sides = [(_TURNED.get(first, first), low), (second, high)]
        case _:
            return None
    bounds: dict[str, Any] = {}
    for symbol, bound in sides:
        number = _number(bound)
        if number is None or symbol not in _BOUNDS or bounds.keys() & _BOUNDS[symbol]:
            return None
        bounds |= dict.fromkeys(_BOUNDS[symbol], number)
    return bounds


def _number(node: Node) -> Any:
    """Return the value of an expression without names, None if it has none."""
    if any(isinstance(part, Name) for part in walk(node)):
        return None
    try:
        return evaluator(node)({})
    except TypeError:
        return None


def _error(expression: Expression, message: str) -> PriorError:
    return expression.source.error(message, expression.tree.span)
