"""Population based training (PBT).

M. Jaderberg, V. Dalibard, S. Osindero et al., Population based training of neural networks,
arXiv 1711.09846, 2017, their algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from orion_like.algo.base import Algorithm, Requirements, Suggestion, positive_integer
from orion_like.algo.exploit import Selector
from orion_like.algo.explore import Explorer
from orion_like.algo.hyperband import checked_repetitions
from orion_like.algo.population import Evolution, population_levels
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import fidelity_of
from orion_like.trial import Trial


class PBT(Algorithm):
    """Train a population, and again and again replace bad members by changed copies of good ones.

    Each member is trained from level to level of the fidelity, by one trial per level that goes on
    from the one before. On each level the worst members are given up (*exploit*), and trials start
    in their places that go on from better ones with other parameters (*explore*). So parameters
    change in the course of the training. Members that will go on whatever the others do need not
    wait for them; who is given up is decided when all have finished on a level.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    population_size
        Members on each level. Default 50.
    generations
        Levels above the lowest one. Default 10.
    exploit
        Rules by which members are given up, in the form that Oríon has for them; the first that
        says so counts. Default ``BacktrackExploit``, then ``TruncateExploit``.
    explore
        Rules by which their replacements get other parameters; the first that does so counts.
        Default ``ResampleExplore``, then ``PerturbExplore``.
    repetitions
        How many populations are trained, one after the other; None is no limit, up to the
        number of trials. Default 1.

    Raises
    ------
    AlgorithmError
        If a parameter is invalid.

    Examples
    --------
    >>> from orion_like.algo import create_algorithm
    >>> from orion_like.space import build_space
    >>> space = build_space({"lr": "loguniform(1e-4, 1)", "epochs": "fidelity(1, 50, base=1)"})
    >>> create_algorithm({"pbt": {"generations": 5}}, space).levels
    (1, 11, 21, 30, 40, 50)
    """

    name = "pbt"
    requires = Requirements(fidelity=True, max_objectives=1)
    foreign_parameters = frozenset({"fork_timeout"})
    has_population = True

    def __init__(
        self,
        problem: Problem,
        population_size: int = 50,
        generations: int = 10,
        exploit: Any = None,
        explore: Any = None,
        repetitions: int | None = 1,
    ) -> None:
        super().__init__(problem)
        self.population_size = positive_integer("pbt", "population_size", population_size)
        self.generations = positive_integer("pbt", "generations", generations)
        select, vary = Selector("pbt", exploit), Explorer(problem, "pbt", explore)
        self.exploit: Mapping[str, Any] = select.configuration
        self.explore: Mapping[str, Any] = vary.configuration
        self.repetitions = checked_repetitions("pbt", repetitions)
        self.ends_early = self.repetitions is not None
        self.levels = population_levels(fidelity_of(problem), generations)
        self._evolution = Evolution(
            problem, population_size, self.levels, select, vary, self.repetitions
        )

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all levels."""
        self._evolution.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return what is due on the lowest level: a first member, one that goes on, or a child."""
        del rng  # what is due does not depend on who fills it
        return self._evolution.suggest(number)
