"""Stop what is worse than the median of the trials before.

D. Golovin, B. Solnik, S. Moitra, G. Kochanski, J. Karro, D. Sculley, "Google Vizier: a service
for black-box optimization", KDD 2017, section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule, rank_among
from orion_like.stopping.curve import Curve


@dataclass(frozen=True)
class Median(Rule):
    """Stop a trial whose best report so far is worse than the median of running averages.

    The averages are those of the completed trials, over their reports up to the same step. With
    several objectives, a trial is stopped if more than half of these dominate it.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    min_trials
        Completed trials that there must be to compare with. Default 5.
    """

    name: ClassVar[str] = "median"

    min_trials: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_whole("min_trials", 1)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        step = curve.steps[-1]
        means = [
            mean for c in others if c.is_completed and (mean := c.mean_until(step)) is not None
        ]
        best = curve.best_until(step)
        if best is None or len(means) < self.min_trials:
            return None
        better = rank_among(best, means)
        if 2 * better <= len(means):
            return None
        return (
            f"at step {step}, {better} of {len(means)} completed trials were better on average "
            "than this one at its best"
        )
