"""What `orion-like status` tells of completed trials without showing any."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orion_like.algo import Objective, OutcomeConstraint


class Tally:
    """Counts trials with one objective, however many they are, and finds the best.

    Parameters
    ----------
    objective
        The objective.
    bounds
        Declared constraints on results.
    """

    def __init__(self, objective: Objective, bounds: Sequence[OutcomeConstraint]) -> None:
        from orion_like.experiment.incumbent import Incumbent

        self._objective = objective
        self._bounds = bounds
        self._incumbent = Incumbent(objective)
        self._least = math.inf  # loss of the best feasible one
        self.trials = 0
        self.feasible = 0
        self.constraints: set[str] = set()

    @property
    def best(self) -> float | None:
        """The best objective."""
        return self._incumbent.value

    def add(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Take in the documents of the results of a completed trial."""
        self.trials += 1
        # Of a hundred thousand trials, most have this one result, and few are the best so far.
        if len(results) == 1 and not self._bounds and type(results[0]["value"]) is float:
            loss = self._objective.sign * results[0]["value"]
            if results[0]["type"] == "objective" and self._least <= loss < math.inf:
                self.feasible += 1
                return
        self._judge(results)

    def _judge(self, results: Sequence[Mapping[str, Any]]) -> None:
        from orion_like.algo.outcome import judge_results
        from orion_like.trial import Result

        found = [Result.from_document(result) for result in results]
        self.constraints |= {str(result.name) for result in found if result.type == "constraint"}
        outcome = judge_results(found, [self._objective], self._bounds)
        self._incumbent.observe("", None, outcome)
        if outcome.is_feasible:
            self.feasible += 1
            self._least = min(self._least, outcome.losses[0])
