"""The next trial of an experiment for one worker: one that waits, or a new point.

No lock is held while the algorithm thinks. A number, taken by one atomic update, says
whose turn it is; the unique indexes on (experiment, id) and (experiment, number) decide
between workers that come to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from numpy.random import PCG64, Generator, SeedSequence

from orion_like.algo import Exhausted, Wait, parent_of
from orion_like.errors import (
    AlgorithmError,
    BrokenExperiment,
    CompletedExperiment,
    DatabaseTimeout,
    DuplicateKeyError,
    PausedExperiment,
    StoppedExperiment,
    WaitingForTrials,
)
from orion_like.experiment.experiment import Experiment
from orion_like.storage.ledger import GAP_GRACE
from orion_like.trial import Trial

MAX_DUPLICATES = 1000  # suggestions of existing points in a row before the algorithm is to blame
ORPHAN_CHECK_PERIOD = 0.5  # seconds
BUDGET_AGE = 0.25  # seconds for which limits read before are followed without asking again


class Producer:
    """Gives one worker its trials.

    Parameters
    ----------
    experiment
        The experiment, opened for executing.
    worker
        Id of the worker that will own the trials.
    lost_threshold
        Seconds without a heartbeat after which a reserved trial counts as lost.
    gap_grace
        Seconds after which a number that was taken, but has no trial, may be used.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        experiment: Experiment,
        worker: str,
        lost_threshold: float,
        gap_grace: float = GAP_GRACE,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._experiment = experiment
        self._worker = worker
        self._lost_threshold = lost_threshold
        self._gap_grace = gap_grace
        self._clock = clock
        self._number: int | None = None  # taken and not used yet
        self._unsure: Trial | None = None  # whether it was registered is not known
        self._next_lost_check = self._next_orphan_check = 0.0

    def acquire(self, *, durable: bool = True) -> Trial:
        """Return a trial that this worker owns now.

        Parameters
        ----------
        durable
            Whether a new trial must be known after a power cut of this machine. Default True.

        Raises
        ------
        CompletedExperiment
            If there will be nothing more to do.
        StoppedExperiment
            If somebody stopped the experiment.
        BrokenExperiment
            If too many trials broke.
        WaitingForTrials
            If there is nothing to do until other trials finish.
        PausedExperiment
            If somebody paused the experiment.
        """
        self._experiment.refresh(BUDGET_AGE)
        found = self._find_unsure()
        if found is not None:
            return found
        try:
            self._check_limits()
        except (BrokenExperiment, CompletedExperiment, PausedExperiment):
            self._experiment.refresh()
            self._check_limits()
        return self._reserve_existing() or self.produce("reserved", durable=durable)

    def produce(self, status: str, *, durable: bool = True) -> Trial:
        """Register a new point as a trial with `status`, and return it; raises as `acquire`."""
        while True:
            number = self._take_number()
            trial = self._think(number, status, durable)
            if trial is not None:
                return trial

    def hand_back_number(self) -> None:
        """Give back a number that was taken and not used."""
        if self._number is not None:
            self._experiment.storage.hand_back_number(self._experiment.id, self._number)
            self._number = None

    def _find_unsure(self) -> Trial | None:
        """Return the trial that was registered although the database did not say so."""
        if self._unsure is None:
            return None
        stored = self._experiment.storage.get_trial(self._experiment.id, self._unsure.id)
        self._unsure = None
        if stored is None or (stored.status, stored.worker, stored.attempt) != (
            "reserved",
            self._worker,
            1,
        ):
            return None
        self._number = None
        return stored

    def _check_limits(self) -> None:
        experiment = self._experiment
        if experiment.has_too_many_broken:
            raise BrokenExperiment(
                f"too many trials of experiment {experiment.name!r} are broken "
                f"({experiment.ledger.count('broken')}, and max_broken is {experiment.max_broken})"
            )
        if experiment.ledger.has_all_trials:
            raise CompletedExperiment(
                f"experiment {experiment.name!r} has all its {experiment.max_trials} trials"
            )
        if experiment.ledger.is_out_of_time:
            raise CompletedExperiment(
                f"experiment {experiment.name!r} has run for its max_duration of "
                f"{experiment.max_duration:g} seconds; 'orion-like db set {experiment.name} "
                "max_duration=TIME' changes it"
            )
        if experiment.state == "stopping":
            raise StoppedExperiment(
                f"experiment {experiment.name!r} was stopped; 'orion-like resume -n "
                f"{experiment.name}' makes it ready to be worked on again"
            )
        if experiment.state == "paused":
            raise PausedExperiment(
                f"experiment {experiment.name!r} is paused; 'orion-like resume -n "
                f"{experiment.name}' lets it go on"
            )

    def _reserve_existing(self) -> Trial | None:
        experiment, ledger = self._experiment, self._experiment.ledger
        storage, now = experiment.storage, self._clock()
        if ledger.waiting and ledger.finished + ledger.count("reserved") < ledger.max_trials:
            trial = storage.reserve_trial(experiment.id, self._worker)
            if trial is not None and self._is_wanted(trial):
                return trial
        if now >= self._next_orphan_check:
            self._next_orphan_check = now + ORPHAN_CHECK_PERIOD
            for orphan in ledger.orphans():
                trial = storage.take_over_trial(orphan, self._worker)
                if trial is not None:
                    # There may be more of them: look again at once.
                    self._next_orphan_check = now
                    return trial
        if now >= self._next_lost_check:
            trial = storage.reserve_lost_trial(
                experiment.id,
                self._worker,
                self._lost_threshold,
                ledger.seen_alive(self._lost_threshold),
            )
            if trial is not None:
                return trial
            self._next_lost_check = now + max(ORPHAN_CHECK_PERIOD, self._lost_threshold / 10)
        return None

    def _is_wanted(self, trial: Trial) -> bool:
        """Whether a trial that waited and was just reserved is needed; if not, it goes back.

        Several workers may have reserved one at the same time. Of two of them at least the
        later sees the other.
        """
        experiment, ledger = self._experiment, self._experiment.ledger
        experiment.refresh()
        if ledger.finished + ledger.count("reserved") <= ledger.max_trials:
            return True
        reason = f"{experiment.max_trials} other trials are completed or running"
        experiment.storage.release_trial(trial, "interrupted", reason)
        return False

    def _take_number(self) -> int:
        if self._number is not None:
            return self._number
        experiment, ledger = self._experiment, self._experiment.ledger
        if experiment.is_used_up:
            raise self._nothing_left()
        for attempt in range(2):
            if attempt:
                experiment.refresh()
                self._check_limits()
            if ledger.budget.get("free_numbers") and ledger.numbers_in_use < ledger.number_limit:
                self._number = experiment.storage.take_free_number(experiment.id, ledger.budget)
            elif (ledger.budget.get("next_number") or 0) < ledger.number_limit:
                self._number = self._take_next_number()
            if self._number is not None:
                return self._number
        if ledger.has_room:
            gap = ledger.overdue_gap(self._gap_grace)
            if gap is not None:
                self._number = gap
                return gap
        raise WaitingForTrials(
            f"all trials that experiment {experiment.name!r} still needs are running"
        )

    def _take_next_number(self) -> int | None:
        ledger = self._experiment.ledger
        budget = self._experiment.storage.take_number(
            self._experiment.id, ledger.number_limit, ledger.budget.get("max_trials")
        )
        if budget is None:
            return None
        ledger.take_in_budget(budget)
        return int(budget["next_number"]) - 1

    def _think(self, number: int, status: str, durable: bool) -> Trial | None:
        """Register a new point under `number`, or return None if another worker used it."""
        experiment = self._experiment
        rng = self._stream(number)
        for _ in range(MAX_DUPLICATES):
            point = experiment.algorithm.suggest(rng, number)
            if point is Wait:
                raise WaitingForTrials(f"{experiment.algorithm} waits for running trials to finish")
            if point is Exhausted:
                self.hand_back_number()
                experiment.mark_used_up()
                raise self._nothing_left()
            trial = experiment.new_trial(point, number, parent_of(point))
            if trial.id in experiment.heritage.ids:
                continue
            try:
                experiment.storage.register_trial(trial, status, self._worker, durable=durable)
            except DuplicateKeyError as error:
                experiment.refresh()
                if "number" in error.keys:
                    self._number = None
                    return None
                continue
            except DatabaseTimeout:
                self._unsure = trial
                raise
            self._number = None
            return trial
        raise AlgorithmError(
            f"{experiment.algorithm} suggested points that have trials already "
            f"{MAX_DUPLICATES} times in a row"
        )

    def _stream(self, number: int) -> Generator:
        return Generator(PCG64(SeedSequence([self._experiment.seed, number])))

    def _nothing_left(self) -> CompletedExperiment | WaitingForTrials:
        experiment = self._experiment
        if experiment.ledger.open:
            return WaitingForTrials(
                f"every point that {experiment.algorithm} can suggest has a trial; "
                "some are still running"
            )
        return CompletedExperiment(
            f"every point that {experiment.algorithm} can suggest for experiment "
            f"{experiment.name!r} has a trial"
        )
