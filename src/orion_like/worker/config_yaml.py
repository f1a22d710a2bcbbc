"""Priors in YAML files.

The file is handled as a graph of nodes, never as objects: tags of the user's own loader,
anchors and aliases come out as they went in.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import yaml

from orion_like.worker.config_value import add_prior, cannot_parse, place_name, value_prior
from orion_like.worker.prior_text import PriorText

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Path = tuple[object, ...]


def find(text: str, where: str) -> dict[str, PriorText]:
    """Return the priors among the values of a file, by the names of their places."""
    try:
        documents = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise cannot_parse(where, "YAML", error) from None
    priors: dict[str, PriorText] = {}
    for path, node in _scalars(documents):
        name = place_name(path)
        prior = value_prior(node.value, f"{where}, {name}")
        if prior is not None:
            add_prior(priors, name, prior, where)
    return priors


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Return the text with values for its priors; keys without a value are left out.

    An element of a list that has no value becomes ``null``, so that the others keep their
    places.
    """
    pieces = _pieces(text, frozenset(values))
    return "".join(
        _inline(values[piece]) if index % 2 else piece for index, piece in enumerate(pieces)
    )


@lru_cache(maxsize=64)
def _pieces(text: str, present: frozenset[str]) -> tuple[str, ...]:
    """Return the text as pieces, alternately literal and names of dimensions, for many trials."""
    documents = list(yaml.compose_all(text, Loader=_Loader))
    token = uuid.uuid4().hex
    names: list[str] = []
    replacements: dict[int, yaml.Node | None] = {}
    for path, node in _scalars(documents):
        name = place_name(path)
        if value_prior(node.value, name) is None:
            continue
        replacements[id(node)] = _node(f"{token}-{len(names)}-") if name in present else None
        names += [name] if name in present else []
    filled = [_replaced(document, replacements, {}) for document in documents]
    pieces = re.split(rf"{token}-(\d+)-", _serialized(filled))
    pieces[1::2] = [names[int(index)] for index in pieces[1::2]]
    return tuple(pieces)


def _inline(value: Any) -> str:
    """Return a value as it can be written both in a block and within brackets."""
    return _serialized([_node([value])]).strip()[1:-1]


def _node(value: Any) -> yaml.Node:
    representer = yaml.representer.SafeRepresenter(default_flow_style=True, sort_keys=False)
    return representer.represent_data(value)


def _serialized(nodes: list[Any]) -> str:
    return str(yaml.serialize_all(nodes, Dumper=_Dumper, allow_unicode=True, width=2**16))


def _scalars(documents: list[Any]) -> Iterator[tuple[Path, yaml.ScalarNode]]:
    """Yield every value with its path, and a value that has aliases at its first place only."""
    seen: set[int] = set()
    for document in documents:
        yield from _walk(document, (), seen)


def _walk(node: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, yaml.ScalarNode]]:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield path, node
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index), seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(value, (*path, getattr(key, "value", "?")), seen)


Replacements = Mapping[int, "yaml.Node | None"]


def _replaced(node: Any, replacements: Replacements, done: dict[int, Any]) -> Any:
    """Return `node` with values in place of priors; None if it is a prior without a value."""
    if id(node) in replacements:
        return replacements[id(node)]
    if node is None or id(node) in done:
        return node
    done[id(node)] = node
    if isinstance(node, yaml.SequenceNode):
        items = [_replaced(item, replacements, done) for item in node.value]
        node.value = [_node(None) if item is None else item for item in items]
    elif isinstance(node, yaml.MappingNode):
        entries = [(key, _replaced(value, replacements, done)) for key, value in node.value]
        node.value = [(key, value) for key, value in entries if value is not None]
    return node
