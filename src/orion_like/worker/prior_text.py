"""Recognising priors inside other text: ``name~uniform(0, 1) if optimizer == 'sgd'``.

Only the outline is read here (a name, brackets that match, perhaps a condition), enough to
tell a prior from a home directory. What it means is the business of the search space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orion_like.errors import PriorError

_CALL = re.compile(r"[A-Za-z_]\w*\s*\(")
_CONDITION = re.compile(r"\s+if\b\s*")
_RENAME = re.compile(r">\s*[A-Za-z_/][\w./-]*\Z")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class PriorText:
    """A prior as the user wrote it.

    Parameters
    ----------
    text
        The prior, with its condition; or the new name of a renamed dimension; or the
        default value of a removed one.
    marker
        What it asks for in a new version of an experiment: ``'+'`` (added or changed),
        ``'-'`` (removed), ``'>'`` (renamed), or ``''``.
    """

    text: str
    marker: str = ""

    @property
    def in_space(self) -> bool:
        """Whether it stands for a dimension of the search space."""
        return self.marker in ("", "+")

    @property
    def is_conditional(self) -> bool:
        """Whether trials may be without this dimension."""
        end = call_end(self.text, 0)
        return end is not None and _CONDITION.match(self.text, end) is not None

    def __str__(self) -> str:
        return f"{self.marker}{self.text}"


def call_end(text: str, start: int) -> int | None:
    """Return where the call ``name(…)`` that begins at `start` ends, or None if there is none."""
    call = _CALL.match(text, start)
    if call is None:
        return None
    return _closing(text, call.end() - 1)


def _closing(text: str, start: int) -> int | None:
    """Return the position after the bracket that closes the one at `start`."""
    expected: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character in "'\"":
            end = _string_end(text, position)
            if end is None:
                return None
            position = end
            continue
        if character in _CLOSERS:
            expected.append(_CLOSERS[character])
        elif character in ")]}":
            if character != expected.pop():
                return None
            if not expected:
                return position + 1
        position += 1
    return None


def _string_end(text: str, start: int) -> int | None:
    """Return the position after the string whose quote is at `start`; strings end on their line."""
    quote = text[start]
    position = start + 1
    while position < len(text) and text[position] != "\n":
        if text[position] == quote:
            return position + 1
        position += 2 if text[position] == "\\" else 1
    return None


def read_prior(text: str) -> PriorText | None:
    """Return the prior that the whole of `text` (what follows ``~``) is, or None."""
    if text.startswith("-"):
        default = text[1:].strip()
        return PriorText(default, "-") if "/" not in default else None
    if text.startswith(">"):
        return PriorText(text[1:].strip(), ">") if _RENAME.match(text) else None
    marker = "+" if text.startswith("+") else ""
    body = text[len(marker) :].strip()
    end = call_end(body, 0)
    if end is None or (body[end:] and not _CONDITION.match(body, end)):
        return None
    return PriorText(body, marker)


def require_prior(text: str, where: str) -> PriorText:
    """Return the prior that `text` is, where nothing else can be meant.

    Raises
    ------
    PriorError
        If `text` isn't a prior; it is placed by `where`.
    """
    prior = read_prior(text)
    if prior is None:
        raise PriorError(
            f"{where}: {text!r} is not a prior. Write one as name(arguments), for example "
            "uniform(0, 1), in quotes if there are spaces, and close every bracket and quote"
        )
    return prior


def find_priors(text: str, name: re.Pattern[str]) -> list[tuple[re.Match[str], int, PriorText]]:
    """Return every ``name~prior`` in the midst of `text`.

    Parameters
    ----------
    text
        Text in any language.
    name
        Pattern of the name with its ``~``; its match is returned, then the position where
        the prior ends.
    """
    found = []
    position = 0
    while match := name.search(text, position):
        position = match.end()
        end = _embedded_end(text, match.end())
        if end is not None and (prior := read_prior(text[match.end() : end])):
            found.append((match, end, prior))
            position = end
    return found


_EMBEDDED_MARKER = re.compile(r">[A-Za-z_][\w-]*|-(?![\w(.])")


def _embedded_end(text: str, start: int) -> int | None:
    marker = _EMBEDDED_MARKER.match(text, start)
    if marker is not None:
        return marker.end()
    end = call_end(text, start + text.startswith("+", start))
    if end is None:
        return None
    condition = re.compile(r"[ \t]+if\b").match(text, end)
    return end if condition is None else _condition_end(text, condition.end())


def _condition_end(text: str, start: int) -> int:
    """Return where a condition ends: with its line, or before what cannot be part of it."""
    position = start
    while position < len(text) and text[position] not in "\n\r,;#)]}":
        if text[position] in "'\"":
            end = _string_end(text, position)
        elif text[position] in _CLOSERS:
            end = _closing(text, position)
        else:
            end = position + 1
        if end is None:
            break
        position = end
    return start + len(text[start:position].rstrip())
