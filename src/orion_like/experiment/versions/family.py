"""The tree of an experiment's versions, and the trials of all of them as one version sees them.

Whole families are read with one query, and the trials of all members with another one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orion_like.errors import CorruptedDatabaseError
from orion_like.experiment.versions.adapter import (
    Adapter,
    Params,
    params_of,
    read_adapters,
    with_params,
)
from orion_like.space import Space, build_space
from orion_like.storage import Storage
from orion_like.storage.adoption import flat_space
from orion_like.trial import Trial

logger = logging.getLogger(__name__)

FIELDS = ("name", "version", "refers", "space", "deletions", "uuid")
"""What is read of each member."""


@dataclass(frozen=True)
class Member:
    """One version in a family.

    Parameters
    ----------
    document
        Its document, or at least `FIELDS` of it.
    """

    document: Mapping[str, Any]

    @property
    def id(self) -> Any:
        """Identity in the database."""
        return self.document["_id"]

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.document["name"])

    @property
    def title(self) -> str:
        """How people call it: ``name-vN``."""
        return f"{self.name}-v{self.document.get('version', 1)}"

    @property
    def parent_id(self) -> Any:
        """Identity of the version that it was branched from, or None."""
        return (self.document.get("refers") or {}).get("parent_id")

    @property
    def uuid(self) -> str:
        """Identity of its document, wherever it is."""
        return str(self.document.get("uuid") or self.id)

    @cached_property
    def adapters(self) -> list[Adapter]:
        """What leads from its parent to it."""
        try:
            return read_adapters((self.document.get("refers") or {}).get("adapter"))
        except CorruptedDatabaseError as error:
            raise CorruptedDatabaseError(f"experiment {self.title}: {error}") from None

    @cached_property
    def conditional_space(self) -> Space | None:
        """Its search space if some dimensions are active under a condition only."""
        priors = flat_space(self.document.get("space") or {})
        if not any(" if " in str(prior) for prior in priors.values()):
            return None
        return build_space(priors)


@dataclass(frozen=True)
class Route:
    """The way of a trial from one version to another.

    Parameters
    ----------
    steps
        Adapters, whether they are gone through backward, and the version they lead to.
    """

    steps: tuple[tuple[Sequence[Adapter], bool, Member], ...] = ()

    def adapt(self, trial: Trial) -> Trial | None:
        """Return a trial as it is at the end of the route, None if it does not get there."""
        params: Params = params_of(trial)
        for adapters, is_backward, target in self.steps:
            for adapter in reversed(adapters) if is_backward else adapters:
                adapt = adapter.backward if is_backward else adapter.forward
                adapted = adapt(params)
                if adapted is None:
                    return None
                params = adapted
            params = _active(params, target.conditional_space)
        return with_params(trial, params)


def _active(params: Params, space: Space | None) -> Params:
    if space is None:
        return params
    known = {name: param.value for name, param in params.items() if name in space}
    inactive = known.keys() - space.active(known)
    return {name: param for name, param in params.items() if name not in inactive}


class Family:
    """All versions and branches that come from one root.

    Parameters
    ----------
    documents
        Documents of the experiments, or at least `FIELDS` of them.
    """

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self.members = {document["_id"]: Member(document) for document in documents}
        self._children: dict[Any, list[Member]] = {}
        self._warned_of: set[Any] = set()
        for member in self.members.values():
            self._children.setdefault(member.parent_id, []).append(member)

    @classmethod
    def fetch(cls, storage: Storage, document: Mapping[str, Any]) -> Family:
        """Read the family of an experiment with one query.

        Parameters
        ----------
        storage
            Where it is.
        document
            The document of a member.
        """
        root = (document.get("refers") or {}).get("root_id")
        if root is None:
            return cls([document])
        found = storage.fetch_experiments({"refers.root_id": root}, FIELDS)
        known = {member["_id"] for member in found}
        return cls(found if document["_id"] in known else [*found, document])

    def children(self, uid: Any) -> list[Member]:
        """Return the versions and branches that were made from one."""
        return self._children.get(uid, [])

    def ancestors(self, uid: Any) -> list[Member]:
        """Return the parent of a version, its parent, and so on, up to the root.

        Raises
        ------
        CorruptedDatabaseError
            If parents lead round in a circle.
        """
        line: list[Member] = []
        current = self.members[uid]
        while current.parent_id is not None:
            parent = self.members.get(current.parent_id)
            if parent is None:
                self._warn_of_missing_parent(current)
                break
            line.append(parent)
            if parent.id == uid or parent in line[:-1]:
                circle = " → ".join(member.title for member in (self.members[uid], *line))
                raise CorruptedDatabaseError(
                    f"the versions of experiment {self.members[uid].name!r} come from each other "
                    f"in a circle ({circle}), so their trials cannot be told apart; "
                    "'orion-like db check' tells which documents are damaged"
                )
            current = parent
        return line

    def _warn_of_missing_parent(self, member: Member) -> None:
        if member.id not in self._warned_of:
            self._warned_of.add(member.id)
            logger.warning(
                "%s was branched from an experiment that is not in the database any more; "
                "its trials are left out",
                member.title,
            )

    def descendants(self, uid: Any) -> Iterator[Member]:
        """Yield the versions below one, nearer ones first."""
        waiting = deque(self.children(uid))
        seen = {uid}  # damaged ones may lead round in a circle
        while waiting:
            member = waiting.popleft()
            if member.id not in seen:
                seen.add(member.id)
                yield member
                waiting += self.children(member.id)

    def routes(self, uid: Any) -> dict[Any, Route]:
        """Return the way that trials of each relative take to a version, by its id.

        The version itself comes first, then what was made from it, then what it was made from,
        nearer ones before farther ones. Of several trials that arrive as the same one, the first
        in this order counts.
        """
        above = self.ancestors(uid)
        routes = {uid: Route()}
        for member in self.descendants(uid):
            parent = self.members[member.parent_id]
            step = (member.adapters, True, parent)
            routes[member.id] = Route((step, *routes[parent.id].steps))
        child = self.members[uid]
        for ancestor in above:
            step = (child.adapters, False, child)
            routes[ancestor.id] = Route((step, *routes[child.id].steps))
            child = ancestor
        return routes


def fetch_family_trials(
    storage: Storage, document: Mapping[str, Any], where: Mapping[str, Any] | None = None
) -> list[Trial]:
    """Return the trials of a version and of its relatives, as that version sees them.

    Relatives are the versions that it was made from, and those that were made from it.

    Parameters
    ----------
    storage
        Where they are.
    document
        Document of the version.
    where
        What stored trials must match. Default: all.

    Returns
    -------
    Trials in order of suggestion. What adapters change in one are its parameters, and with
    these its id; a point that several versions have is there once.
    """
    family = Family.fetch(storage, document)
    routes = family.routes(document["_id"])
    by_experiment: dict[Any, list[Trial]] = {uid: [] for uid in routes}
    for trial in storage.fetch_trials_of(list(routes), where):
        trial.experiment_uuid = family.members[trial.experiment].uuid
        by_experiment[trial.experiment].append(trial)
    seen: dict[str, Trial] = {}
    for uid, trials in by_experiment.items():
        for trial in trials:
            adapted = routes[uid].adapt(trial)
            if adapted is not None:
                seen.setdefault(adapted.id, adapted)
    return sorted(seen.values(), key=_order)


def _order(trial: Trial) -> tuple[Any, ...]:
    return (trial.submit_time is not None, trial.submit_time, trial.number or 0)
