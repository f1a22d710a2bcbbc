"""The user's configuration file: the priors in it, and its text for one trial.

YAML, JSON and TOML are understood: a value that is a prior becomes a dimension named by its
place in the file (``/model/layers/0``), and values keep their types. In any other text
``name~prior(…)`` is replaced where it stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orion_like.errors import ConfigurationError
from orion_like.worker import config_text, config_tree, config_yaml
from orion_like.worker.prior_text import PriorText

_MAYBE_PRIOR = re.compile(r"~\s*(?:\+?\s*[A-Za-z_]\w*\s*\(|>|-)")
_SURELY_PRIOR = re.compile(
    rb"~\+?(?:uniform|loguniform|normal|gaussian|lognormal|choices|randint|fidelity)\("
)


class _Format(Protocol):
    def find(self, text: str, where: str) -> dict[str, PriorText]: ...

    def fill(self, text: str, values: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file that holds priors.

    Parameters
    ----------
    path
        Where the user keeps it.
    text
        What was in it when the command was given; trials are made from this.
    priors
        Prior of each dimension in it.
    """

    path: str
    text: str
    priors: Mapping[str, PriorText] = field(repr=False)

    @classmethod
    def read(cls, path: str) -> ConfigFile | None:
        """Read a file; None if it isn't text or holds no prior.

        Raises
        ------
        ConfigurationError
            If it has priors but isn't UTF-8, or valid YAML, JSON or TOML as its suffix says.
        PriorError
            If a value announces a prior but isn't one.
        """
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            if _SURELY_PRIOR.search(content):
                raise ConfigurationError(
                    f"{path}: not UTF-8 text (at byte {error.start}), so the priors in it cannot "
                    "be found; save it as UTF-8"
                ) from None
            return None
        if _format_of(path) is not config_text:
            text = text.removeprefix("\ufeff")  # the mark that some editors put first
        return cls.parse(os.path.abspath(path), text)

    @classmethod
    def parse(cls, path: str, text: str) -> ConfigFile | None:
        """Find the priors in `text`, the content of `path`; None if there are none."""
        if not _MAYBE_PRIOR.search(text) and "orion" not in text:
            return None
        priors = _format_of(path).find(text, path)
        return cls(path, text, priors) if priors else None

    @property
    def suffix(self) -> str:
        """Suffix of the file, by which programs know its format."""
        return os.path.splitext(self.path)[1]

    @property
    def settings_beside_priors(self) -> dict[str, Any]:
        """What the file says besides its priors, by place; all as one where it has no places."""
        text = self.render({})
        suffix = self.suffix.lower()
        if suffix == ".toml":
            return dict(_leaves(config_tree.TOML.load(text), ""))
        if suffix in (".yaml", ".yml", ".json"):
            import yaml

            return dict(_leaves(yaml.safe_load(text), ""))  # JSON is YAML, too
        return {os.path.basename(self.path): text}

    def render(self, values: Mapping[str, Any]) -> str:
        """Return the text for a trial.

        Parameters
        ----------
        values
            Value of each dimension; what is in the file but not here is left out of the text.
        """
        return _format_of(self.path).fill(self.text, values)


def _leaves(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(tree, Mapping):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    elif name:
        yield name, tree
    for key, value in items:
        yield from _leaves(value, f"{name}/{key}")


def _format_of(path: str) -> _Format:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in (".yaml", ".yml"):
        return config_yaml
    if suffix == ".json":
        return config_tree.JSON
    if suffix == ".toml":
        return config_tree.TOML
    return config_text
