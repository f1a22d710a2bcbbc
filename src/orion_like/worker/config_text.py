"""Priors in text of any other language: ``name~prior(…)`` is replaced where it stands.

Where a conditional dimension isn't active its prior is replaced by nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.trial import plain_value
from orion_like.worker.config_value import add_prior
from orion_like.worker.prior_text import PriorText, find_priors

_NAME = re.compile(r"(?P<name>/?[A-Za-z_][\w./-]*)~")


def find(text: str, where: str) -> dict[str, PriorText]:
    """Return the priors in a text by name, with a leading slash."""
    priors: dict[str, PriorText] = {}
    for match, _, prior in find_priors(text, _NAME):
        line = f"{where}, line {text.count(chr(10), 0, match.start()) + 1}"
        if match["name"] in ("orion", "orion_like"):
            raise ConfigurationError(
                f"{line}: {match[0]}{prior} has no name; in a file of this kind write the name "
                f"of the dimension before the ~, for example lr~{prior}"
            )
        add_prior(priors, _dimension(match), prior, line)
    return priors


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Return the text with values in place of its priors."""
    parts = []
    position = 0
    for match, end, _ in find_priors(text, _NAME):
        name = _dimension(match)
        value = str(plain_value(values[name])) if name in values else ""
        parts += [text[position : match.start()], value]
        position = end
    return "".join([*parts, text[position:]])


def _dimension(match: re.Match[str]) -> str:
    return "/" + match["name"].lstrip("/")
