"""The user's view of an experiment: suggest, observe, insert, execute, look."""

from __future__ import annotations

import logging
import os
import signal
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from orion_like.algo import Algorithm
from orion_like.client.chosen_executor import ChosenExecutor
from orion_like.client.leases import Leases
from orion_like.client.metric_frame import metric_frame
from orion_like.client.suggested_trial import SuggestedTrial
from orion_like.client.trial_frame import trial_frame
from orion_like.client.version_node import VersionNode
from orion_like.config import Settings, load_settings
from orion_like.errors import (
    ConfigurationError,
    DuplicateKeyError,
    FailedUpdate,
    MissingArguments,
    ObjectiveError,
    OrionLikeError,
    TrialNotFound,
)
from orion_like.experiment import Experiment, ExperimentStats, Producer
from orion_like.experiment.checking import checked_duration, checked_limit
from orion_like.experiment.fleet import Worker, fetch_fleet
from orion_like.experiment.versions import Family
from orion_like.space import Space
from orion_like.storage import Storage, new_worker_id
from orion_like.storage.checkpoints import COMPLETED, STATES, Checkpoint, fetch_checkpoints
from orion_like.storage.metrics import Report, fetch_reports
from orion_like.storage.workers import WorkerRecord
from orion_like.trial import WAITING_STATUSES, Trial, is_number, nest, validate_status
from orion_like.version import __version__
from orion_like.worker.executor import BaseExecutor
from orion_like.worker.heartbeat import Heartbeat
from orion_like.worker.live_trial import LiveTrial
from orion_like.worker.loop import Limits, Progress, WorkerLoop
from orion_like.worker.presence import Presence
from orion_like.worker.report_desk import ReportDesk
from orion_like.worker.signals import StopRequested
from orion_like.worker.working_dir import WorkingDirectory, prepare_trial_directory

if TYPE_CHECKING:
    import pandas

    from orion_like.plotting.base import PlotAccessor

logger = logging.getLogger(__name__)

_RETRIABLE = ("broken", "interrupted")
BEATS_PER_THRESHOLD = 4  # heartbeats that may be missed before a trial counts as lost


def prepare_trial_working_dir(client: ExperimentClient, trial: Trial) -> None:
    """Make the working directory of a trial, from a copy of its parent's if it has one."""
    trial.exp_working_dir = client.directory.path
    prepare_trial_directory(trial)


class ExperimentClient:
    """Works with one experiment; any number of clients may do so at the same time.

    Parameters
    ----------
    experiment
        The experiment.
    executor
        What runs the functions of :meth:`workon`, or its name. By default what the
        settings say.
    heartbeat
        Seconds after which, twice over, a trial without a sign of life is given to
        another worker. By default what the settings say.
    settings
        Settings of the worker.

    Examples
    --------
    >>> from orion_like.client import build_experiment
    >>> client = build_experiment("demo", space={"x": "uniform(0, 1)"}, storage="memory://",
    ...                           algorithm="random", max_trials=2, seed=1)
    >>> with client.suggest() as trial:
    ...     client.observe(trial, trial.params["x"] ** 2)
    >>> client.workon(lambda x: x**2)
    1
    >>> client.is_done, client.stats.trials_completed
    (True, 2)
    """

    def __init__(
        self,
        experiment: Experiment,
        executor: str | BaseExecutor | None = None,
        heartbeat: float | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._experiment = experiment
        self._settings = load_settings() if settings is None else settings
        self._executor = ChosenExecutor(self._settings, executor)
        self.heartbeat = _checked_heartbeat(
            self._settings["worker.heartbeat"] if heartbeat is None else heartbeat
        )
        threshold = self._settings["worker.lost_threshold"] if heartbeat is None else None
        self.lost_threshold = float(threshold or 2 * self.heartbeat)
        self.directory = WorkingDirectory(
            experiment.working_dir, f"{experiment.name}-v{experiment.version}"
        )
        self._start_in_this_process()

    def _start_in_this_process(self) -> None:
        self._pid = os.getpid()
        self.worker = new_worker_id()
        self._producer = Producer(self._experiment, self.worker, self.lost_threshold)
        self._heartbeat = Heartbeat(self.storage, self.lost_threshold / BEATS_PER_THRESHOLD)
        host = self._settings["worker.report_host"]
        self._desk = ReportDesk(self._experiment, host=host)
        self._leases = Leases(self._experiment, self._heartbeat, self._desk)
        # At the end of the process, and when the client is forgotten, nothing stays behind.
        self._finalizer = weakref.finalize(self, _leave, self._pid, self._leases, self.directory)

    def _here(self) -> ExperimentClient:
        """Become a worker of one's own after a fork: trials held belong to the parent."""
        if self._pid != os.getpid():
            self._finalizer.detach()
            self._start_in_this_process()
        return self

    # --- what it is ----------------------------------------------------------------------------

    @property
    def experiment(self) -> Experiment:
        """The experiment itself."""
        return self._experiment

    @property
    def storage(self) -> Storage:
        """Where the experiment lives."""
        return self._experiment.storage

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self._experiment.name

    @property
    def id(self) -> Any:
        """Identity of the experiment in its database."""
        return self._experiment.id

    @property
    def version(self) -> int:
        """Version of the experiment."""
        return self._experiment.version

    @property
    def mode(self) -> str:
        """``'r'``, ``'w'`` or ``'x'``: what the experiment was opened for."""
        return self._experiment.mode

    @property
    def max_trials(self) -> int | None:
        """How many completed trials there shall be; None without a limit. May be set."""
        return self._experiment.max_trials

    @max_trials.setter
    def max_trials(self, max_trials: float | None) -> None:
        self._experiment.require("w")
        self._experiment.update(max_trials=checked_limit(max_trials, "max_trials"))

    @property
    def max_broken(self) -> int | None:
        """How many trials may break; None without a limit. May be set."""
        return self._experiment.max_broken

    @max_broken.setter
    def max_broken(self, max_broken: float | None) -> None:
        self._experiment.require("w")
        self._experiment.update(max_broken=checked_limit(max_broken, "max_broken"))

    @property
    def max_duration(self) -> float | None:
        """For how many seconds after the first one trials are started; None: any. May be set."""
        return self._experiment.max_duration

    @max_duration.setter
    def max_duration(self, seconds: float | None) -> None:
        self._experiment.require("w")
        self._experiment.set_max_duration(checked_duration(seconds, "max_duration"))

    @property
    def metadata(self) -> dict[str, Any]:
        """Who made the experiment, when, and with what."""
        return self._experiment.metadata

    @property
    def space(self) -> Space:
        """What is searched."""
        return self._experiment.space

    @property
    def algorithm(self) -> Algorithm:
        """What chooses the next point."""
        return self._experiment.algorithm

    @property
    def producer(self) -> Producer:
        """What reserves trials for this client, and makes new ones."""
        return self._here()._producer

    @property
    def refers(self) -> dict[str, Any]:
        """Root and parent of this version."""
        return self._experiment.refers

    @property
    def node(self) -> VersionNode:
        """The version among all that come from the same root, as the database has them now."""
        family = Family.fetch(self.storage, self._experiment.configuration)
        return VersionNode(self.storage, family, self.id)

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that defines the experiment, as stored."""
        return self._experiment.configuration

    @property
    def working_dir(self) -> str:
        """Directory below which trials work; empty for a temporary one. May be set."""
        return self._experiment.working_dir

    @working_dir.setter
    def working_dir(self, path: str) -> None:
        self._experiment.working_dir = path
        self.directory.close()
        self.directory = WorkingDirectory(path, f"{self.name}-v{self.version}")

    @property
    def is_done(self) -> bool:
        """Whether there will be no more trials."""
        return self._experiment.is_done

    @property
    def state(self) -> str:
        """What was decided for all workers: ``active``, ``paused`` or ``stopping``."""
        self._experiment.refresh()
        return self._experiment.state

    def pause(self) -> None:
        """Have no worker start a trial until :meth:`resume`; all of them follow within a second.

        Trials that run go on to their end. Workers wait, without giving up.
        """
        self._decide("paused")

    def resume(self) -> None:
        """Have workers go on after :meth:`pause`, or let new ones begin after :meth:`stop`."""
        self._decide("active")

    def stop(self) -> None:
        """Have every worker end when its running trials have ended; nothing is lost."""
        self._decide("stopping")

    def _decide(self, state: str) -> None:
        self._experiment.require("w")
        self._experiment.update(state=state)

    @property
    def is_broken(self) -> bool:
        """Whether too many trials broke."""
        return self._experiment.is_broken

    @property
    def stats(self) -> ExperimentStats:
        """Progress of the experiment."""
        return self._experiment.stats

    def fetch_stats(self, with_evc_tree: bool = False) -> ExperimentStats:
        """Return the progress of the experiment.

        Parameters
        ----------
        with_evc_tree
            Whether trials of other versions count that this one sees, see :meth:`fetch_trials`.
            Default False.
        """
        return self._experiment.stats_with_evc_tree() if with_evc_tree else self.stats

    @property
    def plot(self) -> PlotAccessor:
        """Figures of the experiment: ``client.plot.regret()``, ``client.plot(kind="lpi")``."""
        # The one way up: figures are made of clients, but users reach them from a client.
        from orion_like.plotting.base import PlotAccessor

        return PlotAccessor(self)

    # --- looking at trials ---------------------------------------------------------------------

    def fetch_trials(self, with_evc_tree: bool = False) -> list[Trial]:
        """Return all trials, in order of suggestion.

        Parameters
        ----------
        with_evc_tree
            Whether to return also the trials of the versions that this one was made from, and of
            those made from it, with the parameters that they have in this one. Default False.
        """
        return self._experiment.fetch_trials(with_evc_tree=with_evc_tree)

    def fetch_trials_by_status(self, status: str, with_evc_tree: bool = False) -> list[Trial]:
        """Return the trials that have `status`, in order of suggestion.

        Raises
        ------
        ValueError
            If there is no such status.
        """
        validate_status(status)
        return self._experiment.fetch_trials({"status": status}, with_evc_tree=with_evc_tree)

    def fetch_pending_trials(self, with_evc_tree: bool = False) -> list[Trial]:
        """Return the trials that wait for a worker, in order of suggestion."""
        waiting = {"status": {"$in": list(WAITING_STATUSES)}}
        found = self._experiment.fetch_trials(waiting, with_evc_tree=with_evc_tree)
        return [trial for trial in found if not trial.is_stopped]

    def fetch_noncompleted_trials(self, with_evc_tree: bool = False) -> list[Trial]:
        """Return the trials that are not completed, in order of suggestion."""
        unfinished = {"status": {"$ne": "completed"}}
        return self._experiment.fetch_trials(unfinished, with_evc_tree=with_evc_tree)

    def get_trial(self, trial: Trial | None = None, uid: str | None = None) -> Trial | None:
        """Return a trial as it is stored now, or None.

        Parameters
        ----------
        trial
            The trial.
        uid
            Or its id.

        Raises
        ------
        MissingArguments
            If neither is given.
        AssertionError
            If they are not the same.
        """
        trial_id = uid if trial is None else trial.id
        if trial_id is None:
            raise MissingArguments("get_trial needs a trial or the uid of one")
        if uid not in (None, trial_id):
            raise AssertionError(f"the trial has the id {trial_id}, but uid is {uid}")
        return self._experiment.get_trial(trial_id)

    def to_pandas(self, with_evc_tree: bool = False) -> pandas.DataFrame:
        """Return one row a trial: id, status, times, objective, and the dimensions.

        With several objectives, each has a column ``objective.NAME`` too; with outcome
        constraints, each has a column ``constraint.NAME``, and the columns ``feasible`` and
        ``violation`` say of completed trials whether and by how much they miss them in all.

        Raises
        ------
        OrionLikeError
            If pandas is not installed.
        """
        return trial_frame(
            self.fetch_trials(with_evc_tree),
            self.space,
            self._experiment.declared_objectives,
            self._experiment.declared_constraints,
        )

    def fetch_metrics(self, trial: Trial | None = None, group: str | None = None) -> list[Report]:
        """Return what trials reported while they ran, by trial, group and step.

        Of a trial that was begun anew, the reports that the new attempt replaced are left out.

        Parameters
        ----------
        trial
            Only of this trial. Default: of all.
        group
            Only of this group, such as ``'validation'``. Default: all.
        """
        self._here()._desk.flush()  # what this client's own trials have just reported is there
        trials = None if trial is None else [trial._id]
        return fetch_reports(self.storage.database, self.id, trials, group)

    def fetch_checkpoints(
        self, trial: Trial | None = None, *, deleted: bool = False
    ) -> list[Checkpoint]:
        """Return the checkpoints that trials saved, by trial and step.

        Parameters
        ----------
        trial
            Only of this trial. Default: of all.
        deleted
            Whether to return those, too, whose files were deleted. Default False.
        """
        self._here()._desk.flush()
        uid = None if trial is None else trial._id
        states = STATES if deleted else (COMPLETED,)
        return fetch_checkpoints(self.storage.database, self.id, uid, states)

    def metrics_to_pandas(
        self, trial: Trial | None = None, group: str | None = None
    ) -> pandas.DataFrame:
        """Return one row a report, with a column ``values.NAME`` for each value.

        Parameters
        ----------
        trial, group
            See :meth:`fetch_metrics`.

        Raises
        ------
        OrionLikeError
            If pandas is not installed.
        """
        trials = {found._id: found for found in self._experiment.fetch_trials()}
        return metric_frame(trials, self.fetch_metrics(trial, group))

    @property
    def best_trial(self) -> Trial | None:
        """The best trial by the first objective, or None.

        It is the best feasible one or, until there is one, the least infeasible.
        """
        best = self.stats.best_trials_id
        return None if best is None else self.get_trial(uid=best)

    def pareto_front(self) -> list[Trial]:
        """Return the feasible trials that no other one beats in all objectives.

        Of trials with equal objectives, the first is returned. The best in the first objective
        comes first. With one objective that is all there is.
        """
        stats = self.stats
        ids: Sequence[str | None] = (stats.best_trials_id,) if stats.best_is_feasible else ()
        if stats.pareto_front is not None:
            ids = stats.pareto_front.trial_ids
        trials = self._experiment.fetch_trials({"id": {"$in": list(ids)}})
        return sorted(trials, key=lambda trial: ids.index(trial.id))

    def hypervolume(self, reference_point: Sequence[float] | None = None) -> float:
        """Return the volume that the Pareto front dominates.

        Parameters
        ----------
        reference_point
            The worst value of each objective that still counts, in the order of declaration.
            Default: what the objectives declare, else the worst along the front and a tenth of
            its extent beyond; the front has it as ``stats.pareto_front.reference_point``.

        Raises
        ------
        ObjectiveError
            If the experiment has only one objective, or the reference point is not one number
            for each.
        """
        front = self.stats.pareto_front
        if front is None:
            raise ObjectiveError(
                f"experiment {self.name!r} has one objective; a hypervolume needs several"
            )
        return (
            front.hypervolume if reference_point is None else front.hypervolume_to(reference_point)
        )

    # --- one trial at a time -------------------------------------------------------------------

    def suggest(self, pool_size: int = 0) -> SuggestedTrial:
        """Return a trial to evaluate, reserved for this client.

        Parameters
        ----------
        pool_size
            How many new trials to register at once when a new one is needed; the others
            wait for whoever comes next. By default what the settings say, else 1.

        Raises
        ------
        CompletedExperiment
            If there are no more trials to come.
        BrokenExperiment
            If too many trials broke.
        WaitingForTrials
            If nothing can be suggested until running trials finish.
        UnsupportedOperation
            If the experiment was not opened for executing.
        """
        self._experiment.require("x")
        self._here()
        trial = self._producer.acquire()
        self._leases.add(trial)
        for _ in range((pool_size or self._settings["worker.pool_size"] or 1) - 1):
            try:
                self._producer.produce("new")
            except OrionLikeError as nothing_more:
                logger.debug("pool: %s", nothing_more)
                break
        return self._suggested(trial)

    def _suggested(self, trial: Trial) -> SuggestedTrial:
        uuid, storage_url = self._experiment.uuid, self._experiment.checkpoint_storage
        trial.exp_working_dir = trial.exp_working_dir or self.working_dir or None
        # A population goes on from what is there; what is stored elsewhere is copied to there.
        if trial.in_population or storage_url:
            prepare_trial_working_dir(self, trial)
        listen = self._desk.open(trial).listen
        return SuggestedTrial.hand_out(trial, listen, uuid, storage_url, self._release)

    def observe(self, trial: Trial, results: Any, name: str = "objective") -> None:
        """Report the results of a trial, which completes it.

        Parameters
        ----------
        trial
            A trial that this client has reserved.
        results
            The objective, or a list of ``{"name", "type", "value"}``.
        name
            Name of the objective when `results` is a number. Default ``'objective'``.

        Raises
        ------
        InvalidResult
            If a declared objective is missing or not valid. The trial stays reserved and may be
            observed again.
        TrialNotFound
            If the trial is not in the database.
        FailedUpdate
            If the trial is not reserved by this client, or its reservation was lost.
        """
        self._experiment.require("x")
        checked = self._experiment.check_results(results, name)
        lease = self._here()._leases.lease_of(trial, "observed")
        self._desk.close(lease)
        try:
            self.storage.complete_trial(lease, checked)
        except (FailedUpdate, TrialNotFound):
            self._leases.discard(lease)
            raise
        self._leases.discard(lease)
        self._desk.keeper.trial_ended()
        self._mirror(lease, trial)

    @staticmethod
    def _mirror(lease: Trial, trial: Trial) -> None:
        fields = "_status", "_results", "reason", "stopped", "end_time", "heartbeat", "start_time"
        for field in fields:
            setattr(trial, field, getattr(lease, field))

    def release(self, trial: Trial, status: str = "interrupted") -> None:
        """Give a reserved trial up without results.

        Parameters
        ----------
        trial
            A trial that this client has reserved.
        status
            ``interrupted``, ``suspended`` or ``broken``. Default ``'interrupted'``. Unless it
            is broken, a trial that was told to stop is suspended for good, with what it reported
            as its result.

        Raises
        ------
        ValueError
            If a reserved trial cannot get this status. It stays reserved.
        AlreadyReleased
            If it is not reserved.
        FailedUpdate
            If another worker has reserved it.
        TrialNotFound
            If the trial is not in the database.
        """
        self._experiment.require("w")
        self._release(trial, status)

    def _release(
        self, trial: Trial, status: str, reason: str | None = None, gives_up: bool = False
    ) -> None:
        lease = self._here()._leases.lease_of(trial, "released")
        try:
            line = self._desk.close(lease)
            if gives_up or (line.was_told and status != "broken"):
                why = line.reason or reason or "stopped"
                self.storage.stop_trial(lease, why, line.results)
            else:
                self.storage.release_trial(lease, status, reason)
        except ValueError:
            raise
        except BaseException:
            self._leases.discard(lease)
            raise
        self._leases.discard(lease)
        self._desk.keeper.trial_ended()
        self._mirror(lease, trial)

    def reserve(self, trial: Trial) -> None:
        """Reserve a trial that waits.

        Raises
        ------
        FailedUpdate
            If another worker has it, or it does not wait.
        TrialNotFound
            If the trial is not in the database.
        """
        self._experiment.require("x")
        if trial in self._here()._leases:
            logger.warning("trial %s is reserved by this client already", trial.id)
            return
        current = self.storage.get_trial(self.id, trial.id)
        if current is None:
            raise TrialNotFound(f"trial {trial.id} is not in experiment {self.name!r}")
        reserved = self.storage.reserve_this_trial(current, self.worker)
        if reserved is None:
            raise FailedUpdate(
                f"trial {trial.id} cannot be reserved: it is {current.status}"
                + (f" by worker {current.worker}" if current.status == "reserved" else "")
            )
        self._leases.add(reserved)
        for field in ("_id", "worker", "attempt", "number", "submit_time"):
            setattr(trial, field, getattr(reserved, field))
        self._mirror(reserved, trial)

    def retry(self, trials: Sequence[Trial] | None = None) -> list[Trial]:
        """Have trials tried again that broke or were interrupted.

        They keep their numbers and parameters, count their attempts on, and are not counted as
        broken any more. The next free workers take them, as far as ``max_trials`` allows.

        Parameters
        ----------
        trials
            Which. Default: all that are broken.

        Returns
        -------
        Those that will be tried again; what others have done with the rest meanwhile stands.

        Raises
        ------
        FailedUpdate
            If a trial given is neither broken nor interrupted.
        """
        self._experiment.require("w")
        if trials is None:
            trials = self._experiment.fetch_trials({"status": "broken"})
        for trial in trials:
            if trial.status not in _RETRIABLE:
                raise FailedUpdate(
                    f"trial {trial.id} is {trial.status}; only trials that are "
                    f"{' or '.join(_RETRIABLE)} can be tried again"
                )
        retried = []
        for trial in trials:
            with suppress(FailedUpdate, TrialNotFound):
                before = f": {trial.reason}" if trial.reason else ""
                self.storage.set_trial_status(trial, "new", f"to be tried again{before}")
                retried.append(trial)
        return retried

    def fetch_workers(self) -> list[Worker]:
        """Return who is at work on the experiment now, and who died without saying so."""
        documents = [{"_id": self.id, "state": self.state}]
        return fetch_fleet(self.storage, documents, self.lost_threshold)

    def insert(
        self, params: Mapping[str, Any], results: Any = None, reserve: bool = False
    ) -> Trial:
        """Add a trial at a point of your choice.

        Parameters
        ----------
        params
            Values of the dimensions, nested if you like; defaults fill the others.
        results
            If given, the trial is completed with them.
        reserve
            Whether to reserve the trial for this client. Default False: it waits.

        Returns
        -------
        The trial.

        Raises
        ------
        ValueError
            If `results` and `reserve` are given both, or the point is not in the space.
        InvalidResult
            If there is no valid objective in `results`.
        DuplicateKeyError
            If there is a trial at this point already.
        """
        self._experiment.require("x" if reserve else "w")
        if results is not None and reserve:
            raise ValueError("a trial inserted with results cannot be reserved too")
        self._here()
        trial = self._experiment.new_trial(self.space.complete(params))
        status = "reserved" if reserve else "new"
        if results is not None:
            trial.results = self._experiment.check_results(results)
            status = "completed"
        if self.storage.get_trial(self.id, trial.id) is not None:
            raise DuplicateKeyError(self._duplicate(trial), ("experiment", "id"))
        trial.number = self._experiment.take_number_for_insertion()
        try:
            self.storage.register_trial(trial, status, self.worker if reserve else None)
        except DuplicateKeyError as error:
            self.storage.hand_back_number(self.id, trial.number)
            raise DuplicateKeyError(self._duplicate(trial), error.keys) from None
        if reserve:
            self._leases.add(trial)
            return self._suggested(trial)
        return trial

    def _duplicate(self, trial: Trial) -> str:
        return f"experiment {self.name!r} has a trial at {trial.params_repr()} already"

    # --- executing -----------------------------------------------------------------------------

    @property
    def executor(self) -> BaseExecutor:
        """What runs the functions of :meth:`workon`; made on first use."""
        return self._executor.current

    @contextmanager
    def tmp_executor(
        self, executor: str | BaseExecutor, **config: Any
    ) -> Iterator[ExperimentClient]:
        """Use another executor within a block.

        Parameters
        ----------
        executor
            The executor, or its name.
        **config
            Settings of the executor, when it is given by name.
        """
        with self._executor.replaced(executor, **config):
            yield self

    def workon(
        self,
        fct: Callable[..., Any],
        n_workers: int | None = None,
        pool_size: int = 0,
        max_trials: int | None = None,
        max_trials_per_worker: int | None = None,
        max_broken: int | None = None,
        trial_arg: str | None = None,
        on_error: Callable[..., Any] | None = None,
        prepare_trial: Callable[[ExperimentClient, Trial], Any] = prepare_trial_working_dir,
        idle_timeout: float | None = None,
        *,
        trial_timeout: float | None = None,
        retries: int | None = None,
        max_duration: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        **kwargs: Any,
    ) -> int:
        """Evaluate a function at trial after trial until nothing is left to do.

        Parameters
        ----------
        fct
            Called with `kwargs` and the parameters of a trial; returns the objective or a
            list of ``{"name", "type", "value"}``.
        n_workers
            How many trials run at the same time, in processes. By default what the
            settings say, else 1 in this process.
        pool_size
            Accepted for compatibility; new trials are made one by one, which keeps them
            as informed as possible.
        max_trials
            Stop at this many completed trials, if it is less than the experiment's.
        max_trials_per_worker
            Stop after this many trials here.
        max_broken
            Stop after this many broken trials here. By default what the settings say, else 3.
        trial_arg
            Name of the argument of `fct` that gets the trial itself.
        on_error
            Called with this client, the trial, the exception and the number of trials broken
            before. Returning False leaves the trial out of that number.
        prepare_trial
            Called with this client and each trial before it runs. By default makes the
            trial's working directory, if `fct` gets the trial and so can know of it.
        idle_timeout
            Seconds without anything to do after which to give up. By default what the
            settings say, else 60.
        trial_timeout
            Seconds that a trial may take. Default: no limit.
        retries
            How often a trial that broke is tried again. Default 0.
        max_duration
            Seconds after which no trial is started here any more; those that run then go on to
            their end. By default what the settings say, else no limit.
        on_progress
            Called with a :class:`~orion_like.worker.loop.Progress` after each trial.
        **kwargs
            More arguments of `fct`.

        Returns
        -------
        How many trials were executed here.

        Raises
        ------
        TypeError
            If `fct` cannot be called.
        BrokenExperiment
            If too many trials broke.
        InvalidResult
            If `fct` returned something that cannot be a result; that trial is broken.
        LazyWorkers
            If there was nothing to do for longer than `idle_timeout`.
        """
        del pool_size
        if not callable(fct):
            raise TypeError(f"workon needs a function, not {fct!r}")

        def call(trial: LiveTrial) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
            if trial_arg is not None or prepare_trial is not prepare_trial_working_dir:
                prepare_trial(self, trial)
            inputs = nest({**kwargs, **trial.flat_params})
            if trial_arg is not None:
                inputs[trial_arg] = trial
            return fct, (), inputs

        return self._execute(
            call, n_workers, max_trials, max_trials_per_worker, max_broken, on_error,
            idle_timeout, trial_timeout, retries, max_duration, on_progress,
        )  # fmt: skip

    def execute(
        self,
        function: Callable[[LiveTrial], Any],
        n_workers: int | None = None,
        max_trials: int | None = None,
        max_trials_per_worker: int | None = None,
        max_broken: int | None = None,
        on_error: Callable[..., Any] | None = None,
        idle_timeout: float | None = None,
        trial_timeout: float | None = None,
        retries: int | None = None,
        max_duration: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> int:
        """Do the same as :meth:`workon` with a function whose only argument is the trial."""

        def call(trial: LiveTrial) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
            prepare_trial_working_dir(self, trial)
            return function, (trial,), {}

        return self._execute(
            call, n_workers, max_trials, max_trials_per_worker, max_broken, on_error,
            idle_timeout, trial_timeout, retries, max_duration, on_progress,
        )  # fmt: skip

    def _execute(
        self,
        call: Callable[[LiveTrial], tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]],
        n_workers: int | None,
        max_trials: int | None,
        max_trials_per_worker: int | None,
        max_broken: int | None,
        on_error: Callable[..., Any] | None,
        idle_timeout: float | None,
        trial_timeout: float | None,
        retries: int | None,
        max_duration: float | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> int:
        self._experiment.require("x")
        self._here()

        def given(value: Any, key: str) -> Any:
            return self._settings[f"worker.{key}"] if value is None else value

        limits = Limits(
            max_trials_per_worker=given(max_trials_per_worker, "max_trials"),
            max_broken=given(max_broken, "max_broken"),
            idle_timeout=given(idle_timeout, "idle_timeout"),
            trial_timeout=given(trial_timeout, "trial_timeout"),
            retries=given(retries, "max_retries"),
            max_duration=given(max_duration, "max_duration"),
        )
        with self._executor.of_size(n_workers) as executor, self._capped(max_trials):
            loop = WorkerLoop(
                self._experiment,
                self._producer,
                executor,
                self._heartbeat,
                self._desk,
                call,
                limits,
                None if on_error is None else partial(on_error, self),
                on_progress,
            )
            record = WorkerRecord(
                worker=self.worker,
                experiment=self.id,
                version=__version__,
                n_workers=executor.n_workers,
                lost_threshold=self.lost_threshold,
            )
            try:
                with self._heartbeat.telling(Presence(self.storage.database, record)):
                    executed = loop.run()
                self._desk.keeper.finish()
                return executed
            except StopRequested as stop:
                if stop.signum != signal.SIGINT:
                    raise SystemExit(stop.exit_code) from None
                # Python ends with the exit code of an interrupt only for this very class.
                raise KeyboardInterrupt(str(stop)) from None
            finally:
                if not self._leases.trials:  # those may still report
                    self._desk.stop()

    @contextmanager
    def _capped(self, max_trials: int | None) -> Iterator[None]:
        ledger = self._experiment.ledger
        before, ledger.cap = ledger.cap, float("inf") if max_trials is None else max_trials
        try:
            yield
        finally:
            ledger.cap = before

    # --- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Give back what the client holds: its executor, its heartbeat, its directory.

        Raises
        ------
        FailedUpdate
            If trials are still reserved by this client.
        """
        held = self._here()._leases.trials
        if held:
            ids = ", ".join(trial.id for trial in held)
            raise FailedUpdate(f"release or observe the reserved trials first: {ids}")
        self._heartbeat.stop()
        self._desk.keeper.finish()
        self._desk.stop()
        self._producer.hand_back_number()
        self._executor.close()
        self.directory.close()

    def __enter__(self) -> ExperimentClient:
        return self

    def __exit__(self, *exc: object) -> None:
        if exc[0] is not None:
            _leave(self._pid, self._leases, self.directory)
        self.close()

    def __repr__(self) -> str:
        return f"Experiment(name={self.name}, version={self.version})"


def _checked_heartbeat(seconds: Any) -> float:
    if not is_number(seconds) or not seconds > 0:
        raise ConfigurationError(f"heartbeat must be a number of seconds > 0, not {seconds!r}")
    return float(seconds)


def _leave(pid: int, leases: Leases, directory: WorkingDirectory) -> None:
    """Leave nothing behind of a client that is going away, unless it is a parent's after a fork."""
    if pid == os.getpid():
        leases.give_up()
        directory.close()
