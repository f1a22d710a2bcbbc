"""Stop what leaves given bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from orion_like.stopping.base import Rule
from orion_like.stopping.curve import Curve
from orion_like.trial import is_number


@dataclass(frozen=True)
class Threshold(Rule):
    """Stop a trial that reports a value beyond a bound, or NaN.

    Parameters
    ----------
    group, warmup_steps
        See :class:`Rule`.
    metric
        Name of the value, as reported. Default: the first objective.
    lower, upper
        Bounds in the units of the value. Default None, no bound: only NaN stops a trial then.
    """

    name: ClassVar[str] = "threshold"

    metric: str | None = None
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for parameter in ("lower", "upper"):
            value = getattr(self, parameter)
            if value is not None and not is_number(value):
                raise self.error(parameter, "a number", value)
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise self.error("lower", f"at most upper, {self.upper}", self.lower)
        if self.metric is not None and not isinstance(self.metric, str):
            raise self.error("metric", "the name of a reported value", self.metric)

    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """See :meth:`Rule.verdict`."""
        del others
        values = curve.values[-1]
        name = self.metric or curve.objective
        if self.metric is None and len(values) == 1:
            name = next(iter(values))
        if name not in values:
            return None
        value, step = values[name], curve.steps[-1]
        if math.isnan(value):
            return f"{name} is NaN at step {step}"
        if self.lower is not None and value < self.lower:
            return f"{name} is {value:g} at step {step}, below {self.lower:g}"
        if self.upper is not None and value > self.upper:
            return f"{name} is {value:g} at step {step}, above {self.upper:g}"
        return None
