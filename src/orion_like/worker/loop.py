"""The loop of a worker: acquire a trial, execute it, report it, until nothing is left."""

from __future__ import annotations

import json
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Any, TypeVar

from orion_like.errors import (
    AlreadyReleased,
    BrokenExperiment,
    CompletedExperiment,
    ConfigurationError,
    DatabaseError,
    DatabaseTimeout,
    ExecutorWorkerLost,
    ExperimentDeleted,
    InvalidResult,
    LazyWorkers,
    LeaseLost,
    NonFiniteResult,
    OrionLikeError,
    PausedExperiment,
    TrialInterrupted,
    TrialNotFound,
    TrialStopped,
    TrialTimeout,
    WaitingForTrials,
)
from orion_like.experiment.experiment import Experiment
from orion_like.experiment.producer import Producer
from orion_like.experiment.statistics import ExperimentStats
from orion_like.trial import Result, Trial, is_number
from orion_like.worker.executor import AsyncException, AsyncResult, BaseExecutor, Future
from orion_like.worker.heartbeat import Heartbeat
from orion_like.worker.live_trial import LiveTrial
from orion_like.worker.report_desk import ReportDesk, ReportLine
from orion_like.worker.signals import StopRequested, StopSignals

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.01  # seconds
LONGEST_PAUSE = 0.5  # seconds; what others change is seen within a second
OUTAGE_PATIENCE = 300.0  # seconds for which the database may be away until a worker gives up
REASON_LENGTH = 2000  # characters
# Attempts after which a trial is to blame that what ran it was lost; on the worker of a cluster
# that one trial kills others are lost with it.
MAX_LOSSES = 5

T = TypeVar("T")

OnError = Callable[[Trial, BaseException, int], Any]


@dataclass(frozen=True)
class Limits:
    """When a worker stops, beyond the limits of the experiment.

    Parameters
    ----------
    max_trials_per_worker
        Trials that this worker executes at most; None without a limit.
    max_broken
        Trials that may break in this worker; None without a limit.
    idle_timeout
        Seconds without anything to do after which the worker gives up.
    trial_timeout
        Seconds that a trial may take; None without a limit.
    retries
        How often a trial that broke is tried again.
    max_duration
        Seconds of the run after which no trial is started any more; None without a limit.
    """

    max_trials_per_worker: float | None = None
    max_broken: float | None = None
    idle_timeout: float = 60.0
    trial_timeout: float | None = None
    retries: int = 0
    max_duration: float | None = None

    def __post_init__(self) -> None:
        if self.trial_timeout is not None and not _is_from(self.trial_timeout, 0, above=True):
            raise ConfigurationError(
                f"trial_timeout must be a number of seconds > 0, not {self.trial_timeout!r}"
            )
        if self.max_duration is not None and not _is_from(self.max_duration, 0, above=True):
            raise ConfigurationError(
                f"max_duration must be a number of seconds > 0, not {self.max_duration!r}"
            )
        if not _is_from(self.idle_timeout, 0):
            raise ConfigurationError(
                f"idle_timeout must be a number of seconds ≥ 0, not {self.idle_timeout!r}"
            )
        if not isinstance(self.retries, int) or self.retries < 0:
            raise ConfigurationError(f"retries must be a whole number ≥ 0, not {self.retries!r}")


def _is_from(value: Any, least: float, *, above: bool = False) -> bool:
    return is_number(value) and (value > least if above else value >= least)


@dataclass(frozen=True)
class Progress:
    """What a worker tells about itself after each trial, and while it waits.

    Parameters
    ----------
    stats
        Progress of the experiment, as last read.
    running
        Trials that this worker executes now.
    executed
        Trials that this worker has executed.
    broken
        Those of them that broke.
    trial
        The trial that has just ended, or None.
    waiting
        Why this worker waits, or None.
    """

    stats: ExperimentStats
    running: int
    executed: int
    broken: int
    trial: Trial | None = None
    waiting: str | None = None


class WorkerLoop:
    """Executes trials of an experiment until nothing is left to do.

    Parameters
    ----------
    experiment
        The experiment.
    producer
        Gives the trials.
    executor
        Runs them; ``n_workers`` at a time.
    heartbeat
        Keeps them alive.
    desk
        Takes what they report.
    call
        Returns the function, its arguments and its keyword arguments for a trial. It is
        called after the trial was reserved.
    limits
        When to stop.
    on_error
        Called with the trial, the exception and the number of broken trials in this
        worker. Returning False leaves the trial out of that number.
    on_progress
        Called after each trial and while waiting.
    """

    def __init__(
        self,
        experiment: Experiment,
        producer: Producer,
        executor: BaseExecutor,
        heartbeat: Heartbeat,
        desk: ReportDesk,
        call: Callable[[LiveTrial], tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]],
        limits: Limits,
        on_error: OnError | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._experiment = experiment
        self._producer = producer
        self._executor = executor
        self._heartbeat = heartbeat
        self._desk = desk
        self._call = call
        self._limits = limits
        self._on_error = on_error
        self._on_progress = on_progress
        self._running: dict[Future, LiveTrial] = {}
        self._deadlines: dict[Future, float] = {}
        self._signals = StopSignals()
        self._end_of_run = float("inf")
        self._unsettled: list[tuple[Trial, list[Result]]] = []  # perhaps not on the disk yet
        self._until_settled: Callable[[], None] | None = None
        self._started = 0
        self._executed = 0
        self._broken = 0
        self._failure: OrionLikeError | None = None  # why nothing more is started
        self._may_outlast = True
        self._outage_ended = 0.0

    def run(self) -> int:
        """Execute trials and return how many this worker has executed.

        Raises
        ------
        LazyWorkers
            If there was nothing to do for longer than the idle timeout.
        ExperimentDeleted
            If the experiment was deleted meanwhile.
        BrokenExperiment
            If too many trials broke.
        InvalidResult
            If the function returned something that cannot be a result.
        StopRequested
            If the process was asked to stop; running trials were released.
        """
        if self._limits.max_duration is not None:
            self._end_of_run = monotonic() + self._limits.max_duration
        with self._signals:
            try:
                self._loop()
            except ExperimentDeleted as error:
                self._leave_nothing_behind(error)
                raise
            except BaseException as error:
                self._release_running(error)
                raise
            finally:
                self._end()
        return self._executed

    def _loop(self) -> None:
        pause, idle_since = FIRST_PAUSE, monotonic()
        while True:
            self._signals.check()
            waiting = self._fill()
            if isinstance(waiting, PausedExperiment):
                idle_since = monotonic()  # whoever paused it wants its workers to stay
            if not self._running and waiting is None:
                break
            if self._running:
                timeout = LONGEST_PAUSE if waiting is None else pause
                finished = self._collect(timeout)
                idle_since = monotonic()
            else:
                finished = 0
                self._wait(pause, idle_since, str(waiting))
            pause = FIRST_PAUSE if finished or waiting is None else min(2 * pause, LONGEST_PAUSE)
        if self._failure is not None:
            raise self._failure

    # --- acquiring ------------------------------------------------------------------------------

    @property
    def _may_start_more(self) -> bool:
        limit = self._limits.max_trials_per_worker
        has_trials_left = limit is None or self._started < limit
        return self._failure is None and has_trials_left and monotonic() < self._end_of_run

    def _fill(self) -> WaitingForTrials | None:
        """Give every free slot a trial; return why one must wait, if so.

        When there is nothing more to do, no slot is filled and None is returned. Trials
        that run already go on to their end, whatever the reason: no result is lost.
        """
        while len(self._running) < self._executor.n_workers and self._may_start_more:
            try:
                # A power cut ends the execution too, and then nobody needs its trial.
                trial = self._outlasting(lambda: self._producer.acquire(durable=False))
            except CompletedExperiment:
                return None
            except BrokenExperiment as broken:
                self._failure = broken
                return None
            except WaitingForTrials as waiting:
                return waiting
            self._start(trial)
        return None

    def _start(self, reserved: Trial) -> None:
        listen = self._desk.open(reserved).listen
        experiment = self._experiment
        trial = LiveTrial.wrap(reserved, listen, experiment.uuid, experiment.checkpoint_storage)
        self._heartbeat.add(trial)
        self._started += 1
        try:
            function, args, kwargs = self._call(trial)
            if trial.attempt > 1:
                self._desk.record_missing(trial, trial.attempt - 1)
            future = self._executor.submit(function, *args, **kwargs)
        except BaseException as error:
            self._release(trial, "interrupted", f"could not be started: {_one_line(error)}")
            raise
        self._running[future] = trial
        if self._limits.trial_timeout is not None:
            self._deadlines[future] = monotonic() + self._limits.trial_timeout

    def _wait(self, pause: float, idle_since: float, waiting: str) -> None:
        if monotonic() - max(idle_since, self._outage_ended) > self._limits.idle_timeout:
            raise LazyWorkers(f"nothing to do for {self._limits.idle_timeout:g} seconds: {waiting}")
        self._tell(waiting=waiting)
        with self._signals.interruptible():
            _pause(pause)

    # --- executing ------------------------------------------------------------------------------

    def _collect(self, timeout: float) -> int:
        """Wait for running trials and report those that ended; return how many did."""
        futures = list(self._running)
        if self._deadlines:
            timeout = max(0.0, min(timeout, min(self._deadlines.values()) - monotonic()))
        with self._signals.interruptible(), self._alarm():
            outcomes = self._executor.async_get(futures, timeout)
        failures = [failure for failure in map(self._failure_to_report, outcomes) if failure]
        if failures:
            raise failures[0]
        if not self._executor.in_process:
            self._cancel_overdue()
        if not outcomes:
            if self._on_progress is None:
                self._outlasting(self._experiment.refresh)  # it may have been deleted
            self._tell()
        return len(outcomes)

    @contextmanager
    def _alarm(self) -> Iterator[None]:
        """Have a function of this very thread raise TrialTimeout when its time is over."""
        timeout = self._limits.trial_timeout
        in_main_thread = threading.current_thread() is threading.main_thread()
        if timeout is None or not self._executor.in_process or not in_main_thread:
            yield
            return

        def on_alarm(signum: int, frame: FrameType | None) -> None:
            del signum, frame
            raise _overdue(timeout)

        previous = signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, timeout)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

    def _cancel_overdue(self) -> None:
        now = monotonic()
        for future in [f for f, deadline in self._deadlines.items() if deadline <= now]:
            self._executor.cancel(future, _overdue(self._limits.trial_timeout or 0.0))
            del self._deadlines[future]

    # --- reporting ------------------------------------------------------------------------------

    def _failure_to_report(self, outcome: AsyncResult | AsyncException) -> BaseException | None:
        """Report a trial that ended; return what must end the worker, if anything does."""
        try:
            self._report(outcome)
        except BaseException as failure:
            return failure  # to be raised when all have been reported: no result is lost
        return None

    def _report(self, outcome: AsyncResult | AsyncException) -> None:
        trial = self._running.pop(outcome.future)
        self._deadlines.pop(outcome.future, None)
        line = self._outlasting(lambda: self._desk.close(trial))
        if self._was_stopped(trial, line, outcome):
            return
        if isinstance(outcome, AsyncException):
            self._report_failure(trial, outcome.exception, outcome.traceback)
            return
        try:
            results = self._experiment.check_results(outcome.value)
        except NonFiniteResult as error:
            self._report_failure(trial, error)
        except InvalidResult as error:
            self._release(trial, "broken", _one_line(error))
            self._failure = InvalidResult(f"{error} (returned for trial {trial.id})")
        else:
            self._complete(trial, results)

    def _was_stopped(
        self, trial: Trial, line: ReportLine, outcome: AsyncResult | AsyncException
    ) -> bool:
        """Report a trial that ended because it was to stop; return whether it did."""
        exception = outcome.exception if isinstance(outcome, AsyncException) else None
        if isinstance(exception, TrialInterrupted):
            return False
        if line.was_told:
            reason = str(line.reason)
        elif isinstance(exception, TrialStopped) or (
            isinstance(exception, TrialTimeout) and line.results
        ):
            reason = _one_line(exception)
        else:
            return False
        results = line.results
        if isinstance(outcome, AsyncResult):
            with suppress(InvalidResult):
                results = self._experiment.check_results(outcome.value)
        self._stop(trial, reason, results)
        return True

    def _stop(self, trial: Trial, reason: str, results: list[Result]) -> None:
        self._heartbeat.discard(trial)
        try:
            self._outlasting(lambda: self._experiment.storage.stop_trial(trial, reason, results))
        except (LeaseLost, AlreadyReleased, TrialNotFound) as error:
            logger.warning("%s", error)
        self._desk.keeper.trial_ended()
        self._executed += 1
        logger.info("trial %s was stopped: %s", trial.id, reason)
        self._tell(trial)

    def _complete(self, trial: Trial, results: list[Result]) -> None:
        try:
            self._outlasting(
                lambda: self._experiment.storage.complete_trial(trial, results, durable=False)
            )
        except (LeaseLost, AlreadyReleased, TrialNotFound) as error:
            logger.warning("%s", error)
        except DatabaseError as error:
            raise type(error)(f"{error}\n{self._keep_beside(trial, results)}") from error
        finally:
            self._heartbeat.discard(trial)
        self._settle((trial, results))
        self._desk.keeper.trial_ended()
        self._executed += 1
        if self._on_progress is not None:
            self._settle()
        self._tell(trial)

    def _settle(self, *stored: tuple[Trial, list[Result]]) -> None:
        """Wait until the disk has all results but these, which it gets while work goes on."""
        self._unsettled += stored
        until_settled, self._until_settled = self._until_settled, None
        try:
            if until_settled is not None:
                until_settled()
        except DatabaseError as error:
            kept = [str(error), *(self._keep_beside(*each) for each in self._unsettled)]
            self._unsettled.clear()
            raise type(error)("\n".join(kept)) from error
        self._unsettled = list(stored)
        if stored:
            self._until_settled = self._experiment.storage.database.begin_sync()

    @staticmethod
    def _keep_beside(trial: Trial, results: list[Result]) -> str:
        """Write a result that cannot be stored next to the trial's working directory."""
        text = json.dumps([result.to_dict() for result in results])
        for directory in (trial.exp_working_dir or os.getcwd(), tempfile.gettempdir()):
            path = os.path.join(directory, f"{trial.id}.results.json")
            with suppress(OSError):  # its disk may be full too
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                return f"The result of trial {trial.id} could not be stored and was kept in {path}"
        return f"The result of trial {trial.id} could not be stored anywhere; it is {text}"

    def _report_failure(self, trial: LiveTrial, error: BaseException, traceback: str = "") -> None:
        if isinstance(error, TrialInterrupted):
            self._release(trial, "interrupted", _one_line(error))
            raise StopRequested(signal.SIGINT, _one_line(error))
        reason = _one_line(error)
        retries = self._limits.retries
        if isinstance(error, ExecutorWorkerLost):
            retries = max(retries, MAX_LOSSES)
        if trial.attempt <= retries:
            reason = f"retry {trial.attempt} of {retries}: {reason}"
            self._release(trial, "interrupted", reason)
            logger.warning("trial %s: %s", trial.id, reason)
            self._tell(trial)
            return
        self._release(trial, "broken", reason)
        self._executed += 1
        counts = True
        if self._on_error is not None:
            counts = self._on_error(trial, error, self._broken) is not False
        logger.warning("trial %s is broken: %s", trial.id, reason)
        logger.debug("%s", traceback)
        self._broken += counts
        self._tell(trial)
        limit = self._limits.max_broken
        if limit is not None and self._broken >= limit:
            self._failure = BrokenExperiment(
                f"too many trials broke in this worker ({self._broken}, and its max_broken is "
                f"{limit:g}); the last one, {trial.id}, because: {reason}"
            )

    def _release(self, trial: LiveTrial, status: str, reason: str) -> None:
        self._heartbeat.discard(trial)
        self._desk.record_missing(trial, trial.attempt)
        try:
            self._outlasting(lambda: self._experiment.storage.release_trial(trial, status, reason))
        except (LeaseLost, AlreadyReleased, TrialNotFound) as error:
            logger.warning("%s", error)

    def _release_running(self, error: BaseException) -> None:
        """Give up all running trials because of `error`, so that others can take them."""
        reason = f"worker stopped: {_one_line(error)}"
        self._may_outlast = False
        for future, trial in list(self._running.items()):
            self._executor.cancel(future, error)
            try:
                self._desk.close(trial)
                self._release(trial, "interrupted", reason)
            except DatabaseError as unreleased:  # which must not hide why the worker stops
                logger.warning("trial %s is still reserved: %s", trial.id, unreleased)
        self._running.clear()

    def _leave_nothing_behind(self, error: ExperimentDeleted) -> None:
        """Stop all running trials, and delete those registered while others were deleted."""
        for future, trial in self._running.items():
            self._heartbeat.discard(trial)
            self._executor.cancel(future, error)
        self._running.clear()
        self._experiment.storage.delete_experiment(self._experiment.id)

    def _end(self) -> None:
        try:
            self._producer.hand_back_number()
        except DatabaseError as error:
            logger.warning("%s", error)
        self._settle()

    def _tell(self, trial: Trial | None = None, waiting: str | None = None) -> None:
        if self._on_progress is not None:
            self._outlasting(self._experiment.refresh)
            self._on_progress(
                Progress(
                    stats=self._experiment.last_stats,
                    running=len(self._running),
                    executed=self._executed,
                    broken=self._broken,
                    trial=trial,
                    waiting=waiting,
                )
            )

    # --- a database that is away ----------------------------------------------------------------

    def _outlasting(self, operation: Callable[[], T]) -> T:
        """Do what needs the database, again if that does not answer for a time."""
        deadline, pause = monotonic() + OUTAGE_PATIENCE, FIRST_PAUSE
        while True:
            try:
                return operation()
            except DatabaseTimeout as error:
                self._outage_ended = monotonic()
                if self._outage_ended > deadline or self._signals.received or not self._may_outlast:
                    raise
                logger.warning("%s; trying again", error)
            _pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _pause(seconds: float) -> None:
    # An event, because time.sleep would go on after a signal whose handler does not raise.
    threading.Event().wait(seconds)


def _overdue(timeout: float) -> TrialTimeout:
    return TrialTimeout(f"the trial took longer than its timeout of {timeout:g} seconds")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) if not str(error).count("\n") > 1 else str(error).strip()
    name = type(error).__name__
    is_ours = type(error).__module__.startswith("orion_like")
    return (text if is_ours and text else f"{name}: {text}" if text else name)[-REASON_LENGTH:]
