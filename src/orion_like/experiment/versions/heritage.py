"""What an experiment learns from the versions that it was made from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Set
from time import monotonic
from typing import Any

from orion_like.algo import Objective
from orion_like.algo.outcome import find_objectives
from orion_like.experiment.versions.family import Family, Route
from orion_like.space import Space
from orion_like.storage import Storage
from orion_like.trial import Trial

PERIOD = 2.0  # seconds between two looks at versions in which seldom anything happens any more


class Heritage:
    """The finished trials of all ancestors, adapted; kept up by reading only what changed.

    They do not count among the experiment's own trials, and have no numbers: algorithms take them
    for older than all others.

    Parameters
    ----------
    storage
        Where the experiments are.
    document
        Document of the version that inherits.
    space
        Its search space; trials that do not lie in it are left out.
    objectives
        Its objectives; trials that have no value of each are left out.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        storage: Storage,
        document: Mapping[str, Any],
        space: Space,
        objectives: tuple[Objective, ...],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._storage = storage
        self._document = document
        self._space = space
        self._objectives = objectives
        self._clock = clock
        self.generation = 0
        self._origins: dict[str, int] = {}  # how far away the ancestor is that a trial is from
        self._routes: dict[Any, Route] = {}
        self._deletions: dict[Any, Any] | None = None
        self.read_anew()

    def read_anew(self) -> None:
        """Have the next refresh give all trials."""
        self._origins.clear()
        self._token: Any = None
        self._read: float | None = None

    @property
    def ids(self) -> Set[str]:
        """Ids of the inherited trials, as the experiment itself would have them."""
        return self._origins.keys()

    def refresh(self) -> list[Trial]:
        """Return the trials that ancestors finished since the last time.

        When some of theirs were deleted, :attr:`generation` grows, and all come again.
        """
        now = self._clock()
        if not self._is_anybody_there or (self._read is not None and now < self._read + PERIOD):
            return []
        self._read = now
        self._notice_deletions()
        if not self._routes:
            return []
        changes, self._token = self._storage.changed_trials(list(self._routes), self._token)
        inherited = []
        for document in changes:
            trial = Trial.from_document(document)
            if trial.status == "completed" or trial.is_stopped:
                adapted = self._adapt(trial)
                if adapted is not None:
                    inherited.append(adapted)
        return inherited

    @property
    def _is_anybody_there(self) -> bool:
        return (self._document.get("refers") or {}).get("parent_id") is not None

    def _notice_deletions(self) -> None:
        """Start anew if ancestors, or trials of theirs, are not there any more."""
        if self._deletions is None:
            found = self._read_family()
        else:
            query = {"_id": {"$in": list(self._deletions)}}
            documents = self._storage.fetch_experiments(query, ["deletions"])
            found = {document["_id"]: document.get("deletions") for document in documents}
            if found != self._deletions:
                self.generation += 1
                self._origins.clear()
                self._token = None
                found = self._read_family()
        self._deletions = found

    def _read_family(self) -> dict[Any, Any]:
        family = Family.fetch(self._storage, self._document)
        uid = self._document["_id"]
        above = family.ancestors(uid)
        routes = family.routes(uid)
        self._routes = {ancestor.id: routes[ancestor.id] for ancestor in above}
        return {ancestor.id: ancestor.document.get("deletions") for ancestor in above}

    def _adapt(self, trial: Trial) -> Trial | None:
        if None in find_objectives(trial.results, self._objectives):
            return None
        adapted = self._routes[trial.experiment].adapt(trial)
        if adapted is None or adapted not in self._space:
            return None
        inherited = copy.copy(adapted)
        inherited.number = None
        distance = len(self._routes[trial.experiment].steps)
        if self._origins.setdefault(inherited.id, distance) < distance:
            return None  # of a point that several have, the nearest one's result counts
        self._origins[inherited.id] = distance
        return inherited
