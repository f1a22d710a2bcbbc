"""Optimization with Gaussian processes.

J. Močkus, On Bayesian methods for seeking the extremum, 1975; D. R. Jones, M. Schonlau and
W. J. Welch, Efficient global optimization of expensive black-box functions, 1998. Models are
fitted afresh for each suggestion, from the trials alone. Every second suggestion is made by a
model of all the space, the others by one of a box around the best trial, which sees smaller
and smaller parts of the function and so ends close to its minimum.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Suggestion, positive_integer
from orion_like.algo.gp.acquisition import Acquisition, Process
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.models import Frame, Models
from orion_like.algo.gp.observations import Observations
from orion_like.algo.gp.region import cloud_size, local_box
from orion_like.algo.gp.regression import NoisePrior, Posterior
from orion_like.algo.gp.scalarization import scalarize
from orion_like.algo.gp.search import Search
from orion_like.algo.gp.threads import one_thread
from orion_like.algo.gp.transfer import RelatedTasks, is_trusted
from orion_like.algo.gp.warping import warp_losses
from orion_like.algo.history import History
from orion_like.algo.problem import Problem
from orion_like.algo.sobol import Sobol
from orion_like.trial import Trial

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

MAX_ROWS = 200
"""Most trials that a model of all the space learns from."""

MAX_PENDING = 64
"""Most running trials that are taken into account, the latest ones."""

ENOUGH_GRADIENTS = 2
"""Finished trials that make a model when there are gradients."""

LEAST_WITH_RELATED = 4
"""Finished trials, at least, that make a model when there are related tasks."""

N_GOOD = 4
"""Good trials around which candidates are drawn."""

TURNS, GRADIENT_TURNS = 2, 4
"""One of so many suggestions is made by a model of all the space once there is a local one."""

GLOBAL_BEND, LOCAL_BEND = 1.0, 5.0
"""Where losses are bent into their logarithms, in distances of the median from the best."""

GLOBAL_NOISE = NoisePrior(typical=1e-4, least=1e-7)
LOCAL_NOISE = NoisePrior(typical=1e-5, least=1e-10)


class GP(Algorithm):
    """Model the objective with a Gaussian process, and take the point that promises most.

    The cost of a suggestion does not grow with the number of trials: beyond some hundreds, the
    most relevant ones are modelled. Outcome constraints and failures are modelled too. With two
    objectives the hypervolume counts, by turns with random combinations; more are only combined.

    Parameters
    ----------
    problem
        The space, objectives and constraints.
    n_initial_points
        Finished trials before there is a model; until then, points of a scrambled Sobol'
        sequence are suggested. None is two for each number or category of a point and two
        more, but at most 10. Default None.

    Raises
    ------
    AlgorithmError
        If a parameter is out of its range.
    """

    name = "gp"
    uses_gradients = True

    def __init__(self, problem: Problem, n_initial_points: int | None = None) -> None:
        super().__init__(problem)
        if n_initial_points is not None:
            positive_integer("gp", "n_initial_points", n_initial_points)
        self.n_initial_points = n_initial_points
        self._embedding = Embedding(problem.space.encoding())
        self._initial = Sobol(problem)
        self._history = History(problem)
        self._related = RelatedTasks(problem, self._embedding)
        self._told = False

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials; those that are not finished are kept away from."""
        trials = list(trials)
        self._initial.observe(trials)
        self._history.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the point with the highest acquisition, or an initial point."""
        trials = Observations.of(self._history)
        if len(trials) >= self._fewest and trials.evaluated.any():
            with one_thread():
                params = self._most_promising(rng, number, trials)
            if params is not None:
                return params
        return self._initial.suggest(rng, number)

    def _tell(self, contradicted: bool) -> None:
        """Say once that gradients are not used because they contradict the values."""
        if contradicted and not self._told:
            self._told = True
            logger.warning(
                "algorithm 'gp': the reported gradients are ignored while they contradict the "
                "values of the objective; check their signs, their units (those of the "
                "parameters, not their logarithms) and which parameter each belongs to"
            )

    @property
    def _enough(self) -> int:
        """How many finished trials make a model."""
        if self.n_initial_points is not None:
            return self.n_initial_points
        if self._history.has_gradients:
            return ENOUGH_GRADIENTS
        return min(10, 2 * self._embedding.width + 2)

    @property
    def _fewest(self) -> int:
        """How many finished trials make a model that believes in related tasks."""
        return max(LEAST_WITH_RELATED, self._enough // 2) if len(self._related) else self._enough

    def _with_related(self, trials: Observations, losses: Floats, loss: Posterior) -> Process:
        """Return the model of the loss of all the space with what related tasks tell."""
        if not len(self._related) or self._history.has_gradients:
            return loss
        known = trials.evaluated
        targets, _ = warp_losses(losses[known], GLOBAL_BEND)
        return self._related.explain(trials.vectors[known], targets, GLOBAL_NOISE, loss)

    def _most_promising(
        self, rng: np.random.Generator, number: int, trials: Observations
    ) -> dict[str, Any] | None:
        """Return a new point with the highest acquisition, or None if none was found."""
        losses = scalarize(trials.losses, rng)
        pending = self._history.vectors(self._history.pending(MAX_PENDING))
        frame = Frame(self._embedding, Box.unit(len(self._embedding.numeric)))
        kept = trials.relevant(losses, MAX_ROWS)
        models = Models(self.problem, self._history, frame, GLOBAL_BEND)
        if trials.losses.shape[1] == 2 and not number % TURNS:
            seen = trials.at(kept)
            acquisition = models.of_front(seen, pending, GLOBAL_NOISE)
            return self._found(rng, frame, acquisition, seen, losses[kept])
        loss = models.loss(trials.at(kept), losses[kept], GLOBAL_NOISE)
        process = self._with_related(trials.at(kept), losses[kept], loss)
        if len(trials) < self._enough and not is_trusted(process):
            return None
        self._tell(models.contradicted)
        size = cloud_size(self._embedding.width, models.with_gradients)
        turns = GRADIENT_TURNS if models.with_gradients else TURNS
        if number % turns and len(trials) >= size:
            best = int(trials.ranked(losses)[0])
            box, kept = local_box(self._embedding, trials.vectors, best, 1.0 / loss.scale, size)
            if trials.evaluated[kept].sum() > 1:
                frame = Frame(self._embedding, box)
                models = Models(self.problem, self._history, frame, LOCAL_BEND)
                process = models.loss(trials.at(kept), losses[kept], LOCAL_NOISE)
        seen = trials.at(kept)
        acquisition = models.acquisition(process, seen, pending)
        return self._found(rng, frame, acquisition, seen, losses[kept])

    def _found(
        self,
        rng: np.random.Generator,
        frame: Frame,
        acquisition: Acquisition,
        seen: Observations,
        losses: Floats,
    ) -> dict[str, Any] | None:
        """Return the new point of highest acquisition that was found, None if there is none."""
        good = seen.vectors[seen.ranked(losses)[:N_GOOD]]
        search = Search(self.space, self._embedding, frame.box, acquisition)
        for found in search.run(rng, good):
            if not self._history.is_taken(found.params):
                return found.params
        return None
