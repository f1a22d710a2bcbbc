"""Experiments as trees: versions and branches below what they were branched from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    """An experiment and those that were branched from it."""

    document: Mapping[str, Any]
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.document["name"])

    @property
    def version(self) -> int:
        """Version of the experiment."""
        return int(self.document.get("version", 1))

    @property
    def state(self) -> str:
        """What was decided for its workers: ``active``, ``paused`` or ``stopping``."""
        return str(self.document.get("state") or "active")

    @property
    def title(self) -> str:
        """How people call it: ``name-vN``."""
        return f"{self.name}-v{self.version}"

    def __iter__(self) -> Iterator[Node]:
        """Yield the node and all below it, parents first."""
        waiting = [self]  # in place of recursion: trees may be deep
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)


def build_forest(documents: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Return the roots of the trees that documents of experiments make up.

    An experiment whose parent is not among the documents is a root.

    Examples
    --------
    >>> roots = build_forest([
    ...     {"_id": 1, "name": "demo", "version": 1, "refers": {"parent_id": None}},
    ...     {"_id": 2, "name": "demo", "version": 2, "refers": {"parent_id": 1}},
    ... ])
    >>> [node.title for node in roots[0]]
    ['demo-v1', 'demo-v2']
    """
    nodes = {document["_id"]: Node(document) for document in documents}
    roots = []
    for uid, node in nodes.items():
        parent = nodes.get((node.document.get("refers") or {}).get("parent_id"))
        if parent is None or _is_below(parent, uid, nodes):
            roots.append(node)
        else:
            parent.children.append(node)
    return roots


def _is_below(node: Node, uid: Any, nodes: Mapping[Any, Node]) -> bool:
    """Say whether a chain of parents leads from `node` to `uid`; damaged ones may be a ring."""
    seen = set()
    current: Node | None = node
    while current is not None and current.document["_id"] not in seen:
        if current.document["_id"] == uid:
            return True
        seen.add(current.document["_id"])
        current = nodes.get((current.document.get("refers") or {}).get("parent_id"))
    return False


def select(
    roots: Iterable[Node], name: str | None = None, version: int | None = None
) -> list[Node]:
    """Return all trees, or what is at and below the experiments with a name and version."""
    if name is None:
        return list(roots)
    found = []
    waiting = list(roots)[::-1]
    while waiting:
        node = waiting.pop()
        if node.name == name and version in (None, node.version):
            found.append(node)
        else:
            waiting += reversed(node.children)
    return found


def tree_lines(node: Node) -> list[str]:
    r"""Return a drawing of a tree, one line per experiment.

    Examples
    --------
    >>> child = Node({"name": "demo", "version": 2})
    >>> print("\n".join(tree_lines(Node({"name": "demo", "version": 1}, [child]))))
    demo-v1
    └── demo-v2
    """
    lines = []
    waiting = [(node, "", "")]
    while waiting:
        current, first, rest = waiting.pop()
        lines.append(first + current.title)
        branches = [
            (child, f"{rest}├── ", f"{rest}│   ")
            if child is not current.children[-1]
            else (child, f"{rest}└── ", f"{rest}    ")
            for child in current.children
        ]
        waiting += reversed(branches)
    return lines
