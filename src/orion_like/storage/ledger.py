"""One worker's mirror of an experiment's trials, kept up by reading only what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from time import monotonic
from typing import Any

from orion_like.storage.storage import Storage
from orion_like.storage.worker_id import is_certainly_dead
from orion_like.trial import WAITING_STATUSES, Trial, is_stopped

GAP_GRACE = 3.0  # seconds that a number may be missing before anybody fills it


class Ledger:
    """The trials of one experiment, as last read.

    Parameters
    ----------
    storage
        Where the trials are.
    uid
        Id of the experiment.
    clock
        Monotonic seconds, for the grace of gaps.

    Notes
    -----
    A refresh costs as much as there were changes since the last one, and of a trial no more
    than its status is kept. Deleted trials are not in the stream of changes: the experiment
    counts deletions, and when that count differs the ledger reads everything anew and
    :attr:`generation` grows.
    :attr:`cap` is a limit on completed trials that holds for this worker only.
    """

    def __init__(self, storage: Storage, uid: Any, clock: Callable[[], float] = monotonic) -> None:
        self._storage = storage
        self._uid = uid
        self._clock = clock
        self.generation = 0
        self.cap = float("inf")
        self.budget: Mapping[str, Any] = {}
        self._budget_read = 0.0
        self._forget()

    def _forget(self) -> None:
        self._token: Any = None
        self._statuses: dict[Any, str] = {}
        self._first_unused = 0
        self._numbers: set[int] = set()  # in use beyond the first that is not
        self._gaps_seen: dict[int, float] = {}
        self._reserved: dict[Any, Mapping[str, Any]] = {}
        self._signs_of_life: dict[Any, float] = {}  # when a reserved trial was last seen to change
        self._stopped: set[Any] = set()
        self.counts: dict[str, int] = {}
        self.first_start: datetime | None = None

    def refresh_budget(self, max_budget_age: float = 0.0) -> None:
        """Read what changed in the experiment.

        Parameters
        ----------
        max_budget_age
            Seconds for which the budget that was read last is good enough. Default 0.
        """
        if not self.budget or self._clock() - self._budget_read >= max_budget_age:
            self.take_in_budget(self._storage.fetch_budget(self._uid))

    def refresh_trials(self) -> Iterator[Mapping[str, Any]]:
        """Read the trials that changed since the last time, and yield each when it is taken in.

        The documents must not be changed. Those of an iteration that is not brought to its
        end come again.
        """
        is_news = self._token is not None
        changes, token = self._storage.changed_trials(self._uid, self._token)
        for document in changes:
            self._take_in(document, is_news)
            yield document
        self._token = token

    def take_in_budget(self, budget: Mapping[str, Any]) -> None:
        """Follow a budget that has just been read."""
        if self.budget and budget.get("deletions") != self.budget.get("deletions"):
            self.read_anew()
        self.budget = budget
        self._budget_read = self._clock()

    def read_anew(self) -> None:
        """Have the next refresh give all trials, as after a deletion."""
        self._forget()
        self.generation += 1

    def _take_in(self, document: Mapping[str, Any], is_news: bool) -> None:
        uid, status = document["_id"], document["status"]
        before = self._statuses.get(uid)
        if before is not None:
            self.counts[before] -= 1
        self.counts[status] = self.counts.get(status, 0) + 1
        self._statuses[uid] = status
        if is_stopped(document):
            self._stopped.add(uid)
        else:
            self._stopped.discard(uid)
        if status == "reserved":
            self._reserved[uid] = document
            if is_news:
                self._signs_of_life[uid] = self._clock()
        else:
            self._reserved.pop(uid, None)
            self._signs_of_life.pop(uid, None)
        start = document.get("start_time")
        if start is not None and (self.first_start is None or start < self.first_start):
            self.first_start = start
        number = document.get("number")
        if number is not None:
            self._use(number)

    def _use(self, number: int) -> None:
        self._gaps_seen.pop(number, None)
        if number >= self._first_unused:
            self._numbers.add(number)
        while self._first_unused in self._numbers:
            self._numbers.discard(self._first_unused)
            self._first_unused += 1

    def __len__(self) -> int:
        return len(self._statuses)

    @property
    def stopped(self) -> int:
        """How many trials were stopped early."""
        return len(self._stopped)

    def count(self, *statuses: str) -> int:
        """Return how many trials have one of `statuses`."""
        return sum(self.counts.get(status, 0) for status in statuses)

    @property
    def waiting(self) -> int:
        """How many trials wait for a worker."""
        return self.count(*WAITING_STATUSES) - self.stopped

    @property
    def finished(self) -> int:
        """How many trials are done: completed, or stopped early."""
        return self.count("completed") + self.stopped

    @property
    def open(self) -> int:
        """How many trials wait or run."""
        return self.waiting + self.count("reserved")

    @property
    def max_trials(self) -> float:
        """How many finished trials there shall be; infinity without a limit."""
        limit = self.budget.get("max_trials")
        return min(self.cap, float("inf") if limit is None else limit)

    @property
    def has_all_trials(self) -> bool:
        """Whether as many trials are finished as the experiment shall have."""
        return self.finished >= self.max_trials

    @property
    def max_duration(self) -> float:
        """For how many seconds trials shall be started; infinity without a limit."""
        limit = (self.budget.get("limits") or {}).get("max_duration")
        return float("inf") if limit is None else limit

    @property
    def is_out_of_time(self) -> bool:
        """Whether the first trial was started longer ago than `max_duration`."""
        if self.first_start is None or self.max_duration == float("inf"):
            return False
        passed = datetime.now(timezone.utc) - self.first_start
        return passed.total_seconds() >= self.max_duration

    @property
    def has_room(self) -> bool:
        """Whether one more trial is wanted, if all open ones end well."""
        return len(self) - self.count("broken") < self.max_trials

    @property
    def numbers_in_use(self) -> int:
        """How many numbers were taken and not given back."""
        return (self.budget.get("next_number") or 0) - len(self.budget.get("free_numbers") or ())

    @property
    def number_limit(self) -> float:
        """Numbers below this may be taken: one a finished trial and one a broken trial."""
        return self.max_trials + self.count("broken")

    def seen_alive(self, within: float) -> list[Any]:
        """Return the identities of reserved trials that were written in the last seconds.

        Their workers live, whatever the clocks of their hosts say.
        """
        since = self._clock() - within
        return [uid for uid, instant in self._signs_of_life.items() if instant >= since]

    def orphans(self) -> Iterator[Trial]:
        """Yield the reserved trials whose worker ran on this machine and is gone."""
        for document in list(self._reserved.values()):
            if is_certainly_dead(document.get("worker")):
                yield Trial.from_document(document)

    def overdue_gap(self, grace: float = GAP_GRACE) -> int | None:
        """Return the first number that was taken and has had no trial for `grace` seconds.

        The worker that took it died while thinking, or its trial was deleted.
        """
        now = self._clock()
        next_number = self.budget.get("next_number") or 0
        free = set(self.budget.get("free_numbers") or ())
        for number in range(self._first_unused, next_number):
            if number in self._numbers or number in free:
                continue
            if now - self._gaps_seen.setdefault(number, now) >= grace:
                return number
        return None
