"""Stop what does not get better any more.

The simplest of the criteria of L. Prechelt, "Early stopping — but when?", Neural Networks:
Tricks of the Trade, 1998: an error that did not fall for some successive reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule
from orion_like.stopping.curve import Curve, Losses
from orion_like.trial import is_number


@dataclass(frozen=True)
class Patience(Rule):
    """Stop a trial whose last reports brought no improvement.

    With several objectives, a report is an improvement if no improvement before it is as good
    in all of them.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    patience
        Reports without an improvement after which it is stopped. Default 10.
    min_delta
        A report counts only if it is better by more than this. Default 0.
    """

    name: ClassVar[str] = "patience"

    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_whole("patience", 1)
        if not is_number(self.min_delta) or not self.min_delta >= 0:
            raise self.error("min_delta", "a number ≥ 0", self.min_delta)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        del others
        improvements, latest = [curve.losses[0]], 0
        for place, losses in enumerate(curve.losses):
            if self._is_improvement(losses, improvements):
                improvements.append(losses)
                latest = place
        if len(curve) - 1 - latest < self.patience:
            return None
        return f"no improvement in the last {self.patience} reports, up to step {curve.steps[-1]}"

    def _is_improvement(self, losses: Losses, earlier: Sequence[Losses]) -> bool:
        return not any(
            all(before - self.min_delta <= now for before, now in zip(other, losses, strict=True))
            for other in earlier
        )
