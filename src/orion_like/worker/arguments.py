"""Priors among the words of a command, and the words that replace them in a trial."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orion_like.trial import plain_value
from orion_like.worker.prior_text import PriorText, read_prior, require_prior

_MARKED = r"(?:orion|orion_like|orion-like)?~"
_OPTION = re.compile(r"--?[A-Za-z_][^\s=~]*\Z")
_OPTION_PRIOR = re.compile(r"(?P<option>--?\w[^\s=~]*)~(?P<prior>.*)\Z", re.DOTALL)
_ASSIGNED_PRIOR = re.compile(rf"(?P<target>[^\s=~]+)=(?P<mark>{_MARKED})(?P<prior>.*)\Z", re.DOTALL)
_NAMED_PRIOR = re.compile(r"(?P<target>\+{0,2}[A-Za-z_/][\w./:@-]*)~(?P<prior>.*)\Z", re.DOTALL)
_BARE_PRIOR = re.compile(rf"(?P<mark>{_MARKED})(?P<prior>.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class Placement:
    """Where the value of a dimension goes in a command.

    Parameters
    ----------
    dimension
        Name of the dimension, with its leading slash.
    prior
        What the user wrote for it.
    start, stop
        The words that it replaces.
    prefix
        What stays in front of the value: the word of an option (``--lr``), the left side of
        an assignment (``model.lr=``), or nothing.
    """

    dimension: str
    prior: PriorText
    start: int
    stop: int
    prefix: str

    @property
    def is_assignment(self) -> bool:
        """Whether value and name share one word."""
        return self.prefix.endswith("=")

    def words(self, value: Any) -> list[str]:
        """Return the words for a value."""
        value = plain_value(value)
        if self.is_assignment:
            return [self.prefix + assigned_text(value, null=self._null)]
        values = value if isinstance(value, list) else [value]
        return [self.prefix] * bool(self.prefix) + [_separate_word(item) for item in values]

    @property
    def _null(self) -> str:
        # `--name=` is read by argument parsers of scripts, `name=` by Hydra and its like.
        return "None" if self.prefix.startswith("-") else "null"


def assigned_text(value: Any, null: str = "None") -> str:
    """Return a value as text in one word: lists as ``[1,2]``, everything else as Python does.

    Examples
    --------
    >>> assigned_text([1e-05, [True, "relu"]])
    '[1e-05,[True,relu]]'
    """
    if value is None:
        return null
    if isinstance(value, list):
        return f"[{','.join(assigned_text(item, null) for item in value)}]"
    return str(value)


def _separate_word(value: Any) -> str:
    text = assigned_text(value)
    if isinstance(value, float) and text.startswith("-") and "e" in text:
        # argparse takes -1e-05 for an option, but not -0.00001.
        return format(Decimal(text), "f")
    return text


def find_placements(words: Sequence[str], fixed: Collection[int]) -> list[Placement]:
    """Find every prior among the words of a command.

    Parameters
    ----------
    words
        The command.
    fixed
        Indices of words that are never priors: program, script, code.

    Raises
    ------
    PriorError
        If a word announces a prior but isn't one.
    """
    placements: list[Placement] = []
    positional = 0
    for index, word in enumerate(words):
        if index in fixed or "~" not in word:
            continue
        free = index - 1 not in fixed and not any(p.stop == index for p in placements)
        placement = (
            _option_value(words, index, free)
            or _positional(word, index, positional + 1)
            or _option(word, index)
            or _assignment(word, index)
            or _named(word, index)
        )
        if placement is not None:
            positional += not placement.prefix
            placements.append(placement)
    return placements


def _option_value(words: Sequence[str], index: int, free: bool) -> Placement | None:
    """``--lr 'orion~uniform(0, 1)'``: the value of the option before it."""
    option = words[index - 1]
    if not free or index == 0 or not _OPTION.match(option):
        return None
    prior = _marked(_BARE_PRIOR.match(words[index]), f"argument {option} {words[index]}")
    return Placement(_dimension(option), prior, index - 1, index + 1, option) if prior else None


def _positional(word: str, index: int, number: int) -> Placement | None:
    """``orion~uniform(0, 1)`` after no option."""
    prior = _marked(_BARE_PRIOR.match(word), f"argument {word}")
    return Placement(f"/_pos_{number}", prior, index, index + 1, "") if prior else None


def _option(word: str, index: int) -> Placement | None:
    """``--lr~uniform(0, 1)``."""
    match = _OPTION_PRIOR.match(word)
    if match is None or _is_path(match["prior"]):
        return None
    prior = read_prior(match["prior"])
    is_meant = re.match(r"\+?[A-Za-z_]|\+\Z", match["prior"]) and "/" not in match["prior"]
    if prior is None and is_meant:
        prior = require_prior(match["prior"], f"argument {word}")
    option = match["option"]
    return Placement(_dimension(option), prior, index, index + 1, option) if prior else None


def _assignment(word: str, index: int) -> Placement | None:
    """``model.lr='orion~uniform(0, 1)'``, ``--lr='orion~…'``, ``+model.lr=…``."""
    match = _ASSIGNED_PRIOR.match(word)
    prior = _marked(match, f"argument {word}")
    if match is None or prior is None:
        return None
    target = match["target"]
    return Placement(_dimension(target), prior, index, index + 1, f"{target}=")


def _marked(match: re.Match[str] | None, where: str) -> PriorText | None:
    """Return the prior behind a mark: certainly one after ``orion~``, if it is one after ``~``."""
    if match is None or _is_path(match["prior"]):
        return None
    if match["mark"] != "~":
        return require_prior(match["prior"], where)
    prior = read_prior(match["prior"])
    return prior if prior and prior.in_space else None


def _named(word: str, index: int) -> Placement | None:
    """``model.lr~uniform(0, 1)``."""
    match = _NAMED_PRIOR.match(word)
    prior = read_prior(match["prior"]) if match and not _is_path(match["prior"]) else None
    if match is None or prior is None:
        return None
    target = match["target"]
    return Placement(_dimension(target), prior, index, index + 1, f"{target}=")


def _is_path(text: str) -> bool:
    return not text or text.startswith("/")


def _dimension(target: str) -> str:
    return "/" + target.lstrip("-+/")
