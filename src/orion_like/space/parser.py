"""From text to tree: priors, conditions and constraints."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from orion_like.errors import PriorError
from orion_like.space.expression import (
    FUNCTIONS,
    Binary,
    Call,
    Compare,
    Element,
    Expression,
    Literal,
    Logic,
    Name,
    Node,
    Sequence,
    Table,
    Unary,
    children,
)
from orion_like.space.tokens import Source, Span, Token, tokenize
from orion_like.spelling import did_you_mean

# Both limits keep hostile texts from exhausting the interpreter's stack.
_MAX_NESTING = 20  # brackets within brackets
_MAX_DEPTH = 150  # nodes above each other in a tree

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in"})
_CONSTANTS = {"True": True, "False": False, "None": None}
_OTHER_LANGUAGES = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "=": "=="}
_SINGLE_ARGUMENT = frozenset({"abs", "exp", "log", "log2", "log10", "sqrt", "len"})


class ParsedPrior(NamedTuple):
    """The call that names a prior, and the condition written after it."""

    call: Call
    condition: Expression | None


def parse_prior_text(source: Source) -> ParsedPrior:
    """Parse ``prior(arguments) [if condition]``.

    Raises
    ------
    PriorError
        If the text has another form.
    """
    parser = _Parser(source)
    call = parser.prior()
    _check_depth(source, call)
    condition = None
    if parser.accept("if"):
        condition = parser.expression()
    parser.finish()
    return ParsedPrior(call, condition)


def parse_expression(source: Source) -> Expression:
    """Parse a condition or a constraint.

    Raises
    ------
    PriorError
        If the text is not an expression that is true or false.
    """
    parser = _Parser(source)
    expression = parser.expression()
    parser.finish()
    return expression


def _check_depth(source: Source, tree: Node) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise source.error("this is too long a calculation", tree.span)
        level = [child for node in level for child in children(node)]


class _Parser:
    """Recursive descent, one method for each level of precedence."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.position = 0
        self.nesting = 0

    # --- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def at(self, *texts: str) -> bool:
        """Tell whether the current token is one of these words or operators."""
        return self.token.kind in ("operator", "name") and self.token.text in texts

    def advance(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def accept(self, text: str) -> bool:
        if not self.at(text):
            return False
        self.advance()
        return True

    def expect(self, text: str, after: str) -> Token:
        if self.at(text):
            return self.advance()
        raise self.unexpected(f"{text!r} is missing after {after}")

    def unexpected(self, wanted: str) -> PriorError:
        token = self.token
        if token.kind == "end":
            return self.source.error(f"the text ends too early: {wanted}", token.span)
        return self.source.error(f"{wanted}, but here stands {token.text!r}", token.span)

    def finish(self) -> None:
        token = self.token
        if token.kind == "end":
            return
        if token.text == "else":
            message = "'else' is not supported; give each case a dimension with its own condition"
            raise self.source.error(message, token.span)
        if token.text in _OTHER_LANGUAGES:
            better = _OTHER_LANGUAGES[token.text]
            raise self.source.error(f"{token.text!r} (did you mean {better!r}?)", token.span)
        raise self.source.error(f"unexpected {token.text!r}", token.span)

    def span_from(self, start: int) -> Span:
        return (start, self.tokens[self.position - 1].span[1])

    # --- priors

    def prior(self) -> Call:
        token = self.token
        if token.kind == "end":
            raise self.source.error("a prior is missing, such as uniform(0, 1)", token.span)
        follows = self.tokens[self.position + 1] if token.kind == "name" else token
        if token.kind != "name" or token.text in _CONSTANTS or follows.text != "(":
            message = "this is not a prior; write one such as uniform(0, 1) or choices(['a', 'b'])"
            raise self.source.error(message, token.span)
        self.advance()
        return self.arguments(token)

    def arguments(self, function: Token) -> Call:
        self.expect("(", function.text)
        args: list[Node] = []
        keywords: list[tuple[str, Node, Span]] = []
        while not self.at(")"):
            keyword = self.keyword()
            value = self.nested(self.disjunction)
            if keyword is not None:
                keywords.append((keyword.text, value, keyword.span))
            elif keywords:
                raise self.source.error("name this argument too, or put it first", value.span)
            else:
                args.append(value)
            if not self.accept(","):
                break
        self.expect(")", "the arguments")
        span = self.span_from(function.span[0])
        return Call(span, function.value, tuple(args), tuple(keywords))

    def keyword(self) -> Token | None:
        if self.token.kind != "name" or self.tokens[self.position + 1].text != "=":
            return None
        token = self.advance()
        self.advance()
        return token

    # --- expressions, loosest operator first

    def expression(self) -> Expression:
        tree = self.disjunction()
        if isinstance(tree, (Binary, Sequence)) or (
            isinstance(tree, Literal) and not isinstance(tree.value, bool)
        ):
            message = "this is neither true nor false; compare it with something"
            raise self.source.error(message, tree.span)
        _check_depth(self.source, tree)
        return Expression(tree, self.source)

    def nested(self, parse: Callable[[], Node]) -> Node:
        if self.nesting >= _MAX_NESTING:
            raise self.source.error("this is nested too deeply", self.token.span)
        self.nesting += 1
        node = parse()
        self.nesting -= 1
        return node

    def disjunction(self) -> Node:
        return self.logic("or", self.conjunction)

    def conjunction(self) -> Node:
        return self.logic("and", self.negation)

    def logic(self, word: str, parse: Callable[[], Node]) -> Node:
        start = self.token.span[0]
        operands = [parse()]
        while self.accept(word):
            operands.append(parse())
        if len(operands) == 1:
            return operands[0]
        return Logic(self.span_from(start), word, tuple(operands))

    def negation(self) -> Node:
        start = self.token.span[0]
        if not self.accept("not"):
            return self.comparison()
        operand = self.nested(self.negation)
        return Unary(self.span_from(start), "not", operand)

    def comparison(self) -> Node:
        start = self.token.span[0]
        operands = [self.sum()]
        operators: list[str] = []
        while (symbol := self.comparison_operator()) is not None:
            operators.append(symbol)
            operands.append(self.sum())
        if not operators:
            return operands[0]
        return Compare(self.span_from(start), tuple(operands), tuple(operators))

    def comparison_operator(self) -> str | None:
        if self.at("not") and self.tokens[self.position + 1].text == "in":
            self.advance()
            self.advance()
            return "not in"
        if self.at(*_COMPARISONS):
            return self.advance().text
        return None

    def sum(self) -> Node:
        return self.chain(("+", "-"), self.product)

    def product(self) -> Node:
        return self.chain(("*", "/", "//", "%"), self.sign)

    def chain(self, symbols: tuple[str, ...], parse: Callable[[], Node]) -> Node:
        start = self.token.span[0]
        node = parse()
        while self.at(*symbols):
            symbol = self.advance().text
            right = parse()
            node = Binary(self.span_from(start), symbol, node, right)
        return node

    def sign(self) -> Node:
        if not self.at("+", "-"):
            return self.power()
        start = self.token.span[0]
        symbol = self.advance().text
        operand = self.nested(self.sign)
        return _signed(self.span_from(start), symbol, operand)

    def power(self) -> Node:
        start = self.token.span[0]
        base = self.element()
        if not self.accept("**"):
            return base
        exponent = self.nested(self.sign)
        return Binary(self.span_from(start), "**", base, exponent)

    def element(self) -> Node:
        start = self.token.span[0]
        node = self.atom()
        depth = 0
        while isinstance(node, (Name, Element)) and self.accept("["):
            depth += 1
            if depth > _MAX_NESTING:
                raise self.source.error("this is nested too deeply", self.token.span)
            token = self.advance() if self.token.kind == "number" else None
            if token is None or not isinstance(token.value, int):
                raise self.unexpected("a whole number is needed as index")
            self.expect("]", "the index")
            node = Element(self.span_from(start), node, token.value)
        return node

    def atom(self) -> Node:
        token = self.token
        if token.kind in ("number", "string"):
            self.advance()
            return Literal(token.span, token.value)
        if token.kind == "name":
            return self.word()
        if self.at("("):
            return self.parenthesis()
        if self.at("["):
            self.advance()
            items = self.items("]")
            return Sequence(self.span_from(token.span[0]), items)
        if self.at("{"):
            return self.table()
        raise self.unexpected("a value is missing")

    def word(self) -> Node:
        token = self.token
        if token.text in _CONSTANTS:
            self.advance()
            return Literal(token.span, _CONSTANTS[token.text])
        if token.text in ("if", "else", "and", "or", "not", "in"):
            raise self.unexpected("a value is missing")
        self.advance()
        return self.function(token) if self.at("(") else Name(token.span, token.value)

    def function(self, token: Token) -> Node:
        if token.text not in FUNCTIONS:
            hint = did_you_mean(token.text, FUNCTIONS)
            known = ", ".join(sorted(FUNCTIONS))
            message = f"unknown function {token.text!r}{hint}; there are {known}"
            raise self.source.error(message, token.span)
        call = self.arguments(token)
        single = token.text in _SINGLE_ARGUMENT
        if call.keywords or not call.args or (single and len(call.args) != 1):
            count = "one argument" if single else "one or more arguments"
            raise self.source.error(f"{token.text} takes {count}, without names", call.span)
        return call

    def parenthesis(self) -> Node:
        start = self.advance().span[0]
        if self.at(")"):
            self.advance()
            return Sequence(self.span_from(start), ())
        inner = self.nested(self.disjunction)
        if self.accept(","):
            rest = self.items(")")
            return Sequence(self.span_from(start), (inner, *rest))
        self.expect(")", "the parenthesis")
        return inner

    def items(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self.at(closing):
            items.append(self.nested(self.disjunction))
            if not self.accept(","):
                break
        self.expect(closing, "the values")
        return tuple(items)

    def table(self) -> Node:
        start = self.advance().span[0]
        pairs: list[tuple[Node, Node]] = []
        while not self.at("}"):
            key = self.nested(self.disjunction)
            self.expect(":", "a key of the dictionary")
            pairs.append((key, self.nested(self.disjunction)))
            if not self.accept(","):
                break
        self.expect("}", "the dictionary")
        return Table(self.span_from(start), tuple(pairs))


def _signed(span: Span, symbol: str, operand: Node) -> Node:
    """Fold the sign of a number into it, so that ``-1`` is a literal."""
    number = isinstance(operand, Literal) and type(operand.value) in (int, float)
    if isinstance(operand, Literal) and number:
        return Literal(span, -operand.value if symbol == "-" else operand.value)
    return Unary(span, symbol, operand)
