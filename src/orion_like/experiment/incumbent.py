"""The best trial so far: the best feasible one or, until there is one, the least infeasible."""

from __future__ import annotations

import math

from orion_like.algo import Kind, Objective, Outcome


class Incumbent:
    """Follows the best of the trials that it observes, by the first objective.

    Losses compare at the same fidelity only, so one with a higher fidelity is better than all
    with lower ones. Of equally good ones, that with the lowest number is the best. Failed trials
    never are.

    Parameters
    ----------
    objective
        The first objective.

    Examples
    --------
    >>> incumbent = Incumbent(Objective())
    >>> for uid, loss in [("a", 3.0), ("b", 1.0), ("c", 2.0)]:
    ...     incumbent.observe(uid, None, Outcome(Kind.FEASIBLE, (loss,)))
    >>> incumbent.trial_id, incumbent.value, incumbent.is_feasible
    ('b', 1.0, True)
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._key: tuple[float, ...] = ()
        self._outcome: Outcome | None = None
        self.trial_id: str | None = None

    @property
    def value(self) -> float | None:
        """Its objective; None without a best trial."""
        return None if self._outcome is None else self._objective.sign * self._outcome.losses[0]

    @property
    def is_feasible(self) -> bool | None:
        """Whether it keeps all constraints; None without a best trial."""
        return None if self._outcome is None else self._outcome.is_feasible

    def observe(
        self, trial_id: str, number: int | None, outcome: Outcome, fidelity: float = 0.0
    ) -> None:
        """Take in a finished trial."""
        if outcome.kind is Kind.FAILED:
            return
        last = math.inf if number is None else number
        key = (outcome.kind, -fidelity, *outcome.key, last)
        if self._outcome is None or key < self._key:
            self._key, self._outcome, self.trial_id = key, outcome, trial_id
