"""Mistakes in conditions and constraints that show before any point is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal as OneOf

from orion_like.space.categorical import Categorical
from orion_like.space.dimension import Dimension
from orion_like.space.expression import (
    ORDERINGS,
    Binary,
    Call,
    Compare,
    Element,
    Expression,
    Literal,
    Name,
    Node,
    Sequence,
    Unary,
    walk,
)
from orion_like.space.fidelity import Fidelity

Kind = OneOf["number", "text", "list", "unknown"]


def check(expression: Expression, dimensions: Mapping[str, Dimension]) -> None:
    """Refuse expressions that calculate with text, or compare with what can never be.

    Parameters
    ----------
    expression
        Condition or constraint with full names.
    dimensions
        All dimensions by name.

    Raises
    ------
    PriorError
        If there is such a mistake; the message marks the spot.
    """
    checker = _Checker(expression, dimensions)
    checker.check_truth(expression.tree)
    for node in walk(expression.tree):
        checker.check_node(node)


class _Checker:
    def __init__(self, expression: Expression, dimensions: Mapping[str, Dimension]) -> None:
        self.source = expression.source
        self.dimensions = dimensions

    def check_truth(self, tree: Node) -> None:
        """Refuse an expression that is a number or text instead of true or false."""
        dimension = self.dimensions[tree.name] if isinstance(tree, Name) else None
        number = isinstance(tree, (Binary, Call)) or (
            isinstance(tree, Unary) and tree.operator != "not"
        )
        if number or (dimension is not None and not isinstance(dimension, Categorical)):
            message = "this is neither true nor false; compare it with something"
            raise self.source.error(message, tree.span)

    def check_node(self, node: Node) -> None:
        match node:
            case Name(name=name) if isinstance(self.dimensions[name], Fidelity):
                message = f"{name!r} is the fidelity, and points are the same at all fidelities"
                raise self.source.error(message, node.span)
            case Binary(left=left, right=right):
                self.check_numbers((left, right))
            case Unary(operator=symbol, operand=operand) if symbol != "not":
                self.check_numbers((operand,))
            case Call(function=function, args=args) if function != "len":
                self.check_numbers(args)
            case Compare(operands=operands, operators=operators):
                for symbol, (left, right) in zip(operators, pairwise(operands), strict=True):
                    self.check_comparison(symbol, left, right)

    def check_numbers(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if self.kind(node) == "text":
                raise self.source.error("this is text, not a number", node.span)

    def check_comparison(self, symbol: str, left: Node, right: Node) -> None:
        if symbol in ("in", "not in"):
            if not isinstance(right, Sequence):
                if self.kind(right) in ("number", "text"):
                    message = f"a list such as [1, 2] must follow {symbol!r}"
                    raise self.source.error(message, right.span)
                return
            for item in right.items:
                self.check_possible(left, item)
            return
        if symbol in ORDERINGS and {self.kind(left), self.kind(right)} == {"number", "text"}:
            raise self.source.error("a number and text have no order", right.span)
        self.check_possible(left, right)
        self.check_possible(right, left)

    def check_possible(self, node: Node, literal: Node) -> None:
        """Refuse to compare a dimension with a literal that it can never be."""
        if not isinstance(node, Name) or not isinstance(literal, Literal):
            return
        dimension = self.dimensions[node.name]
        if dimension.shape or literal.value is None:
            return
        if isinstance(dimension, Categorical):
            if self.kind(literal) == "text" and not dimension.has_element(literal.value):
                refusal = dimension.refusal(literal.value)
                raise self.source.error(
                    f"{dimension.name!r} is never this: {refusal}", literal.span
                )
        elif self.kind(literal) == "text":
            message = f"{dimension.name!r} is a number, never the text {literal.value!r}"
            raise self.source.error(message, literal.span)

    def kind(self, node: Node) -> Kind:
        """Say what a node's value is, as far as that is certain."""
        match node:
            case Literal(value=value):
                return _kind_of(value)
            case Name(name=name):
                return self.kind_of_dimension(self.dimensions[name])
            case Sequence():
                return "list"
            case Element():
                return "unknown"
        return "number"

    def kind_of_dimension(self, dimension: Dimension) -> Kind:
        if dimension.shape:
            return "list"
        if not isinstance(dimension, Categorical):
            return "number"
        kinds = {_kind_of(category) for category in dimension.categories}
        return kinds.pop() if len(kinds) == 1 else "unknown"


def _kind_of(value: object) -> Kind:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (int, float)):
        return "number"
    return "list" if isinstance(value, list) else "unknown"
