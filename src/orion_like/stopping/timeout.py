"""Stop what takes too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule
from orion_like.stopping.curve import Curve
from orion_like.trial import is_number


@dataclass(frozen=True)
class Timeout(Rule):
    """Stop a trial that has been running for some time.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    seconds
        How long a trial may take, of its current attempt. Default 3600.
    """

    name: ClassVar[str] = "timeout"
    by_clock: ClassVar[bool] = True

    seconds: float = 3600.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.seconds) or not self.seconds > 0:
            raise self.error("seconds", "a number > 0", self.seconds)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        del others
        if curve.elapsed <= self.seconds:
            return None
        return f"it ran for {curve.elapsed:.0f} s, longer than {self.seconds:g} s"
