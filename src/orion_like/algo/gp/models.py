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

from orion_like.algo.gp.acquisition import (
    Acquisition,
    ExpectedImprovement,
    Feasibility,
    HypervolumeImprovement,
    Process,
    Term,
)
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.observations import Observations
from orion_like.algo.gp.regression import NoisePrior, Posterior, most_probable
from orion_like.algo.gp.slopes import Slopes, agreement
from orion_like.algo.gp.warping import half_rank, standardized, warp_bounded, warp_losses
from orion_like.algo.history import History
from orion_like.algo.hypervolume import default_reference, is_efficient
from orion_like.algo.outcome import Kind
from orion_like.algo.problem import Problem

Floats = NDArray[np.float64]

MAX_SLOPES = 120
"""Most partial derivatives that a model learns from, those of the best trials."""

SURE = 10.0
"""By how much the log evidence against gradients must exceed that for them to tell the user."""

LEAST_AGREEMENT = -0.1
"""How well gradients must foretell the differences between neighbours to be used at all."""

SURELY_WRONG = -0.5
"""How badly they must do so to tell the user."""

MANY = 10
"""Trials that can give sure evidence against gradients."""

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
        fit = most_probable(self.embedding, coordinates, targets, noise)
        return Posterior.given(self.embedding, fit.hyperparameters, coordinates, targets)

    def slopes(self, gradients: list[Floats | None], factors: Floats) -> Slopes:
        """Return the slopes of targets in the coordinates of this frame.

        Parameters
        ----------
        gradients
            One of each point, by the columns of its vector; None or NaN where unknown.
        factors
            Slope of each point's target by its loss.
        """
        numeric = self.embedding.numeric
        rows = [
            np.full(len(numeric), np.nan) if gradient is None else gradient[numeric]
            for gradient in gradients
        ]
        values = np.array(rows).reshape(len(rows), len(numeric)) * self.box.size * factors[:, None]
        points, coordinates = np.nonzero(np.isfinite(values))
        return Slopes(points, coordinates, values[points, coordinates])


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
    bend
        How far from the best loss the differences between losses count less.

    Attributes
    ----------
    contradicted
        Whether reported gradients surely do not fit the losses.
    with_gradients
        Whether the model of the loss has learnt from gradients.
    """

    def __init__(self, problem: Problem, history: History, frame: Frame, bend: float) -> None:
        self._bounds = {
            constraint.name: (
                -math.inf if constraint.lower is None else constraint.lower - constraint.tolerance,
                math.inf if constraint.upper is None else constraint.upper + constraint.tolerance,
            )
            for constraint in problem.constraints
        }
        self._history = history
        self._frame = frame
        self._bend = bend
        self.contradicted = False
        self.with_gradients = False

    def loss(self, trials: Observations, losses: Floats, noise: NoisePrior) -> Posterior:
        """Return the model of the loss."""
        known = np.flatnonzero(trials.evaluated)
        if self._history.has_gradients:
            model = self._with_gradients(trials.at(known), losses[known], noise)
            if model is not None:
                self.with_gradients = True
                return model
        targets, _ = warp_losses(losses[known], self._bend)
        return self._frame.model(trials.vectors[known], targets, noise)

    def _with_gradients(
        self, trials: Observations, losses: Floats, noise: NoisePrior
    ) -> Posterior | None:
        """Return a model that has learnt from gradients too, or None if they contradict it."""
        gradients: list[Floats | None] = [None] * len(trials)
        left = MAX_SLOPES
        for position in trials.ranked(losses).tolist():
            found = self._history.gradients(int(trials.rows[position]))
            if found is not None and len(found.objectives) == 1 and left > 0:
                gradients[position] = found.objectives[0]
                left -= int(np.count_nonzero(np.isfinite(found.objectives[0])))
        targets, factors = warp_losses(losses, self._bend)
        slopes = self._frame.slopes(gradients, factors)
        if not len(slopes):
            return None
        embedding, coordinates = self._frame.embedding, self._frame.coordinates(trials.vectors)
        agreed = agreement(coordinates, targets, slopes)
        if agreed < LEAST_AGREEMENT:
            self.contradicted = agreed < SURELY_WRONG and len(trials) >= MANY
            return None
        with_slopes = most_probable(embedding, coordinates, targets, noise, slopes)
        without = most_probable(embedding, coordinates, targets, noise)
        unrelated = without.log_density + slopes.log_density
        if with_slopes.log_density < unrelated:
            far_below = with_slopes.log_density < unrelated - SURE
            self.contradicted = far_below and len(trials) >= MANY
            return None
        found_parameters = with_slopes.hyperparameters
        return Posterior.given(embedding, found_parameters, coordinates, targets, slopes)

    def acquisition(self, loss: Process, trials: Observations, pending: Floats) -> Acquisition:
        """Return what is to be maximized: the expected improvement of the loss, where feasible.

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
        limits, counts = self._limits(trials, running)
        if counts is None:
            return Acquisition(tuple(limits))
        believed = loss.believing(running)
        means, _ = believed.predict(believed.coordinates)
        best = float(means[counts].min())
        return Acquisition((ExpectedImprovement(believed, best), *limits))

    def of_front(self, trials: Observations, pending: Floats, noise: NoisePrior) -> Acquisition:
        """Return what is to be maximized with two losses: the hypervolume, where feasible.

        Parameters
        ----------
        trials
            Finished trials.
        pending
            Encoded points of running trials.
        noise
            Prior of the noise of both losses.
        """
        running = self._frame.coordinates(pending)
        limits, counts = self._limits(trials, running)
        if counts is None:
            return Acquisition(tuple(limits))
        known = trials.at(np.flatnonzero(trials.evaluated))
        models = [
            self._frame.model(known.vectors, standardized(half_rank(losses)), noise)
            for losses in known.losses.T
        ]
        first, second = (model.believing(running) for model in models)
        points = np.stack(
            [model.predict(model.coordinates)[0] for model in (first, second)], axis=1
        )
        front = points[counts][is_efficient(points[counts])]
        front = np.unique(front, axis=0)
        term = HypervolumeImprovement((first, second), front, default_reference(front))
        return Acquisition((term, *limits))

    def _limits(
        self, trials: Observations, running: Floats
    ) -> tuple[list[Term], NDArray[np.bool_] | None]:
        """Return the models of feasibility, and which trials count as feasible.

        Those are the ones with losses and then the running ones; None if feasibility alone counts.
        """
        limits: list[Feasibility] = [
            Feasibility(limit.posterior.believing(running), limit.lower, limit.upper)
            for limit in [*self._constraints(trials), *self._success(trials)]
        ]
        feasible = trials.feasible[trials.evaluated]
        if not feasible.any() and limits:
            return list(limits), None
        counts = np.concatenate([feasible, _probably_feasible(limits, running)])
        return list(limits), counts if counts.any() else np.ones(len(counts), dtype=bool)

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
