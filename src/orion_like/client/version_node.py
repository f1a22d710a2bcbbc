"""An experiment among its versions: its parent, its children, its root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orion_like.experiment import Experiment, load_experiment
from orion_like.experiment.versions import Family
from orion_like.experiment.versions.family import Member

if TYPE_CHECKING:
    from orion_like.storage import Storage


class VersionNode:
    """One version in the tree of all that come from one root.

    Iterating over a node yields it and what is below it, parents first.

    Parameters
    ----------
    storage
        Where the experiments are.
    family
        The tree, as it was read.
    uid
        Identity of the version.
    """

    def __init__(self, storage: Storage, family: Family, uid: Any) -> None:
        self._storage = storage
        self._family = family
        self._member = family.members[uid]

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self._member.name

    @property
    def version(self) -> int:
        """Version of the experiment."""
        return int(self._member.document.get("version", 1))

    @property
    def tree_name(self) -> str:
        """How people call it: ``name-vN``."""
        return self._member.title

    @property
    def item(self) -> Experiment:
        """The experiment itself, for reading."""
        return load_experiment(self._storage, self.name, self.version)

    @property
    def parent(self) -> VersionNode | None:
        """The version that it was made from, None for a root."""
        return next((self._relative(one.id) for one in self._ancestors), None)

    @property
    def root(self) -> VersionNode:
        """The first of its line; itself if it was not made from another one."""
        line = [self._member, *self._ancestors]
        return self._relative(line[-1].id)

    @property
    def children(self) -> list[VersionNode]:
        """The versions and branches that were made from it."""
        return [self._relative(child.id) for child in self._family.children(self._member.id)]

    def __iter__(self) -> Iterator[VersionNode]:
        yield self
        for member in self._family.descendants(self._member.id):
            yield self._relative(member.id)

    @property
    def _ancestors(self) -> list[Member]:
        return self._family.ancestors(self._member.id)

    def _relative(self, uid: Any) -> VersionNode:
        return VersionNode(self._storage, self._family, uid)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VersionNode):
            return NotImplemented
        return bool(self._member.id == other._member.id)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"VersionNode({self.tree_name})"
