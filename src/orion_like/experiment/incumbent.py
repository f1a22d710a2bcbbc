"""The best trial so far: the best feasible one or, until there is one, the least infeasible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FEASIBLE_BY_DEFAULT = {"lower": 0.0, "upper": None, "tolerance": 0.0}


def violation(
    results: Iterable[Mapping[str, Any]], constraints: Sequence[Mapping[str, Any]] = ()
) -> float:
    """Return by how much results miss their outcome constraints in all; 0 is feasible.

    Parameters
    ----------
    results
        Documents of results.
    constraints
        Declared constraints ``{"name", "lower", "upper", "tolerance"}``. A result without
        a declaration is feasible from 0 upwards.

    Examples
    --------
    >>> violation([{"name": "c", "type": "constraint", "value": -2.0}])
    2.0
    >>> violation([{"name": "c", "type": "constraint", "value": -2.0}], [{"name": "c", "upper": 1}])
    0.0
    """
    declared = {constraint.get("name"): constraint for constraint in constraints}
    total = 0.0
    for result in results:
        if result.get("type") != "constraint":
            continue
        bounds = declared.get(result.get("name"), FEASIBLE_BY_DEFAULT)
        value, tolerance = result["value"], bounds.get("tolerance") or 0.0
        lower, upper = bounds.get("lower"), bounds.get("upper")
        if lower is not None:
            total += max(0.0, lower - tolerance - value)
        if upper is not None:
            total += max(0.0, value - upper - tolerance)
        if value != value:
            return math.inf
    return total


class Incumbent:
    """Follows the best of the completed trials that it observes.

    Parameters
    ----------
    objectives
        Declared objectives, ``{"name", "direction"}``; the first one decides.
    constraints
        Declared outcome constraints.

    Examples
    --------
    >>> incumbent = Incumbent()
    >>> for uid, value in [("a", 3.0), ("b", 1.0), ("c", 2.0)]:
    ...     result = {"name": "objective", "type": "objective", "value": value}
    ...     incumbent.observe({"id": uid, "results": [result]})
    >>> incumbent.trial_id, incumbent.value
    ('b', 1.0)
    """

    def __init__(
        self,
        objectives: Sequence[Mapping[str, Any]] = (),
        constraints: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        first = objectives[0] if objectives else {}
        self._name = first.get("name")
        self._sign = -1.0 if first.get("direction") == "maximize" else 1.0
        self._constraints = constraints
        self._key = (math.inf, math.inf, math.inf)
        self.trial_id: str | None = None
        self.value: float | None = None

    def _objective(self, results: Sequence[Mapping[str, Any]]) -> float | None:
        objectives = [result for result in results if result.get("type") == "objective"]
        named = [result for result in objectives if result.get("name") == self._name]
        chosen = (named or objectives)[:1]
        return chosen[0]["value"] if chosen else None

    def observe(self, document: Mapping[str, Any]) -> None:
        """Take in a completed trial."""
        results = document.get("results") or ()
        value = self._objective(results)
        if value is None or value != value:
            return
        number = document.get("number")
        key = (
            violation(results, self._constraints),
            self._sign * value,
            math.inf if number is None else number,
        )
        if self.trial_id is None or key < self._key:
            self._key, self.trial_id, self.value = key, document["id"], value
