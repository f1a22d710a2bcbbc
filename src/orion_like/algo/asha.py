"""Asynchronous successive halving (ASHA).

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and
A. Talwalkar, A system for massively parallel hyperparameter tuning, MLSys 2020
(arXiv 1810.05934), their algorithm 2.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from orion_like.algo.base import (
    Algorithm,
    Continued,
    Exhausted,
    Requirements,
    Suggestion,
    Wait,
    positive_integer,
)
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import NewConfigurations, Rungs, Standings, fidelity_of, rung_fidelities
from orion_like.trial import Trial

BRACKET_STREAM = 1


class ASHA(Algorithm):
    """Start many configurations at the lowest fidelity, and promote the best of each rung.

    Whenever a worker is free, it looks from the highest rung down for a configuration among
    the best 1/base of its rung that is not promoted yet, and continues it on the next rung;
    without any, it starts a new one. Nobody ever waits for a rung to fill. A promotion names
    the trial that it continues as its parent, from whose working directory it starts.

    The fidelities of the rungs include both ends of the dimension; the factor between them
    is the base or somewhat more.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    num_rungs
        How many rungs. Default floor(log(high / low) / log(base)) + 1.
    num_brackets
        How many brackets: in bracket s, configurations start on rung s. New configurations
        go to bracket s with a probability in proportion to base^-s, so that all get about the
        same effort. At most as many as rungs. Default 1.

    Raises
    ------
    AlgorithmError
        If a number is out of its range, or the base of the fidelity is below 2.
    """

    name = "asha"
    requires = Requirements(fidelity=True, max_objectives=1)
    foreign_parameters = frozenset({"repetitions"})

    def __init__(
        self, problem: Problem, num_rungs: int | None = None, num_brackets: int = 1
    ) -> None:
        super().__init__(problem)
        if num_rungs is not None:
            positive_integer("asha", "num_rungs", num_rungs)
        self.num_rungs = num_rungs
        self.num_brackets = positive_integer("asha", "num_brackets", num_brackets)
        self._fidelity = fidelity_of(problem)
        self.fidelities = rung_fidelities(self._fidelity, num_rungs)
        self._n_brackets = min(num_brackets, len(self.fidelities))
        self._rungs = Rungs(problem, self.fidelities)
        self._standings: dict[tuple[int, int], Standings] = {}
        self._entries: dict[str, int] = {}
        self._new = NewConfigurations(problem)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all rungs."""
        trials = list(trials)
        self._new.observe(trials)
        for configuration in self._rungs.observe(trials):
            entry = self._entries.setdefault(configuration.key, configuration.entry)
            if entry != configuration.entry:  # an earlier trial of it has turned up
                self._entries[configuration.key] = configuration.entry
                for rung in range(len(self.fidelities)):
                    self._of(entry, rung).discard(configuration)
            for rung in range(configuration.entry, len(self.fidelities)):
                self._of(configuration.entry, rung).update(configuration)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the promotion that is due on the highest rung, or a new configuration."""
        for rung in reversed(range(len(self.fidelities) - 1)):
            for bracket in range(min(rung + 1, self._n_brackets)):
                promotion = self._promotion(bracket, rung)
                if promotion is not None:
                    return promotion
        point = self._new.draw(rng, number, self.fidelities[self._bracket(number)])
        return Wait if point is Exhausted and self._rungs.n_pending else point

    def _promotion(self, bracket: int, rung: int) -> Continued | None:
        standings = self._of(bracket, rung)
        key = standings.best_waiting(int(len(standings) / self._fidelity.base))
        if key is None:
            return None
        configuration = self._rungs.configurations[key]
        return configuration.continued(rung, self._fidelity.name, self.fidelities[rung + 1])

    def _bracket(self, number: int) -> int:
        """Draw the bracket of a new configuration, from a stream of its own."""
        rng = np.random.default_rng([self.problem.seed, number, BRACKET_STREAM])
        weights = float(self._fidelity.base) ** -np.arange(self._n_brackets)
        return int(np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(), side="right"))

    def _of(self, bracket: int, rung: int) -> Standings:
        return self._standings.setdefault((bracket, rung), Standings(rung))
