"""What the structured configuration formats share: priors as values, named by their place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orion_like.errors import ConfigurationError
from orion_like.worker.prior_text import PriorText, read_prior, require_prior

_MARKED = re.compile(r"\s*(?P<mark>[^\s~]*)~(?P<prior>.*)\Z", re.DOTALL)
_EXPLICIT = ("orion", "orion_like", "orion-like")


def value_prior(value: str, where: str) -> PriorText | None:
    """Return the prior that a value of a configuration file is, or None.

    Raises
    ------
    PriorError
        If it begins with ``orion~`` but isn't a prior.

    Examples
    --------
    >>> value_prior("orion~uniform(0, 1)", "config.yaml, /lr").text
    'uniform(0, 1)'
    >>> value_prior("~/data", "config.yaml, /data") is None
    True
    """
    match = _MARKED.match(value)
    if match is None or not match["prior"] or match["prior"].startswith("/"):
        return None
    if match["mark"] in _EXPLICIT:
        return require_prior(match["prior"].strip(), where)
    prior = read_prior(match["prior"].strip())
    return prior if prior and prior.in_space else None


def place_name(path: Iterable[object]) -> str:
    """Return the name of the dimension at a place: keys and indices joined by slashes.

    Examples
    --------
    >>> place_name(["model", "layers", 0])
    '/model/layers/0'
    """
    return "/" + "/".join(str(step) for step in path)


def add_prior(priors: dict[str, PriorText], name: str, prior: PriorText, where: str) -> None:
    """Add a prior under a name that may not be taken yet.

    Raises
    ------
    ConfigurationError
        If it is taken.
    """
    if name in priors:
        raise ConfigurationError(
            f"{where}: two priors are named {name!r} ({priors[name]} and {prior}); rename one"
        )
    priors[name] = prior


def cannot_parse(where: str, kind: str, problem: object) -> ConfigurationError:
    """Return the error about a file that isn't what its suffix says."""
    return ConfigurationError(
        f"{where}: not valid {kind}, so its priors cannot be found: {problem}"
    )
