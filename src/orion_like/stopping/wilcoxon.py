"""Stop what is, with statistical significance, worse than the best trial at the same steps.

F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945: the
signed-rank test for paired samples. It fits where steps are instances or folds on which every
trial is evaluated in the same order, so that values of different steps do not compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule, best_completed
from orion_like.stopping.curve import Curve


@dataclass(frozen=True)
class Wilcoxon(Rule):
    """Stop a trial that is significantly worse than the best completed one, step by step.

    With several objectives, it must be worse in all than one of the best.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    significance
        Largest p-value of the one-sided test at which it is stopped. Default 0.1.
    min_steps
        Steps in common that there must be. Default 4: fewer can never be significant.
    """

    name: ClassVar[str] = "wilcoxon"

    significance: float = 0.1
    min_steps: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_between("significance", 0, 1)
        self.require_whole("min_steps", 1)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        mine = dict(zip(curve.steps, curve.losses, strict=True))
        for best in best_completed(others):
            pairs = [
                (mine[step], losses)
                for step, losses in zip(best.steps, best.losses, strict=True)
                if step in mine
            ]
            if len(pairs) < self.min_steps:
                continue
            p = max(
                _p_worse([mine_[j] - theirs[j] for mine_, theirs in pairs])
                for j in range(len(curve.last))
            )
            if p <= self.significance:
                return (
                    f"worse than trial {best.number} on {len(pairs)} common steps (Wilcoxon "
                    f"signed-rank test, p = {p:.3g})"
                )
        return None


def _p_worse(differences: Sequence[float]) -> float:
    """Return how likely differences are that high, or higher, if they have no tendency."""
    known = [difference for difference in differences if not math.isnan(difference)]
    if not known or sum(known) <= 0:
        return 1.0
    from scipy.stats import rankdata, wilcoxon

    # Infinite losses are the largest differences, whatever their size.
    ranks = rankdata([abs(difference) for difference in known])
    signed = [math.copysign(rank, d) if d else 0.0 for rank, d in zip(ranks, known, strict=True)]
    return float(wilcoxon(signed, zero_method="zsplit", alternative="greater").pvalue)
