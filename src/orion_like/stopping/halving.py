"""Successive halving on reports: at each rung, only the best part goes on.

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht, A. Talwalkar, "A
system for massively parallel hyperparameter tuning", MLSys 2020; its variant that stops trials
in place of pausing and promoting them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule, dominates
from orion_like.stopping.curve import Curve, Losses
from orion_like.trial import is_number


@dataclass(frozen=True)
class Halving(Rule):
    """Stop a trial that reaches a rung without being among the best part of those there.

    Rungs are at ``min_steps * reduction**k`` for k = 0, 1, 2… Whoever comes to a rung is compared
    with all that came there before, by the losses reported there; of n of them, with itself, the
    best ``max(n // reduction, 1)`` go on. The first one always does. With several objectives,
    the order is by how many dominate a trial.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    min_steps
        Step of the first rung. Default 1.
    reduction
        Factor between rungs, and 1 / the part that goes on; more than 1. Default 3.
    """

    name: ClassVar[str] = "halving"

    min_steps: int = 1
    reduction: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_whole("min_steps", 1)
        if not is_number(self.reduction) or not 1 < self.reduction < float("inf"):
            raise self.error("reduction", "a number > 1", self.reduction)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        before = curve.steps[-2] if len(curve) > 1 else float("-inf")
        for rung in self._rungs(curve.steps[-1]):
            if rung > before:
                reason = self._verdict_at(rung, curve.last, others)
                if reason is not None:
                    return reason
        return None

    def _rungs(self, step: int) -> Iterator[float]:
        rung = float(self.min_steps)
        while rung <= step:
            yield rung
            rung *= self.reduction

    def _verdict_at(self, rung: float, losses: Losses, others: Sequence[Curve]) -> str | None:
        there = [
            other.losses[place]
            for other in others
            if (place := other.first_from(_ceil(rung))) is not None
        ]
        go_on = max(int((len(there) + 1) / self.reduction), 1)
        better = sum(dominates(other, losses) for other in there)
        if better < go_on:
            return None
        return (
            f"at the rung of step {rung:g}, {better} of {len(there)} other trials were better, and "
            f"{go_on} of {len(there) + 1} may go on"
        )


def _ceil(rung: float) -> int:
    return -int(-rung // 1)
