"""What an examination of experiments finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """Something that keeps experiments from going well, and what to do about it.

    Parameters
    ----------
    severity
        ``wrong``; or ``note`` for what may well be as it should.
    check
        Name of the kind of finding.
    place
        Where: ``database``, or the experiment as ``name-vN``.
    problem
        What is the matter.
    remedy
        What to do, in words.
    commands
        What to type for it: words of the program ``orion-like``, ready for a shell.
    """

    severity: Literal["wrong", "note"]
    check: str
    place: str
    problem: str
    remedy: str
    commands: tuple[str, ...] = ()
