"""The word that was probably meant when an unknown one was written."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`, its case aside, or None.

    Examples
    --------
    >>> closest("radnom", ["random", "tpe"])
    'random'
    >>> closest("TPE", ["random", "tpe"])
    'tpe'
    >>> closest("gp", ["random", "tpe"])
    """
    import difflib

    by_lower_case = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.lower(), list(by_lower_case), n=1)
    return by_lower_case[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``' (did you mean …?)'`` with the closest known word, or nothing.

    Examples
    --------
    >>> did_you_mean("radnom", ["random", "tpe"])
    " (did you mean 'random'?)"
    >>> did_you_mean("gp", ["random", "tpe"])
    ''
    """
    word_meant = closest(word, known)
    return "" if word_meant is None else f" (did you mean {word_meant!r}?)"
