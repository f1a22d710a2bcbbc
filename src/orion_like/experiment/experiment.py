"""One experiment: its settings, its trials, and what it still needs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any

from orion_like.algo import (
    Algorithm,
    Exhausted,
    Objective,
    OutcomeConstraint,
    PriorTask,
    create_algorithm,
)
from orion_like.algo.gradient import partial_derivatives
from orion_like.algo.problem import Problem, read_constraints, read_objectives
from orion_like.algo.relatedness import agreement
from orion_like.errors import (
    AlgorithmError,
    DatabaseError,
    ExperimentDeleted,
    InvalidResult,
    UnsupportedOperation,
)
from orion_like.experiment.statistics import ExperimentStats, StatisticsAccumulator
from orion_like.experiment.stored_algorithm import stored_algorithm
from orion_like.experiment.versions.family import fetch_family_trials
from orion_like.experiment.versions.heritage import Heritage
from orion_like.space import Space, build_space
from orion_like.spelling import did_you_mean
from orion_like.storage import Ledger, Storage
from orion_like.storage.database.values import plain
from orion_like.trial import Result, Trial, to_results

logger = logging.getLogger(__name__)

MODES = {"r": "reading", "w": "writing", "x": "executing"}
STATES = ("active", "paused", "stopping")  # what people decide, through the document
ANY_OBJECTIVE = "objective"  # name of an objective that need not be reported by its name
# What is the database's own, and no setting.
_COUNTERS = ("change", "next_number", "free_numbers", "deletions", "uuid")


class Experiment:
    """An experiment as stored, with its search space and algorithm built.

    Parameters
    ----------
    storage
        Where the experiment lives.
    document
        Its document.
    mode
        ``'r'`` reads, ``'w'`` also inserts and changes trials, ``'x'`` also executes them.
        Default ``'x'``.
    """

    def __init__(self, storage: Storage, document: Mapping[str, Any], mode: str = "x") -> None:
        self.storage = storage
        self.mode = mode
        self._document = dict(document)
        self.working_dir: str = document.get("working_dir") or ""
        self.ledger = Ledger(storage, self.id)
        self._statistics = self._new_statistics()
        self._generation = 0
        self._used_up_in: int | None = None
        self._missed: set[str] = set()

    def _new_statistics(self) -> StatisticsAccumulator:
        return StatisticsAccumulator(self.declared_objectives, self.declared_constraints)

    def require(self, mode: str) -> None:
        """Raise UnsupportedOperation unless the experiment was opened for `mode` at least."""
        if "rwx".index(self.mode) < "rwx".index(mode):
            raise UnsupportedOperation(
                f"experiment {self.name!r} was opened for {MODES[self.mode]} (mode "
                f"{self.mode!r}); open it with mode {mode!r} for {MODES[mode]}"
            )

    # --- settings ------------------------------------------------------------------------------

    @property
    def id(self) -> Any:
        """Identity of the experiment in its database."""
        return self._document["_id"]

    @property
    def uuid(self) -> str:
        """Identity of the experiment in the whole world, which a copy elsewhere keeps."""
        return str(self._document.get("uuid") or self.id)

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self._document["name"])

    @property
    def version(self) -> int:
        """Version of the experiment, from 1."""
        return int(self._document.get("version", 1))

    @property
    def metadata(self) -> dict[str, Any]:
        """Who made the experiment, when, and with what."""
        return dict(self._document.get("metadata") or {})

    @property
    def refers(self) -> dict[str, Any]:
        """Root and parent of this version."""
        return dict(self._document.get("refers") or {})

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return int(self._document.get("seed") or 0)

    @property
    def objectives(self) -> list[dict[str, Any]]:
        """Declared objectives, ``{"name", "direction"}``."""
        return deepcopy(self._document.get("objectives") or [])

    @property
    def constraints(self) -> list[Any]:
        """Constraints: texts hold for parameters, ``{"name", "lower", …}`` for results."""
        return deepcopy(self._document.get("constraints") or [])

    @property
    def input_constraints(self) -> list[str]:
        """Constraints that every suggested point satisfies."""
        return [constraint for constraint in self.constraints if isinstance(constraint, str)]

    @property
    def outcome_constraints(self) -> list[dict[str, Any]]:
        """Declared constraints on results."""
        return [constraint for constraint in self.constraints if not isinstance(constraint, str)]

    @property
    def stopping(self) -> dict[str, Any]:
        """Rules that stop trials early, ``{name: {parameter: value}}``."""
        return deepcopy(self._document.get("stopping") or {})

    @property
    def checkpoints(self) -> dict[str, Any]:
        """Where checkpoints are stored, and how many are kept; see :class:`RetentionPolicy`."""
        return dict(self._document.get("checkpoints") or {})

    @property
    def checkpoint_storage(self) -> str:
        """URL at which checkpoints are stored; empty if they are in the working directory."""
        return self.checkpoints.get("storage") or ""

    @property
    def warm_start(self) -> dict[str, Any] | None:
        """What is known of the sources that the search starts from; None without any."""
        return deepcopy(self._document.get("warm_start"))

    @cached_property
    def prior_tasks(self) -> tuple[PriorTask, ...]:
        """The trials of others that the search starts from, by source.

        Raises
        ------
        DatabaseError
            If some of them are missing.
        """
        sources = (self.warm_start or {}).get("sources") or []
        if not sources:
            return ()
        trials: list[list[Trial]] = [[] for _ in sources]
        for document in self.storage.fetch_prior_trials(self._document):
            trial = Trial.from_document({**document, "_id": None, "status": "completed"})
            trials[document["source"]].append(trial)
        for source, found in zip(sources, trials, strict=True):
            if len(found) != source["fit"]:
                raise DatabaseError(
                    f"experiment {self.name!r} starts from {source['fit']} trials of "
                    f"{source['name']!r}, but {len(found)} of them are in {self.storage.url}"
                )
        return tuple(
            PriorTask(source["name"], tuple(found), source["task"] == "same")
            for source, found in zip(sources, trials, strict=True)
            if found
        )

    def agreements(self) -> list[float | None]:
        """Return how well each prior task foretells the completed trials; see `agreement`."""
        if not self.prior_tasks:
            return []
        problem = Problem.build(self.space, self.seed, self.objectives, self.outcome_constraints)
        trials = self.fetch_trials({"status": "completed"})
        return [agreement(problem, task, trials) for task in self.prior_tasks]

    @cached_property
    def declared_objectives(self) -> tuple[Objective, ...]:
        """What is minimized or maximized; one, if nothing is declared."""
        return read_objectives(self.objectives)

    @cached_property
    def declared_constraints(self) -> tuple[OutcomeConstraint, ...]:
        """Bounds that results must keep."""
        return read_constraints(self.outcome_constraints)

    @cached_property
    def space(self) -> Space:
        """What is searched."""
        return build_space(self._document.get("space") or {}, constraints=self.input_constraints)

    @cached_property
    def algorithm(self) -> Algorithm:
        """What chooses the next point; it has seen the trials that this process has read."""
        return self._new_algorithm()

    def _new_algorithm(self) -> Algorithm:
        return create_algorithm(
            stored_algorithm(self._document),
            self.space,
            seed=self.seed,
            objectives=self.objectives,
            constraints=self.outcome_constraints,
            prior=self.prior_tasks,
        )

    @cached_property
    def heritage(self) -> Heritage:
        """What it learns from the versions that it was made from."""
        return Heritage(self.storage, self._document, self.space, self.declared_objectives)

    @property
    def max_trials(self) -> int | None:
        """How many completed trials there shall be, as last read; None without a limit."""
        return _whole(self._document.get("max_trials"))

    @property
    def max_broken(self) -> int | None:
        """How many trials may break before no more are suggested, as last read."""
        return _whole(self._document.get("max_broken"))

    @property
    def max_duration(self) -> float | None:
        """Seconds after its first start in which trials are started, as last read; None: any."""
        limit: float | None = (self._document.get("limits") or {}).get("max_duration")
        return limit

    @property
    def state(self) -> str:
        """What people decided, as last read: ``active``, ``paused`` or ``stopping``."""
        state = self._document.get("state")
        return state if state in STATES else "active"

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that defines the experiment, as stored."""
        return deepcopy(
            {key: value for key, value in self._document.items() if key not in _COUNTERS}
        )

    # --- following the database ----------------------------------------------------------------

    def refresh(self, max_budget_age: float = 0.0) -> None:
        """Read what changed in the database.

        When trials were deleted, the algorithm starts anew and sees all that are left.

        Parameters
        ----------
        max_budget_age
            Seconds for which the limits that were read last are good enough. Default 0.

        Raises
        ------
        ExperimentDeleted
            If it is not in the database any more.
        """
        try:
            self.ledger.refresh_budget(max_budget_age)
        except ExperimentDeleted:
            raise ExperimentDeleted(
                f"experiment {self.name!r} (version {self.version}) was deleted from "
                f"{self.storage.url} while it was used; nothing of it is left to work on"
            ) from None
        self._document.update(
            {key: value for key, value in self.ledger.budget.items() if key != "_id"}
        )
        inherited = self._inherit()
        if self.ledger.generation != self._generation:
            self._generation = self.ledger.generation
            self._statistics = self._new_statistics()
            self.__dict__.pop("algorithm", None)
        if inherited and self.algorithm.uses_trials:
            self.algorithm.observe(inherited)
        trials = []
        for document in self.ledger.refresh_trials():
            self._statistics.observe(document)
            if self.mode == "x" and self.algorithm.uses_trials:
                trials.append(Trial.from_document(document))
        if trials:
            trials.sort(key=lambda trial: (trial.number is None, trial.number or 0))
            self.algorithm.observe(trials)

    def _inherit(self) -> list[Trial]:
        """Return what ancestors finished; after deletions, here or there, all of it again."""
        if self.mode != "x":
            return []
        if self.ledger.generation != self._generation:
            self.heritage.read_anew()
        before = self.heritage.generation
        inherited = self.heritage.refresh()
        if self.heritage.generation != before:
            self.ledger.read_anew()
        return inherited

    @property
    def stats(self) -> ExperimentStats:
        """Progress of the experiment, as the database has it now."""
        self.refresh()
        return self.last_stats

    @property
    def last_stats(self) -> ExperimentStats:
        """Progress of the experiment, as last read."""
        return self._statistics.snapshot(
            self.ledger.counts,
            self.max_trials,
            self.metadata.get("datetime"),
            self.ledger.stopped,
        )

    def stats_with_evc_tree(self) -> ExperimentStats:
        """Return the progress with the trials of other versions that this one sees."""
        statistics, counts, stopped = self._new_statistics(), Counter[str](), 0
        for trial in self.fetch_trials(with_evc_tree=True):
            statistics.observe(trial.to_dict())
            counts[trial.status] += 1
            stopped += trial.is_stopped
        return statistics.snapshot(counts, self.max_trials, self.metadata.get("datetime"), stopped)

    @property
    def is_done(self) -> bool:
        """Whether all trials are completed, the time is over, or the search space is used up."""
        self.refresh()
        return self.ledger.has_all_trials or self.ledger.is_out_of_time or self.is_exhausted

    @property
    def is_exhausted(self) -> bool:
        """Whether every point of a finite space has a trial, and none is open, as last read."""
        if self.ledger.open:
            return False
        if self.is_used_up:
            return True
        if self.space.fidelity is not None:  # a point may have several trials
            return self._has_ended()
        return self.space.is_finite and len(self.ledger) >= self.space.cardinality

    def _has_ended(self) -> bool:
        """Whether an algorithm that is done some time, such as with its population, is."""
        try:
            algorithm = self.algorithm
        except AlgorithmError:  # its package is not installed here
            return False
        if not algorithm.ends_early or not len(self.ledger):
            return False
        if self.mode != "x":  # it has seen nothing so far
            algorithm = self._new_algorithm()
            algorithm.observe(self.fetch_trials())
        number = len(self.ledger)
        return algorithm.suggest(algorithm.problem.stream(number), number) is Exhausted

    @property
    def is_used_up(self) -> bool:
        """Whether the algorithm said that it has no more points for the trials there are."""
        return self._used_up_in == self._generation

    def mark_used_up(self) -> None:
        """Note that the algorithm has no more points, until trials are deleted."""
        self._used_up_in = self._generation

    @property
    def is_broken(self) -> bool:
        """Whether too many trials broke."""
        self.refresh()
        return self.has_too_many_broken

    @property
    def has_too_many_broken(self) -> bool:
        """Whether too many trials broke, as last read."""
        return self.max_broken is not None and self.ledger.count("broken") >= self.max_broken > 0

    # --- trials --------------------------------------------------------------------------------

    def new_trial(
        self, params: Mapping[str, Any], number: int | None = None, parent: str | None = None
    ) -> Trial:
        """Return a trial of this experiment that is not stored yet."""
        return Trial(
            experiment=self.id,
            number=number,
            params=self.space.to_document(params),
            exp_working_dir=self.working_dir or None,
            experiment_uuid=self.uuid,
            parent=parent,
            in_population=self.algorithm.has_population,
        )

    def fetch_trials(
        self, where: Mapping[str, Any] | None = None, *, with_evc_tree: bool = False
    ) -> list[Trial]:
        """Return the trials that match `where`, in order of suggestion.

        Parameters
        ----------
        where
            What stored trials must match. Default: all.
        with_evc_tree
            Whether trials of the versions that this one was made from, and of those made from
            it, are among them, as they are in this one. Default False.
        """
        if with_evc_tree:
            return fetch_family_trials(self.storage, self._document, where)
        trials = self.storage.fetch_trials(self.id, where)
        for trial in trials:
            trial.experiment_uuid = self.uuid
        return trials

    def get_trial(self, trial_id: str) -> Trial | None:
        """Return the trial with this id, or None."""
        trial = self.storage.get_trial(self.id, trial_id)
        if trial is not None:
            trial.experiment_uuid = self.uuid
        return trial

    def check_results(self, results: Any, name: str = ANY_OBJECTIVE) -> list[Result]:
        """Return the results of a trial, in which the declared objectives must be.

        Parameters
        ----------
        results
            A number (the objective), or a list of ``{"name", "type", "value"}``.
        name
            Name of the objective when `results` is a number. Default ``'objective'``.

        Raises
        ------
        InvalidResult
            If there is no valid objective, a declared one is missing, a gradient is not one of
            the search space, or a value cannot be stored. An only objective may be reported under
            any name, as long as it is clear which it is.

        Notes
        -----
        A declared outcome constraint that is missing is warned of once.
        """
        checked = to_results(results, name)
        for result in checked:
            _refuse_what_cannot_be_stored(result)
            if result.type == "gradient":
                self._check_gradient(result)
        reported = [str(result.name) for result in checked if result.type == "objective"]
        declared = [objective["name"] for objective in self._document.get("objectives") or ()]
        missing = [name for name in declared if name not in reported]
        is_clear = len(declared) == 1 and (len(reported) == 1 or declared == [ANY_OBJECTIVE])
        if missing and not is_clear:
            raise InvalidResult(
                f"the results lack what experiment {self.name!r} is to optimize: "
                f"{', '.join(missing)}; their objectives are {', '.join(reported)}"
            )
        self._warn_of_missing_constraints(checked)
        return checked

    def _check_gradient(self, gradient: Result) -> None:
        try:
            partial_derivatives(gradient.value, self.space)
        except InvalidResult as error:
            raise InvalidResult(f"gradient {gradient.name!r}: {error}") from None

    def _warn_of_missing_constraints(self, results: Sequence[Result]) -> None:
        """Warn of declared outcome constraints that are not reported, once of each."""
        if not self.declared_constraints:
            return
        types: dict[str, set[str]] = {}
        for result in results:
            types.setdefault(str(result.name), set()).add(str(result.type))
        for name in (constraint.name for constraint in self.declared_constraints):
            if "constraint" in types.get(name, ()) or name in self._missed:
                continue
            self._missed.add(name)
            hint = did_you_mean(name, [n for n, kinds in types.items() if "constraint" in kinds])
            if name in types:
                hint = f" (what was reported as {name!r} is a {min(types[name])})"
            logger.warning(
                "experiment %r: the constraint %r is not among the results%s, and a trial that "
                "does not report it counts as infeasible; report "
                "{'name': %r, 'type': 'constraint', 'value': number}",
                self.name, name, hint, name,
            )  # fmt: skip

    def take_number_for_insertion(self) -> int:
        """Take a number for a trial that a user gives, beyond ``max_trials`` if need be."""
        budget = None
        while budget is None:
            stored = self.storage.fetch_budget(self.id)
            budget = self.storage.take_number(self.id, float("inf"), stored["max_trials"])
        return int(budget["next_number"]) - 1

    def update(self, **fields: Any) -> None:
        """Change stored settings of the experiment."""
        self.storage.update_experiment(self.id, **fields)
        self._document.update(fields)

    def set_max_duration(self, seconds: float | None) -> None:
        """Change for how long after its first start trials of the experiment are started."""
        changes: dict[str, Any] = {"limits.max_duration": seconds}
        self.storage.update_experiment(self.id, **changes)
        self._document["limits"] = {**self._document.get("limits", {}), "max_duration": seconds}

    def __repr__(self) -> str:
        return f"Experiment(name={self.name!r}, version={self.version})"


def _refuse_what_cannot_be_stored(result: Result) -> None:
    try:
        plain(result.value, f".{result.name}")
    except DatabaseError as error:
        raise InvalidResult(f"a {result.type} cannot be stored: {error}") from None


def _whole(limit: Any) -> int | None:
    """Return a limit as stored; Oríon stores infinity for none."""
    return None if limit is None or limit == float("inf") else int(limit)
