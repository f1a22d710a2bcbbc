"""What related tasks have found, as the trend of a Gaussian process.

The loss is taken for a multiple of what a model of the other task predicts, plus a Gaussian process
that learns the rest (D. Golovin et al., Google Vizier, KDD 2017, section 3.3: residuals on a stack
of models). Scales need not agree: both losses are standardized, and the multiple is estimated.
How far a task is believed is the posterior probability of its model, given the trials so far, among
those of all tasks and the model without any (Rasmussen and Williams 2006, section 5.2). So a task
that has nothing to do with this one loses its influence after a few trials, and none can hide in
a crowd of others (the dilution that M. Feurer, B. Letham and E. Bakshy prevent otherwise,
arXiv 1802.02219).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.models import Frame
from orion_like.algo.gp.observations import Observations
from orion_like.algo.gp.regression import NoisePrior, Posterior
from orion_like.algo.gp.warping import warp_losses
from orion_like.algo.history import History
from orion_like.algo.prior_task import PriorTask
from orion_like.algo.problem import Problem

Floats = NDArray[np.float64]

MAX_TASKS = 5
"""Most tasks that are modelled, those with the most trials."""

MAX_ROWS = 100
"""Most trials of a task that its model learns from."""

LEAST_TRIALS = 5
"""Trials of a task that make a model."""

BEND = 1.0
NOISE = NoisePrior(typical=1e-3, least=1e-6)

MULTIPLE, SPREAD = 0.7, 0.5
"""Normal prior of the multiple of a task's prediction; it is never negative."""

BELIEF = 0.5
"""Probability, before any trial, that some task has to do with this one."""

TRUST = 0.75
"""Probability from which on what tasks tell makes up for initial points."""

NEGLIGIBLE = 0.02
"""Probability below which a task is left out."""


@dataclass(frozen=True)
class Trend:
    """A sum of multiples of what models of other tasks predict."""

    models: tuple[Posterior, ...]
    factors: tuple[float, ...]

    def values(self, coordinates: Floats) -> Floats:
        """Return the values at some points."""
        total = np.zeros(len(coordinates))
        for model, factor in zip(self.models, self.factors, strict=True):
            total += factor * model.predict(coordinates)[0]
        return total

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """Return the value at one point and its gradient."""
        total, gradient = 0.0, np.zeros(len(point))
        for model, factor in zip(self.models, self.factors, strict=True):
            mean, _, by_x, _ = model.predict_with_gradient(point)
            total += factor * mean
            gradient += factor * by_x
        return total, gradient


@dataclass(frozen=True)
class WithTrend:
    """A Gaussian process around a trend.

    Parameters
    ----------
    residual
        The process of what the trend does not explain.
    trend
        The trend.
    belief
        Probability that some task has to do with this one.
    """

    residual: Posterior
    trend: Trend
    belief: float

    @property
    def coordinates(self) -> Floats:
        """Observed points."""
        return self.residual.coordinates

    def believing(self, coordinates: Floats) -> WithTrend:
        """Return the process that also has observed its own mean at further points."""
        return WithTrend(self.residual.believing(coordinates), self.trend, self.belief)

    def predict(self, coordinates: Floats) -> tuple[Floats, Floats]:
        """Return the means and variances at some points, without noise."""
        means, variances = self.residual.predict(coordinates)
        return means + self.trend.values(coordinates), variances

    def predict_with_gradient(self, point: Floats) -> tuple[float, float, Floats, Floats]:
        """Return mean and variance at one point, and their gradients by its coordinates."""
        mean, variance, by_mean, by_variance = self.residual.predict_with_gradient(point)
        value, gradient = self.trend.value_and_gradient(point)
        return mean + value, variance, by_mean + gradient, by_variance


def is_trusted(process: object) -> bool:
    """Whether a process surely has learnt from related tasks."""
    return isinstance(process, WithTrend) and process.belief >= TRUST


class RelatedTasks:
    """Models of the related tasks of a problem.

    Parameters
    ----------
    problem
        Its prior tasks are modelled, if it has a single objective.
    embedding
        Coordinates of the models.
    """

    def __init__(self, problem: Problem, embedding: Embedding) -> None:
        self._frame = Frame(embedding, Box.unit(len(embedding.numeric)))
        related = [task for task in problem.prior if not task.is_same]
        if len(problem.objectives) > 1:
            related = []
        observed = [_observed(problem, task) for task in related]
        observed = [
            (vectors, losses) for vectors, losses in observed if len(losses) >= LEAST_TRIALS
        ]
        observed.sort(key=lambda pair: -len(pair[1]))
        self._observed = observed[:MAX_TASKS]
        self._models: list[Posterior] | None = None

    def __len__(self) -> int:
        return len(self._observed)

    @property
    def models(self) -> list[Posterior]:
        """A model of each task, made when it is first asked for."""
        if self._models is None:
            self._models = [
                self._frame.model(vectors, warp_losses(losses, BEND)[0], NOISE)
                for vectors, losses in self._observed
            ]
        return self._models

    def explain(
        self, vectors: Floats, targets: Floats, noise: NoisePrior, alone: Posterior
    ) -> Posterior | WithTrend:
        """Return the model of a loss with the trend that the tasks tell.

        Parameters
        ----------
        vectors
            Encoded points.
        targets
            Standardized losses.
        noise
            Prior of the noise.
        alone
            The model without any trend.
        """
        coordinates = self._frame.coordinates(vectors)
        models, multiples, evidences = [], [], []
        for model in self.models:
            told = model.predict(coordinates)[0]
            if told.std() < 1e-9:
                continue
            multiple, _ = estimate(alone, told, targets)
            rest = self._frame.model(vectors, targets - multiple * told, noise)
            multiple, spread = estimate(rest, told, targets)
            evidence = log_evidence(rest, targets - multiple * told)
            evidence -= 0.5 * ((multiple - MULTIPLE) / SPREAD) ** 2 + math.log(SPREAD / spread)
            models.append(model)
            multiples.append(multiple)
            evidences.append(evidence)
        beliefs = probabilities(log_evidence(alone, targets), evidences)
        kept = [i for i, belief in enumerate(beliefs) if belief * multiples[i] > NEGLIGIBLE]
        if not kept:
            return alone
        trend = Trend(
            tuple(models[i] for i in kept), tuple(beliefs[i] * multiples[i] for i in kept)
        )
        residual = self._frame.model(vectors, targets - trend.values(coordinates), noise)
        return WithTrend(residual, trend, sum(beliefs))


def _observed(problem: Problem, task: PriorTask) -> tuple[Floats, Floats]:
    """Return encoded points and losses of a task."""
    history = History(problem)
    history.observe(task.trials)
    trials = Observations.of(history)
    losses = trials.losses[:, 0]
    kept = trials.relevant(losses, MAX_ROWS)
    kept = kept[trials.evaluated[kept]]
    return trials.vectors[kept], losses[kept]


def estimate(model: Posterior, told: Floats, targets: Floats) -> tuple[float, float]:
    """Return the most probable multiple of a prediction, and its standard deviation.

    Generalized least squares with the covariance matrix of a model (Rasmussen and Williams 2006,
    eq. 2.42 with one basis function).
    """
    a, b = model.inverse_factor @ told, model.inverse_factor @ targets
    precision = float(a @ a) + SPREAD**-2
    mean = (float(a @ b) + MULTIPLE * SPREAD**-2) / precision
    return max(mean, 0.0), precision**-0.5


def log_evidence(model: Posterior, targets: Floats) -> float:
    """Return the log density of targets under the covariance of a model, up to a constant."""
    white = model.inverse_factor @ targets
    return float(np.log(model.inverse_factor.diagonal()).sum()) - 0.5 * float(white @ white)


def probabilities(alone: float, evidences: Iterable[float]) -> list[float]:
    """Return the posterior probability of each task's model.

    Parameters
    ----------
    alone
        Log evidence of the model without tasks.
    evidences
        Log evidence of each model with one.

    Examples
    --------
    >>> [round(p, 2) for p in probabilities(0.0, [0.0, 0.0])]
    [0.25, 0.25]
    """
    logs = np.array([*evidences])
    if not len(logs):
        return []
    logs = logs + math.log(BELIEF / len(logs))
    other = alone + math.log(1.0 - BELIEF)
    top = max(other, float(logs.max()))
    shares = np.exp(logs - top)
    beliefs: list[float] = (shares / (shares.sum() + math.exp(other - top))).tolist()
    return beliefs
