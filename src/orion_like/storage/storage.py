"""The verbs of the domain: all that may be done to experiments and trials.

Each verb is one atomic operation of the database wherever the domain allows it, and
every change of a trial's status goes through the state table of
:mod:`orion_like.trial`. A trial is owned by the worker whose id and attempt are in it;
what its owner writes is filtered by both, so that a worker that lost its trial can
never overwrite the results of the one that took over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from orion_like.errors import (
    AlreadyReleased,
    DuplicateKeyError,
    ExperimentDeleted,
    FailedUpdate,
    LeaseLost,
    TrialNotFound,
    UnsupportedOperation,
)
from orion_like.storage.checkpoints import CHECKPOINT_INDEXES, CHECKPOINTS
from orion_like.storage.database import NOW, Ago, Database
from orion_like.storage.database.base import Index
from orion_like.storage.metrics import METRIC_INDEXES, METRICS
from orion_like.storage.prior_trials import (
    PRIOR_TRIAL_INDEXES,
    PRIOR_TRIALS,
    fetch_prior_trials,
    remove_prior_trials,
    store_prior_trials,
)
from orion_like.storage.workers import WORKERS
from orion_like.trial import (
    OWNER,
    USER,
    WAITING_STATUSES,
    Result,
    Trial,
    sources_of,
    validate_results,
    validate_status,
)

EXPERIMENTS, TRIALS = "experiments", "trials"
BUDGET_FIELDS = (
    "max_trials",
    "max_broken",
    "next_number",
    "free_numbers",
    "deletions",
    "state",
    "limits",
)
INDEXES: Mapping[tuple[str, tuple[str, ...]], Index] = {
    (EXPERIMENTS, ("name", "version")): Index(unique=True),
    (EXPERIMENTS, ("refers.root_id",)): Index(),
    (TRIALS, ("experiment", "id")): Index(unique=True),
    (TRIALS, ("experiment", "number")): Index(unique=True, sparse=True),
    (TRIALS, ("experiment", "status", "number")): Index(),
    **METRIC_INDEXES,
    **CHECKPOINT_INDEXES,
    **PRIOR_TRIAL_INDEXES,
}
"""By collection and fields, what serves every query and keeps names, ids and numbers unique."""
# Changes alone tell ledgers no removals.
_READ_ANEW: dict[str, dict[str, Any]] = {"$inc": {"deletions": 1}}
_STATUSES_WITH_END = ("completed", "broken")
OF_TRIALS = (METRICS, CHECKPOINTS)
"""Collections of what belongs to trials, and is deleted with them."""
OF_EXPERIMENTS = (*OF_TRIALS, PRIOR_TRIALS, WORKERS)
"""Collections of what belongs to experiments beside their trials, and is deleted with them."""
# What a trial in hand takes over from the stored one after it was written:
_FOLLOWED = (
    "status", "worker", "attempt", "reason", "start_time", "end_time", "heartbeat", "change",
    "stopped", "results",
)  # fmt: skip
_FRESH = tuple(status for status in WAITING_STATUSES if status != "suspended")


class Storage:
    """The only gateway to the documents of experiments and trials.

    Parameters
    ----------
    database
        Where the documents live.

    Examples
    --------
    >>> from orion_like.storage.database import EphemeralDB
    >>> storage = Storage(EphemeralDB())
    >>> experiment = storage.create_experiment({"name": "demo", "version": 1})
    >>> storage.take_number(experiment["_id"], limit=10, max_trials=None)["next_number"]
    1
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        for (collection, keys), index in INDEXES.items():
            database.ensure_index(collection, keys, unique=index.unique, sparse=index.sparse)
        database.track_changes(TRIALS, "experiment")
        database.track_changes(METRICS, "experiment")

    @property
    def url(self) -> str:
        """Where the documents live, for people; passwords are left out."""
        return self.database.url

    def close(self) -> None:
        """Let go of files and connections."""
        self.database.close()

    # --- experiments ---------------------------------------------------------------------------

    def create_experiment(
        self,
        configuration: Mapping[str, Any],
        prior_trials: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        """Store a new experiment and return its document.

        Parameters
        ----------
        configuration
            Its document, without an identity.
        prior_trials
            Copies of trials that it starts from, under the mark in its ``warm_start``.

        Raises
        ------
        DuplicateKeyError
            If there is one with the same name and version.
        """
        document = {
            "next_number": 0,
            "free_numbers": [],
            "deletions": 0,
            "uuid": uuid4().hex,
            **configuration,
        }
        mark = _mark(document)
        refers = {"parent_id": None, "adapter": [], **(document.get("refers") or {})}
        while True:
            uid = self.database.new_id(EXPERIMENTS)
            root = uid if refers.get("root_id") is None else refers["root_id"]
            stored = {**document, "_id": uid, "refers": {**refers, "root_id": root}}
            store_prior_trials(self.database, uid, mark, prior_trials)
            try:
                self.database.insert(EXPERIMENTS, stored)
            except DuplicateKeyError as error:
                if prior_trials:
                    remove_prior_trials(self.database, uid, [mark])
                if error.keys != ("_id",):
                    raise
            else:
                return stored

    def fetch_experiments(
        self, query: Mapping[str, Any] | None = None, fields: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the documents of the experiments that match `query`, by name and version."""
        sort = [("name", 1), ("version", 1)]
        return self.database.find(EXPERIMENTS, query or {}, fields=fields, sort=sort)

    def fetch_experiment(self, name: str, version: int | None = None) -> dict[str, Any] | None:
        """Return the document of one experiment, the latest version by default, or None.

        A `version` beyond the latest gives the latest.
        """
        documents = self.fetch_experiments({"name": name})
        if version is None or not documents or version > documents[-1].get("version", 1):
            return documents[-1] if documents else None
        return next((doc for doc in documents if doc.get("version", 1) == version), None)

    def update_experiment(
        self, uid: Any, where: Mapping[str, Any] | None = None, **fields: Any
    ) -> bool:
        """Set fields of an experiment, if it matches `where`; return whether it did."""
        query = {**(where or {}), "_id": uid}
        return self.database.update(EXPERIMENTS, query, {"$set": fields}) > 0

    def replace_prior_trials(
        self,
        experiment: Mapping[str, Any],
        warm_start: Mapping[str, Any] | None,
        prior_trials: Sequence[Mapping[str, Any]],
    ) -> None:
        """Let an experiment start from other trials than before.

        Parameters
        ----------
        experiment
            Its document.
        warm_start
            What takes the place of its ``warm_start``.
        prior_trials
            See :meth:`create_experiment`.
        """
        uid = experiment["_id"]
        store_prior_trials(self.database, uid, _mark({"warm_start": warm_start}), prior_trials)
        self.update_experiment(uid, warm_start=warm_start)
        remove_prior_trials(self.database, uid, [_mark(experiment)])

    def fetch_prior_trials(self, experiment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the copies of trials that an experiment starts from, given its document."""
        mark = _mark(experiment)
        return fetch_prior_trials(self.database, experiment["_id"], mark) if mark else []

    def delete_experiment(self, uid: Any) -> int:
        """Delete an experiment, its trials and their reports; return how many trials it had."""
        self.database.remove(EXPERIMENTS, {"_id": uid})
        deleted = self.database.remove(TRIALS, {"experiment": uid})
        for belongings in OF_EXPERIMENTS:
            self.database.remove(belongings, {"experiment": uid})
        return deleted

    # --- numbers: the order of suggestions, and the budget -------------------------------------

    def fetch_budget(self, uid: Any) -> dict[str, Any]:
        """Return the fields of an experiment that workers follow while they run.

        Raises
        ------
        ExperimentDeleted
            If it is not there any more.
        """
        documents = self.database.find(EXPERIMENTS, {"_id": uid}, fields=BUDGET_FIELDS)
        if not documents:
            raise ExperimentDeleted(
                f"the experiment with the id {uid} is not in {self.url} any more: it was deleted"
            )
        return documents[0]

    def take_number(
        self, uid: Any, limit: float, max_trials: int | float | None
    ) -> dict[str, Any] | None:
        """Take the next number of an experiment, while it is below `limit`.

        Parameters
        ----------
        uid
            The experiment.
        limit
            How many numbers there may be: ``max_trials`` and the broken trials.
        max_trials
            The value of ``max_trials`` that `limit` was computed from. When it was
            changed meanwhile, nothing is taken.

        Returns
        -------
        The budget fields after it; the number is ``next_number - 1``. None if there is no
        number to take.
        """
        query: dict[str, Any] = {"_id": uid, "max_trials": max_trials}
        if limit != float("inf"):
            query["next_number"] = {"$lt": limit}
        # Losing this write in a power cut gives the number out again, and the unique
        # index on (experiment, number) keeps it from being used twice.
        return self.database.find_one_and_update(
            EXPERIMENTS,
            query,
            {"$inc": {"next_number": 1}},
            fields=BUDGET_FIELDS,
            durable=False,
        )

    def take_free_number(self, uid: Any, budget: Mapping[str, Any]) -> int | None:
        """Take a number that was handed back, if `budget` is still what is stored."""
        free: list[int] = sorted(budget.get("free_numbers") or [])
        if not free:
            return None
        unchanged = {
            "_id": uid,
            "free_numbers": budget["free_numbers"],
            "max_trials": budget.get("max_trials"),
        }
        taken = self.database.find_one_and_update(
            EXPERIMENTS, unchanged, {"$set": {"free_numbers": free[1:]}}, durable=False
        )
        return None if taken is None else free[0]

    def hand_back_number(self, uid: Any, number: int) -> None:
        """Give a number back that was not used."""
        self.database.update(
            EXPERIMENTS, {"_id": uid}, {"$addToSet": {"free_numbers": number}}, durable=False
        )

    # --- trials: coming into being -------------------------------------------------------------

    def register_trial(
        self,
        trial: Trial,
        status: str = "new",
        worker: str | None = None,
        *,
        durable: bool = True,
    ) -> Trial:
        """Store a new trial; with the status ``reserved`` it belongs to `worker` at once.

        Parameters
        ----------
        trial
            The trial.
        status
            Its status. Default ``'new'``.
        worker
            Id of the worker that owns it, if it is reserved.
        durable
            False if nobody needs the trial after a power cut of the machine of `worker`.
            Where nothing but that can lose it, it then gets to the disk with the next write
            that must, at the latest with its results. Default True.

        Raises
        ------
        DuplicateKeyError
            If the experiment has a trial with the same id, or with the same number.
        """
        validate_status(status)
        now = datetime.now(timezone.utc)
        stamped: dict[str, Any] = {"submit_time": NOW}
        trial.status, trial.submit_time = status, now
        if status == "reserved":
            trial.worker, trial.attempt = worker, 1
            trial.start_time = trial.heartbeat = now
            stamped |= {"start_time": NOW, "heartbeat": NOW}
        if status == "completed":
            trial.end_time = now
            stamped |= {"start_time": NOW, "end_time": NOW}
        document = {**trial.to_dict(), **stamped}
        for unset in ("_id", "change") if trial._id is None else ("change",):
            document.pop(unset, None)
        durable = durable or not self.database.shares_fate
        trial._id = self.database.insert(TRIALS, document, durable=durable)
        return trial

    def register_trials(self, trials: Iterable[Trial]) -> None:
        """Store many trials as they are, with their status and times, in one write."""
        documents = []
        for trial in trials:
            document = trial.to_dict()
            document.pop("change", None)
            if document["_id"] is None:
                del document["_id"]
            documents.append(document)
        self.database.insert_many(TRIALS, documents)

    # --- trials: leases ------------------------------------------------------------------------

    def reserve_trial(
        self, uid: Any, worker: str, lost_threshold: float | None = None
    ) -> Trial | None:
        """Reserve a waiting trial or, if there is none, a lost one.

        Of the suspended trials, those that were stopped early are left alone.

        Parameters
        ----------
        uid
            The experiment.
        worker
            Id of the worker that will own the trial.
        lost_threshold
            See :meth:`reserve_lost_trial`. None does not look for lost trials.

        Returns
        -------
        The trial, owned by `worker`, or None.
        """
        trial = self._reserve({"experiment": uid, "status": {"$in": list(_FRESH)}}, worker)
        if trial is None:
            suspended = {"experiment": uid, "status": "suspended", "stopped": {"$ne": True}}
            trial = self._reserve(suspended, worker)
        if trial is None and lost_threshold is not None:
            trial = self.reserve_lost_trial(uid, worker, lost_threshold)
        return trial

    def reserve_lost_trial(
        self, uid: Any, worker: str, lost_threshold: float, seen_alive: Sequence[Any] = ()
    ) -> Trial | None:
        """Reserve a trial whose worker gave no heartbeat for `lost_threshold` seconds.

        Those in `seen_alive` (``_id``) are left alone: a file database has no clock of its
        own, and that of their worker's host may be behind.
        """
        lost = {
            "experiment": uid,
            **({"_id": {"$nin": list(seen_alive)}} if seen_alive else {}),
            "status": "reserved",
            "$or": [
                {"heartbeat": {"$lt": Ago(lost_threshold)}},
                {"heartbeat": {"$gt": Ago(-lost_threshold)}},  # by a clock that was ahead
                {"heartbeat": None},
            ],
        }
        return self._reserve(lost, worker)

    def reserve_this_trial(self, trial: Trial, worker: str) -> Trial | None:
        """Reserve exactly the waiting trial given, or return None if that cannot be."""
        query = {"_id": trial._id, "status": {"$in": list(WAITING_STATUSES)}}
        return self._reserve(query, worker)

    def take_over_trial(self, trial: Trial, worker: str) -> Trial | None:
        """Reserve the trial of a worker known to be dead, unless another did so first."""
        return self._reserve(self._owned(trial), worker)

    def _reserve(self, query: Mapping[str, Any], worker: str) -> Trial | None:
        update: dict[str, dict[str, Any]] = {
            "$set": {"status": "reserved", "worker": worker, "heartbeat": NOW, "reason": None},
            "$inc": {"attempt": 1},
        }
        document = self.database.find_one_and_update(TRIALS, query, update, sort=[("number", 1)])
        if document is None:
            return None
        if document.get("start_time") is None:
            document = (
                self.database.find_one_and_update(
                    TRIALS,
                    {"_id": document["_id"], "start_time": None},
                    {"$set": {"start_time": NOW}},
                    durable=False,
                )
                or document
            )
        return Trial.from_document(document)

    @staticmethod
    def _owned(trial: Trial) -> dict[str, Any]:
        return {
            "_id": trial._id,
            "status": "reserved",
            "worker": trial.worker,
            "attempt": trial.attempt,
        }

    def heartbeat(self, trial: Trial) -> bool:
        """Say that the worker of a trial is alive; return whether the trial is still its own."""
        update = {"$set": {"heartbeat": NOW}}
        return self.database.update(TRIALS, self._owned(trial), update, durable=False) > 0

    def complete_trial(
        self, trial: Trial, results: Sequence[Result], *, durable: bool = True
    ) -> Trial:
        """Store the results of a trial and make it completed.

        A worker whose trial was released or lost meanwhile still delivers its result
        as long as nobody took the trial over.

        Parameters
        ----------
        trial
            The trial, as its owner has it.
        results
            What it came to.
        durable
            False if the worker sees to it, by :meth:`Database.begin_sync`, that a power cut of
            its machine cannot lose the results; where anything else could, they are durable
            anyway. Default True.

        Raises
        ------
        InvalidResult
            If the results hold no valid objective; the trial is left as it was.
        LeaseLost
            If another worker owns or finished the trial. The result is kept in the
            ``late_results`` of the trial.
        AlreadyReleased
            If this worker has completed the trial already.
        TrialNotFound
            If the trial was deleted.
        """
        kept = [result for result in results if result.type != "lie"]
        if kept:
            validate_results(kept)
        stored = [result.to_dict() for result in kept]
        changes = {"status": "completed", "results": stored, "end_time": NOW, "heartbeat": NOW}
        document = self.database.find_one_and_update(
            TRIALS,
            self._owned(trial),
            {"$set": {**changes, "reason": None}},
            fields=_FOLLOWED,
            durable=durable or not self.database.shares_fate,
        )
        if document is None:
            document = self._complete_late(trial, changes)
        self._refresh(trial, document)
        return trial

    def _complete_late(self, trial: Trial, changes: Mapping[str, Any]) -> dict[str, Any]:
        still_open = {
            "_id": trial._id,
            "status": {"$in": list(WAITING_STATUSES)},
            "attempt": trial.attempt,
        }
        document = self.database.find_one_and_update(
            TRIALS, still_open, {"$set": {**changes, "worker": trial.worker}}, fields=_FOLLOWED
        )
        if document is not None:
            return document
        current = self._current(trial)
        if (current.status, current.worker, current.attempt) == (
            "completed",
            trial.worker,
            trial.attempt,
        ):
            raise AlreadyReleased(f"trial {trial.id} is completed already")
        late = {
            "worker": trial.worker,
            "attempt": trial.attempt,
            "time": datetime.now(timezone.utc),
            "results": changes["results"],
        }
        same_lease = {"worker": trial.worker, "attempt": trial.attempt}
        once = {"_id": trial._id, "late_results": {"$not": {"$elemMatch": same_lease}}}
        self.database.update(TRIALS, once, {"$push": {"late_results": late}})
        raise LeaseLost(
            f"trial {trial.id} is {current.status} by worker {current.worker} "
            f"(attempt {current.attempt}, this was attempt {trial.attempt}): "
            "the result came too late and was kept in its late_results"
        )

    def release_trial(
        self, trial: Trial, status: str = "interrupted", reason: str | None = None
    ) -> Trial:
        """Give a reserved trial up without results.

        Parameters
        ----------
        trial
            The trial, as its owner has it.
        status
            ``interrupted``, ``suspended`` or ``broken``. Default ``'interrupted'``.
        reason
            Why, for people.

        Raises
        ------
        ValueError
            If a reserved trial cannot get this status.
        AlreadyReleased
            If the trial is not reserved any more.
        LeaseLost
            If another worker owns the trial now.
        TrialNotFound
            If the trial was deleted.
        """
        validate_status(status)
        if "reserved" not in sources_of(status, OWNER) or status == "completed":
            raise ValueError(
                f"a trial cannot be released as {status!r}; "
                "it must be one of interrupted, suspended, broken"
            )
        changes: dict[str, Any] = {"status": status, "reason": reason}
        if status in _STATUSES_WITH_END:
            changes["end_time"] = NOW
        return self._give_up(trial, changes | _not_for_good(status))

    def stop_trial(self, trial: Trial, reason: str, results: Sequence[Result] = ()) -> Trial:
        """Give a reserved trial up early and for good: it is suspended, and counts as done.

        Parameters
        ----------
        trial
            The trial, as its owner has it.
        reason
            Why, for people.
        results
            What it had come to. Default: nothing.

        Raises
        ------
        AlreadyReleased, LeaseLost, TrialNotFound
            See :meth:`release_trial`.
        """
        stored = [result.to_dict() for result in results]
        changes = {"status": "suspended", "reason": reason, "results": stored, "stopped": True}
        return self._give_up(trial, {**changes, "end_time": NOW})

    def _give_up(self, trial: Trial, changes: Mapping[str, Any]) -> Trial:
        document = self.database.find_one_and_update(
            TRIALS, self._owned(trial), {"$set": changes}, fields=_FOLLOWED
        )
        if document is None:
            current = self._current(trial)
            if current.status != "reserved":
                raise AlreadyReleased(
                    f"trial {trial.id} is not reserved any more, but {current.status}"
                )
            raise LeaseLost(f"trial {trial.id} is reserved by worker {current.worker} now")
        self._refresh(trial, document)
        return trial

    def _current(self, trial: Trial) -> Trial:
        documents = self.database.find(TRIALS, {"_id": trial._id}, limit=1)
        if trial._id is None or not documents:
            raise TrialNotFound(f"trial {trial.id} is not in {self.url}: it was deleted")
        return Trial.from_document(documents[0])

    @staticmethod
    def _refresh(trial: Trial, document: Mapping[str, Any]) -> None:
        """Bring the object that the user holds in step with what was stored."""
        for name in ("worker", "reason", "start_time", "end_time", "heartbeat", "change"):
            setattr(trial, name, document.get(name))
        trial.status = document["status"]
        trial.attempt = document.get("attempt") or 0
        trial.stopped = bool(document.get("stopped"))
        trial._results = [Result.from_document(item) for item in document.get("results") or ()]

    # --- trials: what users do -----------------------------------------------------------------

    def set_trial_status(self, trial: Trial, status: str, reason: str | None = None) -> None:
        """Change the status of a trial by hand, as far as the state table allows it.

        Raises
        ------
        FailedUpdate
            If the trial's status cannot be changed to `status` by a user.
        """
        validate_status(status)
        sources = sources_of(status, USER)
        changes = {"status": status, "reason": reason, **_not_for_good(status)}
        if status == "new":
            changes["end_time"] = None
        updated = self.database.find_one_and_update(
            TRIALS, {"_id": trial._id, "status": {"$in": list(sources)}}, {"$set": changes}
        )
        if updated is None:
            current = self._current(trial)
            allowed = ", ".join(sources) or "no status"
            raise FailedUpdate(
                f"trial {trial.id} is {current.status}; only trials that are {allowed} "
                f"can be made {status}"
            )
        self._refresh(trial, updated)

    def correct_objective(self, trial: Trial, value: float) -> None:
        """Correct the objective of a completed trial by hand; the trace is kept.

        What was stored before is added to the ``corrections`` of the trial, with the time.
        Workers read all trials anew, so that their algorithms forget the wrong value.

        Raises
        ------
        InvalidResult
            If the value is not a finite number.
        FailedUpdate
            If the trial is not completed, or somebody else corrected it at this moment.
        TrialNotFound
            If the trial was deleted.
        """
        document = next(iter(self.database.find(TRIALS, {"_id": trial._id}, limit=1)), None)
        if document is None or document["status"] != "completed":
            current = self._current(trial)
            raise FailedUpdate(
                f"trial {trial.id} is {current.status}; only completed trials have an objective"
            )
        before, trace = document["results"], document.get("corrections") or []
        first = next(n for n, result in enumerate(before) if result["type"] == "objective")
        results = [{**r, "value": value} if n == first else r for n, r in enumerate(before)]
        Trial(params=trial._params, results=[Result.from_document(item) for item in results])
        query: dict[str, Any] = {"_id": trial._id, "status": "completed"}
        query["corrections"] = {"$size": len(trace)} if trace else {"$exists": False}
        correction = {"time": datetime.now(timezone.utc), "results": before}
        changes: dict[str, dict[str, Any]] = {
            "$set": {"results": results},
            "$push": {"corrections": correction},
        }
        updated = self.database.find_one_and_update(TRIALS, query, changes)
        if updated is None:
            raise FailedUpdate(f"trial {trial.id} was changed by somebody else; look at it again")
        self.database.update(EXPERIMENTS, {"_id": document["experiment"]}, _READ_ANEW)
        self._refresh(trial, updated)

    def delete_trials(self, uid: Any, where: Mapping[str, Any] | None = None) -> int:
        """Delete the trials of an experiment that match `where`, except reserved ones.

        Returns
        -------
        How many were deleted.

        Raises
        ------
        UnsupportedOperation
            If `where` asks for reserved trials only.
        """
        deletable = list(sources_of(None, USER))
        query: dict[str, Any] = {**(where or {}), "experiment": uid}
        if query.get("status") == "reserved":
            raise UnsupportedOperation(
                "reserved trials cannot be deleted, since workers are running them; "
                "release them first (status interrupted)"
            )
        query = {"$and": [query, {"status": {"$in": deletable}}]}
        found = {doc["_id"]: doc for doc in self.database.find(TRIALS, query, fields=["number"])}
        if not found:
            return 0
        # Should this process be killed after the removal, ledgers read anew all the same.
        self.database.update(EXPERIMENTS, {"_id": uid}, _READ_ANEW)
        deleted = self.database.remove(TRIALS, query)
        if deleted:
            numbers = {doc["number"] for doc in found.values() if doc.get("number") is not None}
            self._free_numbers_of_deleted(uid, numbers)
            left = self.database.find(TRIALS, {"_id": {"$in": list(found)}}, fields=["_id"])
            gone = found.keys() - {doc["_id"] for doc in left}
            for belongings in OF_TRIALS:
                query = {"experiment": uid, "trial": {"$in": list(gone)}}
                self.database.remove(belongings, query)
        return deleted

    def _free_numbers_of_deleted(self, uid: Any, numbers: set[int]) -> None:
        """Give the numbers back, and tell ledgers to read anew."""
        updated = None
        while updated is None:
            budget = self.fetch_budget(uid)
            if "free_numbers" not in budget:  # Oríon's, which has no numbers
                self.database.update(EXPERIMENTS, {"_id": uid}, _READ_ANEW)
                return
            free = budget["free_numbers"]
            back = {"$set": {"free_numbers": sorted({*free, *numbers})}}
            updated = self.database.find_one_and_update(
                EXPERIMENTS, {"_id": uid, "free_numbers": free}, _READ_ANEW | back
            )

    # --- trials: reading -----------------------------------------------------------------------

    def fetch_trials(
        self,
        uid: Any,
        where: Mapping[str, Any] | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Trial]:
        """Return the trials of an experiment that match `where`, in order of suggestion."""
        query = {**(where or {}), "experiment": uid}
        documents = self.database.find(TRIALS, query, fields=fields)
        trials = Trial.build(documents)
        trials.sort(key=lambda t: (t.submit_time is not None, t.submit_time, t.number or 0))
        return trials

    def fetch_trials_of(
        self, uids: Sequence[Any], where: Mapping[str, Any] | None = None
    ) -> list[Trial]:
        """Return the trials of several experiments that match `where`, with one query."""
        query = {**(where or {}), "experiment": {"$in": list(uids)}}
        return Trial.build(self.database.find(TRIALS, query))

    def get_trial(self, uid: Any, trial_id: str) -> Trial | None:
        """Return the trial of an experiment with this id, or None."""
        documents = self.database.find(TRIALS, {"experiment": uid, "id": trial_id}, limit=1)
        return Trial.from_document(documents[0]) if documents else None

    def fetch_results(self, uids: Sequence[Any]) -> dict[Any, list[list[dict[str, Any]]]]:
        """Return the documents of the results of all completed trials of each experiment."""
        query = {"experiment": {"$in": list(uids)}, "status": "completed"}
        results: dict[Any, list[list[dict[str, Any]]]] = {uid: [] for uid in uids}
        for document in self.database.find(TRIALS, query, fields=["experiment", "results"]):
            results[document["experiment"]].append(document.get("results") or [])
        return results

    def count_each_by_status(self, uids: Sequence[Any]) -> dict[Any, dict[str, int]]:
        """Return how many trials of each experiment have each status that occurs."""
        return self.database.count_by_each(TRIALS, "status", "experiment", uids)

    def count_by_status(self, uid: Any) -> dict[str, int]:
        """Return how many trials of an experiment have each status that occurs."""
        return self.database.count_by(TRIALS, "status", {"experiment": uid})

    def changed_trials(self, uid: Any, since: Any) -> tuple[Sequence[dict[str, Any]], Any]:
        """Return the trial documents stored since a token, read-only, and the next token.

        They are those of one experiment, or of a list of them.
        """
        return self.database.changes(TRIALS, uid, since)


def _not_for_good(status: str) -> dict[str, bool]:
    """Return what tells a trial that is suspended for a time from one that was stopped."""
    return {"stopped": False} if status == "suspended" else {}


def _mark(experiment: Mapping[str, Any]) -> str:
    """Return what tells the trials that an experiment starts from, empty without any."""
    return str((experiment.get("warm_start") or {}).get("mark") or "")
