"""Bayesian optimization and Hyperband (BOHB).

S. Falkner, A. Klein and F. Hutter, BOHB: robust and efficient hyperparameter optimization at
scale, ICML 2018 (arXiv 1807.01774). Hyperband decides how much is spent on which
configuration; a density estimator in the manner of TPE, here :class:`~orion_like.algo.tpe.TPE`
itself, proposes the configurations (their algorithm 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from orion_like.algo.base import Algorithm, Requirements, Suggestion, positive_integer
from orion_like.algo.hyperband import Brackets, checked_repetitions
from orion_like.algo.outcome import Kind, judge
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import NewConfigurations, at_highest, fidelity_of
from orion_like.algo.sequence import point_key
from orion_like.algo.tpe import TPE
from orion_like.errors import AlgorithmError
from orion_like.trial import Trial

RANDOM_STREAM = 2


class BOHB(Algorithm):
    """Hyperband, whose new configurations come from a model of the trials so far.

    The model learns from the highest rung on which enough trials have finished. Some new
    configurations are drawn at random all the same, so that a misleading rung does no lasting
    harm.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    min_points_in_model
        Trials of a rung, beyond the 2 that the model needs in any case, before it is used.
        Default the number of dimensions + 1 (their section 4.1).
    top_n_percent
        Share of the trials that count as good, in percent. Default 15.
    num_samples
        Candidates drawn for a configuration. Default 64.
    random_fraction
        Share of new configurations that are drawn at random. Default 1/3.
    repetitions
        How many times the brackets are run; None is no limit. Default None.

    Raises
    ------
    AlgorithmError
        If a number is out of its range, or the base of the fidelity is below 2.
    """

    name = "bohb"
    requires = Requirements(fidelity=True, max_objectives=1)
    foreign_parameters = frozenset({"bandwidth_factor", "min_bandwidth", "parallel_strategy"})

    def __init__(
        self,
        problem: Problem,
        min_points_in_model: int | None = None,
        top_n_percent: float = 15,
        num_samples: int = 64,
        random_fraction: float = 1 / 3,
        repetitions: int | None = None,
    ) -> None:
        super().__init__(problem)
        if min_points_in_model is not None:
            positive_integer("bohb", "min_points_in_model", min_points_in_model)
        self.min_points_in_model = min_points_in_model
        self.top_n_percent = _within("top_n_percent", top_n_percent, 100)
        self.num_samples = positive_integer("bohb", "num_samples", num_samples)
        self.random_fraction = _within("random_fraction", random_fraction, 1)
        self.repetitions = checked_repetitions("bohb", repetitions)
        self.ends_early = self.repetitions is not None
        self._fidelity = fidelity_of(problem)
        n_least = (
            problem.space.unit_width + 1 if min_points_in_model is None else min_points_in_model
        )
        self._n_enough = n_least + 2
        self._brackets = Brackets(problem, self.repetitions)
        self.fidelities, self.sizes = self._brackets.fidelities, self._brackets.sizes
        self._new = NewConfigurations(problem)
        self._models: dict[int, TPE] = {}
        self._finished: Counter[int] = Counter()
        self._succeeded: set[str] = set()
        self._taken: set[str] = set()

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all rungs."""
        trials = list(trials)
        self._new.observe(trials)
        self._brackets.observe(trials)
        for trial in trials:
            fidelity = trial.flat_params.get(self._fidelity.name)
            if fidelity in self.fidelities:
                self._learn(trial, fidelity)

    def _learn(self, trial: Trial, fidelity: int) -> None:
        """Show a trial to the model of its rung, which knows nothing of fidelities."""
        seen = at_highest(trial, self.space)
        self._taken.add(point_key(seen.flat_params))
        self._model(fidelity).observe([seen])
        outcome = judge(trial, self.problem)
        succeeds = outcome is not None and outcome.kind is not Kind.FAILED
        if succeeds != (trial.id in self._succeeded):
            self._finished[fidelity] += 1 if succeeds else -1
            (self._succeeded.add if succeeds else self._succeeded.discard)(trial.id)

    def _model(self, fidelity: int) -> TPE:
        if fidelity not in self._models:
            self._models[fidelity] = TPE(
                self.problem,
                n_initial_points=self._n_enough,
                n_ei_candidates=self.num_samples,
                gamma=self.top_n_percent / 100,
            )
        return self._models[fidelity]

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the first promotion that is due, or a new configuration."""
        return self._brackets.suggest(lambda fidelity: self._draw(rng, number, fidelity))

    def _draw(self, rng: np.random.Generator, number: int, fidelity: int) -> Suggestion:
        enough = [rung for rung, n in self._finished.items() if n >= self._n_enough]
        dice = np.random.default_rng([self.problem.seed, number, RANDOM_STREAM])
        if enough and dice.random() >= self.random_fraction:
            point = self._models[max(enough)].suggest(rng, number)
            if isinstance(point, dict) and point_key(point) not in self._taken:
                return {**point, self._fidelity.name: fidelity}
        return self._new.draw(rng, number, fidelity)


def _within(parameter: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        raise AlgorithmError(
            f"algorithm 'bohb': {parameter} must be above 0 and at most {most}, not {value!r}"
        )
    return value
