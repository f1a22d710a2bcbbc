"""Optimizers of nevergrad (J. Rapin and O. Teytaud, 2018), by their names.

Numbers are searched on the scale of their priors, from 0 to 1; evenly spaced values by their
place in the row, and categories as choices.
"""

from __future__ import annotations

import gc
import math
import pickle
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from orion_like.algo.adapters.replay import Asked, Replay
from orion_like.algo.base import Algorithm, Suggestion, positive_integer
from orion_like.algo.outcome import Kind, Outcome
from orion_like.algo.problem import Problem
from orion_like.errors import AlgorithmError
from orion_like.space.encoding import Column
from orion_like.space.numeric import Numeric
from orion_like.spelling import did_you_mean
from orion_like.trial import Trial

MAX_VIOLATION = 1e9
"""What a constraint counts whose value is not a number."""

OTHERS = "choose another model_name, such as 'DE' or 'CMA', or more num_workers"


class Nevergrad(Algorithm):
    """Ask an optimizer of nevergrad.

    It needs the package nevergrad: ``pip install orion_like[nevergrad]``. With several
    objectives and with outcome constraints, nevergrad makes one loss of them.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.
    model_name
        Name of the optimizer in nevergrad's registry, in any case. Default ``'NgIohTuned'``,
        which chooses one by the number and kinds of dimensions, `budget` and `num_workers`.
    budget
        How many trials nevergrad shall count on. Default 100.
    num_workers
        How many trials nevergrad shall expect to run at a time. Default 10.

    Raises
    ------
    AlgorithmError
        If nevergrad is not installed, it has no such optimizer, the optimizer's state cannot be
        copied, or a number is out of range.
    """

    name = "nevergrad"

    def __init__(
        self,
        problem: Problem,
        model_name: str = "NgIohTuned",
        budget: int = 100,
        num_workers: int = 10,
    ) -> None:
        super().__init__(problem)
        self.budget = positive_integer("nevergrad", "budget", budget)
        self.num_workers = positive_integer("nevergrad", "num_workers", num_workers)
        self.model_name = _registered_name(_import_nevergrad(), model_name)
        self._replay = Replay(problem, self._fresh)
        why_not = self._why_not_copied()
        if why_not is not None:
            # Raised here, it keeps no hold on a thread of the optimizer, which ends then.
            raise AlgorithmError(
                f"algorithm 'nevergrad': the state of the optimizer {self.model_name!r} cannot be "
                f"copied in this space: {why_not}; {OTHERS}"
            )

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials at the highest fidelity."""
        fidelity = self.space.fidelity
        self._replay.observe(
            trial
            for trial in trials
            if fidelity is None or trial.flat_params.get(fidelity.name) == fidelity.high
        )

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:  # noqa: ARG002
        """Return what the optimizer asks for next."""
        with _quiet():
            try:
                return self._replay.suggest(number)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise AlgorithmError(
                    f"algorithm 'nevergrad': the optimizer {self.model_name!r} failed: {error}; "
                    f"{OTHERS}, or other versions of nevergrad and numpy"
                ) from error

    def _fresh(self) -> _Model:
        return _Model(self.problem, self.model_name, self.budget, self.num_workers)

    def _why_not_copied(self) -> str | None:
        """Return why states of the optimizer cannot be copied, or None if they can."""
        optimizer = _import_nevergrad().optimizers.registry[self.model_name]
        if getattr(optimizer, "recast", False):
            return "it is a running thread"
        try:
            with _quiet():
                model = self._fresh()
                model.ask()
                deepcopy(model).ask()
        except Exception as error:
            return str(error)
        return None


class _Model:
    """An optimizer of nevergrad in a space of ours."""

    minds_unused = False  # workers of nevergrad may get lost, too

    def __init__(self, problem: Problem, name: str, budget: int, num_workers: int) -> None:
        ng = _import_nevergrad()
        self._problem = problem
        self._encoding = problem.space.encoding()
        # What has one value only is not searched.
        self._columns = {
            f"{index:04d}": _Scale(column, _is_evenly_spaced(problem, column))
            for index, column in enumerate(self._encoding.columns)
            if column.levels != 1
        }
        variables = {key: scale.variable(ng) for key, scale in self._columns.items()}
        self._optimizer: Any = None
        self._worst: list[float] | None = None
        if variables:
            parametrization = ng.p.Dict(**variables)
            parametrization.random_state = np.random.RandomState(0)
            make = ng.optimizers.registry[name]
            self._optimizer = make(parametrization, budget=budget, num_workers=num_workers)
            if len(problem.objectives) > 1:
                self._optimizer.num_objectives = len(problem.objectives)

    def __deepcopy__(self, memo: object) -> _Model:
        copy = object.__new__(_Model)
        vars(copy).update(vars(self))
        copy._optimizer = _copied(self._optimizer)
        return copy

    def seed(self, seed: int) -> None:
        """Start all randomness anew."""
        if self._optimizer is not None:
            # In place, as the parts of an optimizer hold on to it.
            self._optimizer.parametrization.random_state.seed(seed)

    def ask(self) -> Asked:
        """Return the next suggestion."""
        if self._optimizer is None:
            return Asked(self._encoding.decode([0.5] * self._encoding.width))
        candidate = self._optimizer.ask()
        return Asked(self._point(candidate.value), candidate)

    def tell(self, trial: Trial, outcome: Outcome | None, token: Any) -> None:
        """Take in a finished trial; failed ones are as bad as the worst that did not fail."""
        if outcome is None or self._optimizer is None:
            return
        if outcome.kind is not Kind.FAILED:
            losses = list(outcome.losses)
            self._worst = (
                losses if self._worst is None else np.maximum(self._worst, losses).tolist()
            )
        elif self._worst is None:
            return
        else:
            losses = self._worst
        candidate = self._candidate(trial) if token is None else token
        violation = outcome.violation if math.isfinite(outcome.violation) else MAX_VIOLATION
        from nevergrad.common.errors import TellNotAskedNotSupportedError

        with suppress(TellNotAskedNotSupportedError):  # some learn from their own points only
            self._optimizer.tell(
                candidate,
                losses if len(losses) > 1 else losses[0],
                [violation] if violation > 0 else None,
            )

    def _point(self, values: dict[str, Any]) -> dict[str, Any]:
        vector = np.zeros(self._encoding.width)
        for key, scale in self._columns.items():
            vector[int(key)] = scale.to_vector(values[key])
        return self._encoding.decode(vector)

    def _candidate(self, trial: Trial) -> Any:
        """Return the trial as a candidate; what is inactive in it keeps its initial value."""
        vector = self._encoding.encode(trial.flat_params)
        parametrization = self._optimizer.parametrization
        values = dict(parametrization.value)
        for key, scale in self._columns.items():
            u = float(vector[int(key)])
            if not math.isnan(u):
                values[key] = scale.from_vector(u)
        return parametrization.spawn_child(new_value=values)


@dataclass(frozen=True)
class _Scale:
    """One column of vectors as a variable of nevergrad."""

    column: Column
    is_even: bool  # whole numbers stand for its values

    def variable(self, ng: ModuleType) -> Any:
        if self.column.kind == "category":
            return ng.p.Choice(self.column.levels)
        if self.is_even:
            return ng.p.Scalar(lower=0, upper=self._levels - 1).set_integer_casting()
        return ng.p.Scalar(lower=0.0, upper=1.0)

    def to_vector(self, value: float) -> float:
        return (value + 0.5) / self._levels if self.is_even else float(value)

    def from_vector(self, u: float) -> float:
        if self.column.kind == "category":
            return int(u)
        return min(int(u * self._levels), self._levels - 1) if self.is_even else u

    @property
    def _levels(self) -> int:
        return self.column.levels or 1


def _is_evenly_spaced(problem: Problem, column: Column) -> bool:
    dimension = problem.space[column.name]
    is_uniform = isinstance(dimension, Numeric) and dimension.prior.function == "uniform"
    return is_uniform and column.levels is not None


def _import_nevergrad() -> ModuleType:
    try:
        import nevergrad
    except ImportError as error:
        raise AlgorithmError(
            "the algorithm 'nevergrad' needs the package nevergrad: "
            "pip install 'orion_like[nevergrad]'"
        ) from error
    module: ModuleType = nevergrad
    return module


def _registered_name(ng: ModuleType, name: Any) -> str:
    registry = list(ng.optimizers.registry)
    by_lower_case = {known.lower(): known for known in registry}
    found = name if name in registry else by_lower_case.get(str(name).lower())
    if found is None:
        raise AlgorithmError(
            f"algorithm 'nevergrad': there is no optimizer {name!r} among the {len(registry)} in "
            f"nevergrad.optimizers.registry{did_you_mean(str(name), registry)}"
        )
    return str(found)


def _copied(optimizer: Any) -> Any:
    """Return a copy, made many times faster than by copying object by object."""
    was_enabled = gc.isenabled()
    gc.disable()  # it would look at all objects over and over, as thousands of them are made
    try:
        return pickle.loads(pickle.dumps(optimizer))  # noqa: S301 - just written
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hush what nevergrad warns of, which is about its own choices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
