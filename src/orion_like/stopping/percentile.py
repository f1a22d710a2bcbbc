"""Stop all but the best percentage of the trials that came as far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule, rank_among
from orion_like.stopping.curve import Curve


@dataclass(frozen=True)
class Percentile(Rule):
    """Stop a trial that is not among the best percentage, by the best report up to its step.

    It is compared with all other trials that came as far, also with those that run. With several
    objectives, a trial is stopped if more than that percentage dominate it.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    percentile
        Percentage of trials that may go on, between 0 and 100. Default 25.
    min_trials
        Trials that there must be to compare with. Default 5.
    """

    name: ClassVar[str] = "percentile"

    percentile: float = 25.0
    min_trials: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_between("percentile", 0, 100)
        self.require_whole("min_trials", 1)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        step = curve.steps[-1]
        as_far = [best for c in others if c.steps[-1] >= step and (best := c.best_until(step))]
        best = curve.best_until(step)
        if best is None or len(as_far) < self.min_trials:
            return None
        better = rank_among(best, as_far)
        if 100 * better <= self.percentile * len(as_far):
            return None
        return (
            f"at step {step}, {better} of {len(as_far)} other trials are better, and it is not "
            f"among the best {self.percentile:g} %"
        )
