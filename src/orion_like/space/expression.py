"""The expression language of conditions and constraints, as a tree that can be run.

Expressions come from users and from databases, so they are never given to
Python's `eval`: the tree knows literals, names of dimensions, arithmetic,
comparisons, boolean operators and a few functions, and nothing else.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orion_like.errors import SpaceError
from orion_like.space.tokens import Source, Span

Evaluator = Callable[[Mapping[str, Any]], Any]

_PLAIN_NAME = re.compile(r"[^\W\d]\w*(?:\.\w+)*\Z")
KEYWORDS = frozenset({"if", "else", "and", "or", "not", "in", "True", "False", "None"})


@dataclass(frozen=True)
class Node:
    """One node of the tree; `span` is where it stands in the text."""

    span: Span = field(compare=False)


@dataclass(frozen=True)
class Literal(Node):
    """A number, string, boolean or None."""

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        return type(self.value) is type(other.value) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True)
class Name(Node):
    """The name of a dimension, as the user refers to it."""

    name: str


@dataclass(frozen=True)
class Sequence(Node):
    """A list or tuple."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Table(Node):
    """A dictionary; only priors take one."""

    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Call(Node):
    """A function called with arguments; keywords are for priors only."""

    function: str
    args: tuple[Node, ...]
    keywords: tuple[tuple[str, Node, Span], ...] = ()


@dataclass(frozen=True)
class Element(Node):
    """One element of an array dimension: ``x[0]``."""

    array: Node
    index: int


@dataclass(frozen=True)
class Unary(Node):
    """Plus, minus or ``not`` before an operand."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    """An arithmetic operator between two operands."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Compare(Node):
    """A chain of comparisons: ``0 < x <= y``."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Logic(Node):
    """Operands joined by ``and``, or joined by ``or``."""

    operator: str
    operands: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct parts of a node."""
    match node:
        case Sequence(items=items):
            return items
        case Table(pairs=pairs):
            return tuple(part for pair in pairs for part in pair)
        case Call(args=args, keywords=keywords):
            return (*args, *(value for _, value, _ in keywords))
        case Element(array=array):
            return (array,)
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Compare(operands=operands) | Logic(operands=operands):
            return operands
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


# --- running ----------------------------------------------------------------------------------


def _divide(left: Any, right: Any) -> Any:
    return left / right if right else math.nan


def _floor_divide(left: Any, right: Any) -> Any:
    return left // right if right else math.nan


def _remainder(left: Any, right: Any) -> Any:
    return left % right if right else math.nan


def _power(left: Any, right: Any) -> Any:
    """Raise to a power without ever building a huge integer."""
    try:
        value = math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
    integral = isinstance(left, int) and isinstance(right, int) and right >= 0
    return left**right if integral and abs(value) < 2**63 else value


def _domain(function: Callable[[float], float]) -> Callable[[float], float]:
    """Return NaN, which no comparison accepts, outside a function's domain."""

    def guarded(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return guarded


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "//": _floor_divide,
    "%": _remainder,
    "**": _power,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}
ORDERINGS = frozenset({"<", "<=", ">", ">="})
_ONE_NUMBER: dict[str, Callable[[Any], Any]] = {
    "abs": abs,
    "exp": _domain(math.exp),
    "log": _domain(math.log),
    "log2": _domain(math.log2),
    "log10": _domain(math.log10),
    "sqrt": _domain(math.sqrt),
}
_MANY_NUMBERS: dict[str, Callable[[Any], Any]] = {"min": min, "max": max, "sum": sum}
FUNCTIONS = (*_ONE_NUMBER, *_MANY_NUMBERS, "len")


def _number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value
    raise TypeError(f"{value!r} is not a number")


def _numbers(values: list[Any]) -> list[Any]:
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    flat: list[Any] = []
    for value in values:
        if isinstance(value, list):
            flat.extend(_numbers(value))
        else:
            flat.append(_number(value))
    if not flat:
        raise TypeError("there is no number")
    return flat


def evaluator(node: Node) -> Evaluator:
    """Turn a tree into a function of the values of the dimensions.

    The function raises `TypeError` when an operand is of the wrong kind and
    `KeyError` when a dimension has no value.
    """
    match node:
        case Literal(value=value):
            return lambda _: value
        case Name(name=name):
            return operator.itemgetter(name)
        case Sequence(items=items):
            parts = [evaluator(item) for item in items]
            return lambda values: [part(values) for part in parts]
        case Element(array=array, index=index):
            return _element(evaluator(array), index)
        case Unary(operator="not", operand=operand):
            inner = evaluator(operand)
            return lambda values: not inner(values)
        case Unary(operator=sign, operand=operand):
            inner = evaluator(operand)
            if sign == "-":
                return lambda values: -_number(inner(values))
            return lambda values: +_number(inner(values))
        case Binary(operator=symbol, left=left, right=right):
            return _binary(_ARITHMETIC[symbol], evaluator(left), evaluator(right))
        case Compare(operands=operands, operators=operators):
            return _comparison([evaluator(operand) for operand in operands], operators)
        case Logic(operator=word, operands=operands):
            parts = [evaluator(operand) for operand in operands]
            if word == "and":
                return lambda values: all(part(values) for part in parts)
            return lambda values: any(part(values) for part in parts)
        case Call(function=function, args=args):
            return _call(function, [evaluator(argument) for argument in args])
    raise TypeError(f"{type(node).__name__} has no value")


def _element(array: Evaluator, index: int) -> Evaluator:
    def evaluate(values: Mapping[str, Any]) -> Any:
        content = array(values)
        if not isinstance(content, list):
            raise TypeError(f"{content!r} has no elements")
        try:
            return content[index]
        except IndexError:
            raise TypeError(f"there is no element {index} in {content!r}") from None

    return evaluate


def _binary(apply: Callable[[Any, Any], Any], left: Evaluator, right: Evaluator) -> Evaluator:
    def evaluate(values: Mapping[str, Any]) -> Any:
        try:
            return apply(_number(left(values)), _number(right(values)))
        except OverflowError:
            return math.nan

    return evaluate


def _comparison(operands: list[Evaluator], operators: tuple[str, ...]) -> Evaluator:
    steps = [
        (_COMPARISONS[symbol], symbol in ORDERINGS, operand)
        for symbol, operand in zip(operators, operands[1:], strict=True)
    ]
    first = operands[0]

    def evaluate(values: Mapping[str, Any]) -> bool:
        left = first(values)
        for compare, ordering, operand in steps:
            right = operand(values)
            if ordering and isinstance(left, str) != isinstance(right, str):
                raise TypeError(f"{left!r} and {right!r} have no order")
            if not compare(left, right):
                return False
            left = right
        return True

    return evaluate


def _call(function: str, args: list[Evaluator]) -> Evaluator:
    if function in _ONE_NUMBER:
        apply, argument = _ONE_NUMBER[function], args[0]
        return lambda values: apply(_number(argument(values)))
    if function == "len":
        argument = args[0]
        return lambda values: len(argument(values))
    reduce = _MANY_NUMBERS[function]
    return lambda values: reduce(_numbers([argument(values) for argument in args]))


# --- writing ----------------------------------------------------------------------------------

_PRECEDENCE = {"or": 1, "and": 2, "not": 3, "compare": 4, "+": 5, "-": 5}
_PRECEDENCE |= {"*": 6, "/": 6, "//": 6, "%": 6, "unary": 7, "**": 8, "atom": 9}


def _precedence(node: Node) -> int:
    match node:
        case Logic(operator=word):
            return _PRECEDENCE[word]
        case Unary(operator="not"):
            return _PRECEDENCE["not"]
        case Compare():
            return _PRECEDENCE["compare"]
        case Unary():
            return _PRECEDENCE["unary"]
        case Binary(operator=symbol):
            return _PRECEDENCE[symbol]
        case Literal() if repr(node.value).startswith("-"):
            return _PRECEDENCE["unary"]
    return _PRECEDENCE["atom"]


def _wrapped(node: Node, least: int) -> str:
    text = written(node)
    return text if _precedence(node) >= least else f"({text})"


def reference(name: str) -> str:
    """Write the name of a dimension as expressions refer to it."""
    bare = name.removeprefix("/")
    plain = _PLAIN_NAME.match(bare) is not None and bare not in KEYWORDS
    return bare if plain else f"`{bare}`"


def written(node: Node) -> str:
    """Write a tree as text, with the fewest parentheses, so that it reads back the same."""
    match node:
        case Literal(value=value):
            return repr(value)
        case Name(name=name):
            return reference(name)
        case Sequence(items=items):
            return f"[{', '.join(written(item) for item in items)}]"
        case Element(array=array, index=index):
            return f"{_wrapped(array, _PRECEDENCE['atom'])}[{index}]"
        case Unary(operator="not", operand=operand):
            return f"not {_wrapped(operand, _PRECEDENCE['not'])}"
        case Unary(operator=sign, operand=operand):
            return f"{sign}{_wrapped(operand, _PRECEDENCE['unary'])}"
        case Binary(operator="**", left=left, right=right):
            base = _wrapped(left, _PRECEDENCE["atom"])
            return f"{base} ** {_wrapped(right, _PRECEDENCE['unary'])}"
        case Binary(operator=symbol, left=left, right=right):
            level = _PRECEDENCE[symbol]
            return f"{_wrapped(left, level)} {symbol} {_wrapped(right, level + 1)}"
        case Compare(operands=operands, operators=operators):
            words = [_wrapped(operands[0], _PRECEDENCE["+"])]
            for symbol, operand in zip(operators, operands[1:], strict=True):
                words += [symbol, _wrapped(operand, _PRECEDENCE["+"])]
            return " ".join(words)
        case Logic(operator=word, operands=operands):
            level = _PRECEDENCE[word] + 1
            return f" {word} ".join(_wrapped(operand, level) for operand in operands)
        case Call(function=function, args=args):
            return f"{function}({', '.join(written(argument) for argument in args)})"
    raise TypeError(f"{type(node).__name__} cannot be written")


# --- expressions as a whole -------------------------------------------------------------------


class Expression:
    """A condition or constraint over other dimensions.

    Parameters
    ----------
    tree
        What was parsed.
    source
        The text that it stands in, for messages.
    """

    def __init__(self, tree: Node, source: Source) -> None:
        self.tree = tree
        self.source = source
        self.text = written(tree)
        self.names = frozenset(node.name for node in walk(tree) if isinstance(node, Name))
        self._evaluate = evaluator(tree)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the expression is true of flat values.

        Raises
        ------
        SpaceError
            If operands are of the wrong kind, such as text where a number is needed.
        """
        try:
            return bool(self._evaluate(values))
        except TypeError as error:
            raise SpaceError(f"{self.source.where}: in {self.text!r}, {error}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        # What evaluates the tree cannot be pickled; the tree can.
        return (Expression, (self.tree, self.source))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
