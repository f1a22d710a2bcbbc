"""The models of a problem: of the loss, of each outcome constraint, and of success.

Outcome constraints: J. R. Gardner, M. J. Kusner, Z. Xu, K. Q. Weinberger and J. P. Cunningham,
Bayesian optimization with inequality constraints, ICML 2014: expected improvement times the
probabilities of feasibility. Until there is a feasible trial, these probabilities alone count
(M. A. Gelbart, J. Snoek and R. P. Adams, Bayesian optimization with unknown constraints,
arXiv 1403.5607). Failed trials are one constraint more, on a value of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.acquisition import Acquisition, ExpectedImprovement, Feasibility
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.observations import Observations
from orion_like.algo.gp.regression import NoisePrior, Posterior, most_probable
from orion_like.algo.gp.warping import warp_bounded, warp_losses
from orion_like.algo.history import History
from orion_like.algo.outcome import Kind
from orion_like.algo.problem import Problem

Floats = NDArray[np.float64]

CONSTRAINT_NOISE = NoisePrior(typical=1e-5, least=1e-7)
SUCCESS_NOISE = NoisePrior(typical=1e-2, least=1e-4)

SUCCESS, FAILURE = -1.0, 1.0
"""What the model of failures takes for their values; zero is the bound between them."""


@dataclass(frozen=True)
class Frame:
    """The part of the space that models describe, and in what coordinates."""

    embedding: Embedding
    box: Box

    def coordinates(self, vectors: Floats) -> Floats:
        """Return the coordinates of encoded points."""
        return self.embedding.coordinates(vectors, self.box)

    def model(self, vectors: Floats, targets: Floats, noise: NoisePrior) -> Posterior:
        """Return a Gaussian process that has learnt from some points."""
        coordinates = self.coordinates(vectors)
        hyperparameters = most_probable(self.embedding, coordinates, targets, noise)
        return Posterior.given(self.embedding, hyperparameters, coordinates, targets)


class Models:
    """Makes the acquisition function from observations.

    Parameters
    ----------
    problem
        Its constraints are modelled.
    history
        All trials.
    frame
        Where.
    """

    def __init__(self, problem: Problem, history: History, frame: Frame) -> None:
        self._bounds = {
            constraint.name: (
                -math.inf if constraint.lower is None else constraint.lower - constraint.tolerance,
                math.inf if constraint.upper is None else constraint.upper + constraint.tolerance,
            )
            for constraint in problem.constraints
        }
        self._history = history
        self._frame = frame

    def loss(self, trials: Observations, losses: Floats, noise: NoisePrior) -> Posterior:
        """Return the model of the loss."""
        known = trials.evaluated
        return self._frame.model(trials.vectors[known], warp_losses(losses[known]), noise)

    def acquisition(self, loss: Posterior, trials: Observations, pending: Floats) -> Acquisition:
        """Return what is to be maximized.

        Parameters
        ----------
        loss
            Model of the loss of `trials`.
        trials
            Finished trials.
        pending
            Encoded points of running trials, which are believed to end as the models say.
        """
        running = self._frame.coordinates(pending)
        limits: list[Feasibility] = [
            Feasibility(limit.posterior.believing(running), limit.lower, limit.upper)
            for limit in [*self._constraints(trials), *self._success(trials)]
        ]
        feasible = trials.feasible[trials.evaluated]
        if not feasible.any() and limits:
            return Acquisition(tuple(limits))
        believed = loss.believing(running)
        means, _ = believed.predict(believed.coordinates)
        counts = np.concatenate([feasible, _probably_feasible(limits, running)])
        best = float(means[counts].min()) if counts.any() else float(means.min())
        return Acquisition((ExpectedImprovement(believed, best), *limits))

    def _constraints(self, trials: Observations) -> Iterator[Feasibility]:
        values: dict[str, dict[int, float]] = {}
        for position, row in enumerate(trials.rows.tolist()):
            outcome = self._history.outcome(row)
            for name, value in outcome.constraints if outcome else ():
                values.setdefault(name, {})[position] = value
        for name in sorted(values):
            lower, upper = self._bounds.get(name, (0.0, math.inf))
            places = np.array(list(values[name]), dtype=np.intp)
            targets, low, high = warp_bounded(np.array(list(values[name].values())), lower, upper)
            posterior = self._frame.model(trials.vectors[places], targets, CONSTRAINT_NOISE)
            yield Feasibility(posterior, low, high)

    def _success(self, trials: Observations) -> Iterator[Feasibility]:
        failed = (trials.kinds == Kind.FAILED) | np.isinf(trials.violations)
        if failed.any():
            targets = np.where(failed, FAILURE, SUCCESS)
            posterior = self._frame.model(trials.vectors, targets, SUCCESS_NOISE)
            yield Feasibility(posterior, -math.inf, 0.0)


def _probably_feasible(limits: list[Feasibility], coordinates: Floats) -> NDArray[np.bool_]:
    if not limits or not len(coordinates):
        return np.ones(len(coordinates), dtype=bool)
    return Acquisition(tuple(limits)).values(coordinates) > math.log(0.5)
