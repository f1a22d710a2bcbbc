"""Stop what will, by its learning curve so far, hardly become better than the best.

The question and the families of curves are those of T. Domhan, J. Springenberg, F. Hutter,
"Speeding up automatic hyperparameter optimization of deep neural networks by extrapolation of
learning curves", IJCAI 2015. In place of their Markov chain, the one shape parameter of each
family runs over a grid; what is left is linear, so that its posterior and its evidence have a
closed form (Bayesian linear regression with a normal-inverse-gamma prior), and families are
averaged by their evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from orion_like.stopping.base import Rule, best_completed
from orion_like.stopping.curve import Curve

Floats = NDArray[np.float64]

# Standardized losses: the level and the fall are of the order of some units…
_PRIOR_PRECISION: Final = 0.01
# …and the noise of a tenth of one, of which the prior is worth two reports.
_A: Final = 1.0
_B: Final = 0.01


def _power(exponent: float) -> Callable[[Floats], Floats]:
    return lambda x: x**-exponent


def _exponential(rate: float) -> Callable[[Floats], Floats]:
    return lambda x: np.exp(-rate * x)


SHAPES: Final[tuple[Callable[[Floats], Floats] | None, ...]] = (
    None,  # constant
    *(_power(exponent) for exponent in (0.25, 0.5, 1.0, 2.0)),  # pow3
    *(_exponential(rate) for rate in (0.02, 0.05, 0.1, 0.2, 0.5)),  # exp3
    lambda x: -np.log(x),  # log
)
"""What falls with the step x = 1, 2…: a loss is a level plus a multiple of one of these."""


@dataclass(frozen=True)
class Extrapolation(Rule):
    """Stop a trial that will probably end worse than the best completed trial.

    With several objectives, objectives are extrapolated each by itself, and a trial is stopped
    if it will probably be dominated by one of the best.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    probability
        It is stopped if the probability of becoming better is less than this. Default 0.05.
    min_reports
        Reports that there must be to extrapolate from. Default 5.
    horizon
        Step at which trials end. Default None: the last one of any completed trial.
    """

    name: ClassVar[str] = "extrapolation"

    probability: float = 0.05
    min_reports: int = 5
    horizon: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_between("probability", 0, 1)
        self.require_whole("min_reports", 3)
        if self.horizon is not None:
            self.require_whole("horizon", 1)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        best = best_completed(others)
        horizon = self.horizon or max((c.steps[-1] for c in others if c.is_completed), default=0)
        losses = np.array(curve.losses)
        if (
            not best
            or len(curve) < self.min_reports
            or curve.steps[-1] >= horizon
            or not np.isfinite(losses).all()
        ):
            return None
        steps = np.array([*curve.steps, horizon], dtype=float) - curve.steps[0] + 1.0
        objectives = [Prediction(steps[:-1], column, steps[-1]) for column in losses.T]
        chance = min(
            1.0
            - np.prod([1.0 - p.below(f) for p, f in zip(objectives, c.final or (), strict=True)])
            for c in best
        )
        if chance >= self.probability:
            return None
        return (
            f"from its curve up to step {curve.steps[-1]}, the probability that it becomes better "
            f"than the best by step {horizon} is {chance:.2g}"
        )


class Prediction:
    """The distribution of a loss at a later step: a mixture of Student's t.

    Parameters
    ----------
    steps, losses
        What was reported; steps from 1 on, of shape (n,).
    horizon
        The later step.

    Examples
    --------
    >>> steps = np.arange(1.0, 11.0)
    >>> prediction = Prediction(steps, 0.2 + 1 / steps, horizon=100.0)
    >>> prediction.below(0.5) > 0.95, prediction.below(0.1) < 0.05
    (True, True)
    """

    def __init__(self, steps: Floats, losses: Floats, horizon: float) -> None:
        self._center = float(losses.mean())
        self._scale = float(losses.std()) or 1.0
        y = (losses - self._center) / self._scale
        fits = [_fit(shape, steps, y, horizon) for shape in SHAPES]
        evidence = np.array([fit[0] for fit in fits])
        weights = np.exp(evidence - evidence.max())
        self._weights: Floats = weights / weights.sum()
        self._locations = np.array([fit[1] for fit in fits])
        self._widths = np.array([fit[2] for fit in fits])
        self._freedom = 2.0 * (_A + len(y) / 2.0)

    def below(self, loss: float) -> float:
        """Return the probability of being lower than `loss`."""
        from scipy.special import stdtr

        z = ((loss - self._center) / self._scale - self._locations) / self._widths
        return float(self._weights @ stdtr(self._freedom, z))


def _fit(
    shape: Callable[[Floats], Floats] | None, steps: Floats, y: Floats, horizon: float
) -> tuple[float, float, float]:
    """Return the log evidence of a family, and location and width of its prediction."""
    points = np.append(steps, horizon)
    columns = [np.ones_like(points)]
    if shape is not None:
        column = shape(points)
        # In units of its spread over the reports, so that one prior fits all families.
        columns.append((column - column[:-1].mean()) / (column[:-1].std() or 1.0))
    design = np.column_stack(columns)
    x, x_later = design[:-1], design[-1]
    precision = x.T @ x + _PRIOR_PRECISION * np.eye(x.shape[1])
    covariance = np.linalg.inv(precision)
    mean = covariance @ x.T @ y
    a = _A + len(y) / 2.0
    b = _B + 0.5 * float(y @ y - mean @ precision @ mean)
    b = max(b, _B)  # against rounding
    evidence = (
        0.5 * x.shape[1] * np.log(_PRIOR_PRECISION)
        - 0.5 * np.linalg.slogdet(precision)[1]
        - a * np.log(b)
    )
    width = np.sqrt(b / a * (1.0 + x_later @ covariance @ x_later))
    return float(evidence), float(x_later @ mean), float(width)
