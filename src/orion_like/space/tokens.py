"""Words of the prior and expression language, and errors that point into the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from orion_like.errors import PriorError

Span = tuple[int, int]

_EXCERPT_WIDTH = 100  # characters of a line that are shown around the spot

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
  | (?P<name>[^\W\d]\w*(?:\.\w+)*)
  | (?P<quoted>`[^`]+`)
  | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<operator>\*\*|//|==|!=|<=|>=|&&|\|\||[-+*/%<>()\[\]{},:=&|!])
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPE = re.compile(
    r"\\(?:(?P<hex>x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(?P<other>.))", re.DOTALL
)
_SIMPLE_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "0": "\0",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "\n": "",
}


@dataclass(frozen=True)
class Source:
    """A text together with a description of where it stands.

    Parameters
    ----------
    text
        What the user wrote.
    where
        Start of every message about it, such as ``space 'lr'``.
    """

    text: str
    where: str

    def error(self, message: str, span: Span) -> PriorError:
        """Build an error whose message shows the text and marks the spot in it."""
        excerpt = f"\n{self._excerpt(span)}" if self.text.strip() else ""
        return PriorError(f"{self.where}: {message}{excerpt}")

    def _excerpt(self, span: Span) -> str:
        start = min(span[0], len(self.text))
        line_start = self.text.rfind("\n", 0, start) + 1
        line_end = self.text.find("\n", start)
        line = self.text[line_start : line_end if line_end >= 0 else len(self.text)]
        column = start - line_start
        width = max(1, min(span[1], line_start + len(line)) - start)
        if len(line) > _EXCERPT_WIDTH:
            cut = max(0, column - _EXCERPT_WIDTH // 2)
            line = line[cut : cut + _EXCERPT_WIDTH]
            column -= cut
            width = max(1, min(width, len(line) - column))
        # One column per character, whatever it is, keeps the marks under the spot.
        shown = "".join(char if char.isprintable() else " " for char in line)
        return f"    {shown}\n    {' ' * column}{'^' * width}"


@dataclass(frozen=True)
class Token:
    """One word of the text: a number, string, name, quoted name, operator, or the end."""

    kind: str
    text: str
    span: Span
    value: Any = None


def tokenize(source: Source) -> list[Token]:
    """Split a text into tokens; the last one is of kind ``end``.

    Raises
    ------
    PriorError
        If a character cannot start any word, or a string is not closed.
    """
    tokens: list[Token] = []
    text = source.text
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(source, position)
        kind = str(match.lastgroup)
        span = match.span()
        position = match.end()
        if kind != "space":
            tokens.append(_token(source, kind, match.group(), span))
    tokens.append(Token("end", "", (len(text), len(text) + 1)))
    return tokens


def _token(source: Source, kind: str, text: str, span: Span) -> Token:
    if kind == "number":
        return Token("number", text, span, _number(source, text, span))
    if kind == "string":
        return Token("string", text, span, _unescape(source, text[1:-1], span))
    if kind == "quoted":
        return Token("name", text, span, text[1:-1])
    return Token(kind, text, span, text)


def _number(source: Source, text: str, span: Span) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        shown = text if len(text) <= 20 else f"{text[:20]}…"
        raise source.error(f"{shown} is not a number", span) from None


def _unescape(source: Source, text: str, span: Span) -> str:
    def replace(match: re.Match[str]) -> str:
        if match["hex"]:
            return chr(int(match["hex"][1:], 16))
        return _SIMPLE_ESCAPES.get(match["other"], match.group())

    try:
        return _ESCAPE.sub(replace, text)
    except (ValueError, OverflowError):
        raise source.error("the string names a character that does not exist", span) from None


def _unreadable(source: Source, position: int) -> PriorError:
    char = source.text[position]
    if char in "'\"`":
        return source.error(f"the quote {char} is never closed", (position, len(source.text)))
    return source.error(f"unexpected character {char!r}", (position, position + 1))
