"""Markers in a search space that say how it differs from that of the version before.

``~+prior`` adds or changes a dimension, ``~-`` or ``~-value`` removes it, ``~>name`` renames it.
The words of a command and configuration files are read elsewhere; here are the spaces of Python
and of our own configuration files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ADD, REMOVE, RENAME = "+", "-", ">"
_MARKED = re.compile(
    r"(?:orion|orion_like|orion-like)?~(?P<symbol>[+\->])(?P<text>.*)\Z", re.DOTALL
)


def split_markers(space: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a space without its markers, and the markers by the names of the dimensions.

    Examples
    --------
    >>> split_markers({"x": "~+uniform(0, 1)", "y": "~-0.5", "z": "~>w", "model": {"n": "~-"}})
    ({'x': 'uniform(0, 1)', 'model': {}}, {'x': '+', 'y': '-0.5', 'z': '>w', 'model.n': '-'})
    """
    markers: dict[str, str] = {}
    return _split(space, "", markers), markers


def _split(space: Mapping[str, Any], prefix: str, markers: dict[str, str]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in space.items():
        name = f"{prefix}{key}"
        marked = _MARKED.match(value) if isinstance(value, str) else None
        if isinstance(value, Mapping):
            plain[key] = _split(value, f"{name}.", markers)
        elif marked is None:
            plain[key] = value
        elif marked["symbol"] == ADD:
            markers[name] = ADD
            plain[key] = marked["text"].strip()
        else:
            markers[name] = marked["symbol"] + marked["text"].strip()
    return plain
