"""What a trial reported so far, as losses at growing steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, TypeAlias

Losses: TypeAlias = tuple[float, ...]
"""One number an objective, with signs that make each to be minimized."""


class Curve:
    """The learning curve of one trial in one group of reports.

    The best and the mean up to any step are kept as reports come in, so that a rule reads them
    off. With several objectives they are taken for each objective by itself.

    Parameters
    ----------
    number
        Number of the trial in its experiment.
    final
        Losses of a completed trial; None if it is not completed.
    objective
        Name of the first objective. Default ``'objective'``.

    Examples
    --------
    >>> curve = Curve(number=0)
    >>> for step, loss in enumerate([3.0, 1.0, 2.0]):
    ...     curve.add(step, (loss,))
    >>> curve.best_until(2), curve.mean_until(2), curve.last
    ((1.0,), (2.0,), (2.0,))
    """

    __slots__ = (
        "_best", "_sums", "elapsed", "final", "losses", "number", "objective", "steps", "values",
    )  # fmt: skip

    def __init__(
        self,
        number: int | None = None,
        final: Losses | None = None,
        objective: str = "objective",
    ) -> None:
        self.number = -1 if number is None else number
        self.final = final
        self.objective = objective
        self.elapsed = 0.0  # seconds that the trial has been running in this attempt
        self.steps: list[int] = []
        self.losses: list[Losses] = []
        self.values: list[Mapping[str, float]] = []
        self._best: list[Losses] = []
        self._sums: list[Losses] = []

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def is_completed(self) -> bool:
        """Whether the trial ended with a result."""
        return self.final is not None

    @property
    def last(self) -> Losses:
        """The latest losses."""
        return self.losses[-1]

    def add(self, step: int, losses: Losses, values: Mapping[str, float] | None = None) -> None:
        """Take in what was reported at a step, which is later than those before.

        Parameters
        ----------
        step
            The step.
        losses
            The objectives; NaN counts as the worst possible.
        values
            Everything that was reported, by name.
        """
        known = tuple(loss if loss == loss else float("inf") for loss in losses)
        self.steps.append(step)
        self.losses.append(known)
        self.values.append({} if values is None else values)
        best, sums = (
            (self._best[-1], self._sums[-1]) if self._best else (known, (0.0,) * len(known))
        )
        self._best.append(tuple(map(min, best, known)))
        self._sums.append(tuple(a + b for a, b in zip(sums, known, strict=True)))

    def best_until(self, step: int) -> Losses | None:
        """Return the best losses up to a step; None if nothing was reported until then."""
        end = bisect_right(self.steps, step)
        return self._best[end - 1] if end else None

    def mean_until(self, step: int) -> Losses | None:
        """Return the mean of the losses up to a step; None if nothing was reported until then."""
        end = bisect_right(self.steps, step)
        return tuple(loss / end for loss in self._sums[end - 1]) if end else None

    def first_from(self, step: int) -> int | None:
        """Return the place of the first report at `step` or later; None if there is none."""
        place = bisect_right(self.steps, step - 1)
        return place if place < len(self.steps) else None


def to_losses(values: Mapping[str, Any], signs: Mapping[str, float]) -> Losses | None:
    """Return the objectives among reported values, or None if one is missing.

    Parameters
    ----------
    values
        Numbers by name. The only number may have any name when there is one objective.
    signs
        1.0 for each objective to be minimized, -1.0 for each to be maximized, by name.

    Examples
    --------
    >>> to_losses({"accuracy": 0.75, "epoch_time": 3.0}, {"accuracy": -1.0})
    (-0.75,)
    """
    if len(signs) == 1 and len(values) == 1:
        return tuple(
            sign * value for sign, value in zip(signs.values(), values.values(), strict=True)
        )
    if any(name not in values for name in signs):
        return None
    return tuple(sign * values[name] for name, sign in signs.items())
