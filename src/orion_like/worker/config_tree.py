"""Priors in JSON and TOML files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orion_like.worker.config_value import add_prior, cannot_parse, place_name, value_prior
from orion_like.worker.prior_text import PriorText

_ABSENT = object()
Path = tuple[object, ...]


@dataclass(frozen=True)
class TreeFormat:
    """A format that is read into dicts and lists, and written from them.

    Parameters
    ----------
    name
        Its name, for messages.
    load, dump
        Its reader and writer.
    null
        What stands for None: itself, or nothing at all where the format has no such value.
    """

    name: str
    load: Callable[[str], Any]
    dump: Callable[[Any], str]
    null: object = None

    def find(self, text: str, where: str) -> dict[str, PriorText]:
        """Return the priors among the values of a file, by the names of their places."""
        try:
            tree = self.load(text)
        except ValueError as error:
            raise cannot_parse(where, self.name, error) from None
        priors: dict[str, PriorText] = {}
        for path, value in _strings(tree, ()):
            name = place_name(path)
            prior = value_prior(value, f"{where}, {name}")
            if prior is not None:
                add_prior(priors, name, prior, where)
        return priors

    def fill(self, text: str, values: Mapping[str, Any]) -> str:
        """Return the text with values for its priors; keys without a value are left out."""
        tree = self._filled(self.load(text), (), values)
        return self.dump({} if tree is _ABSENT else tree)

    def _filled(self, node: Any, path: Path, values: Mapping[str, Any]) -> Any:
        if isinstance(node, dict):
            entries = ((key, self._filled(node[key], (*path, key), values)) for key in node)
            return {key: value for key, value in entries if value is not _ABSENT}
        if isinstance(node, list):
            items = [self._filled(item, (*path, i), values) for i, item in enumerate(node)]
            # An element keeps its index where the format can say that there is nothing.
            items = [self.null if item is _ABSENT else item for item in items]
            return [item for item in items if item is not _ABSENT]
        if isinstance(node, str) and value_prior(node, place_name(path)) is not None:
            value = values.get(place_name(path), _ABSENT)
            return self.null if value is None else value
        return node


def _strings(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node, dict):
        for key in node:
            yield from _strings(node[key], (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _strings(item, (*path, index))
    elif isinstance(node, str):
        yield path, node


@lru_cache(maxsize=16)
def _load_toml(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text.replace("\r\n", "\n"))


def _dump_toml(tree: Any) -> str:
    import tomli_w

    return tomli_w.dumps(tree)


def _dump_json(tree: Any) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


JSON = TreeFormat("JSON", json.loads, _dump_json)
TOML = TreeFormat("TOML", _load_toml, _dump_toml, null=_ABSENT)
