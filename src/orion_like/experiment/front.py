"""The Pareto front: the feasible trials that no other one beats in all objectives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from orion_like.algo import Objective, Outcome
from orion_like.algo.hypervolume import check_reference, default_reference, hypervolume
from orion_like.algo.pareto import Floats


@dataclass(frozen=True)
class ParetoFront:
    """The front of a moment.

    Parameters
    ----------
    objectives
        Declared objectives.
    trial_ids
        Ids of its trials, the best in the first objective first. Of trials with equal
        objectives it has one.
    values
        Objectives of each of these trials, in the order of declaration.

    Examples
    --------
    >>> objectives = (Objective("loss"), Objective("accuracy", "maximize"))
    >>> front = ParetoFront(objectives, ("a", "b"), ((1.0, 0.5), (3.0, 0.75)))
    >>> [round(bound, 3) for bound in front.reference_point]
    [3.2, 0.475]
    >>> round(front.hypervolume, 3), front.hypervolume_to([3.0, 0.0])
    (0.105, 1.0)
    """

    objectives: tuple[Objective, ...]
    trial_ids: tuple[str, ...] = ()
    values: tuple[tuple[float, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.trial_ids)

    @property
    def _signs(self) -> Floats:
        return np.array([objective.sign for objective in self.objectives])

    @property
    def _losses(self) -> Floats:
        values = np.array(self.values, dtype=float).reshape(-1, len(self.objectives))
        losses: Floats = values * self._signs
        return losses

    @cached_property
    def reference_point(self) -> tuple[float, ...] | None:
        """The worst value of each objective that still counts; None without a trial.

        It is the declared one or, by default, the worst along the front and a tenth of its
        extent beyond.
        """
        if not self.values:
            return None
        defaults = (self._signs * default_reference(self._losses)).tolist()
        declared = [objective.reference for objective in self.objectives]
        pairs = zip(declared, defaults, strict=True)
        return tuple(float(default if given is None else given) for given, default in pairs)

    @cached_property
    def hypervolume(self) -> float:
        """The volume that the front dominates, up to :attr:`reference_point`."""
        return 0.0 if self.reference_point is None else self.hypervolume_to(self.reference_point)

    def hypervolume_to(self, reference_point: Sequence[float]) -> float:
        """Return the volume that the front dominates.

        Parameters
        ----------
        reference_point
            The worst value of each objective that still counts, in the order of declaration.

        Raises
        ------
        ObjectiveError
            If it is not one number for each objective.
        """
        names = [objective.name for objective in self.objectives]
        return hypervolume(self._losses, self._signs * check_reference(reference_point, names))

    def to_json(self) -> dict[str, Any]:
        """Return the front as plain values."""
        names = [objective.name for objective in self.objectives]
        reference = self.reference_point
        return {
            "trials": [
                {"id": uid, "objectives": dict(zip(names, values, strict=True))}
                for uid, values in zip(self.trial_ids, self.values, strict=True)
            ],
            "hypervolume": self.hypervolume,
            "reference_point": reference and dict(zip(names, reference, strict=True)),
        }


class FrontFollower:
    """Follows the Pareto front of the trials that it observes, in any order.

    Parameters
    ----------
    objectives
        Declared objectives.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)
        self._losses = np.empty((0, len(self._objectives)))
        self._trials: list[tuple[float, str]] = []  # number and id of each row
        self._snapshot: ParetoFront | None = None

    def observe(self, trial_id: str, number: int | None, outcome: Outcome) -> None:
        """Take in a finished trial; of equal ones, that with the lowest number stays."""
        if not outcome.is_feasible:
            return
        losses = np.array(outcome.losses)
        trial = (math.inf if number is None else number, trial_id)
        rivals = np.flatnonzero(np.all(self._losses <= losses, axis=1))
        if any(np.any(self._losses[i] < losses) or self._trials[i] < trial for i in rivals):
            return
        kept = ~np.all(losses <= self._losses, axis=1)
        self._losses = np.vstack([self._losses[kept], losses])
        self._trials = [*(t for t, keep in zip(self._trials, kept, strict=True) if keep), trial]
        self._snapshot = None

    @property
    def front(self) -> ParetoFront:
        """The front as it is now."""
        if self._snapshot is None:
            signs = [objective.sign for objective in self._objectives]
            order = np.lexsort(self._losses.T[::-1])
            self._snapshot = ParetoFront(
                self._objectives,
                tuple(self._trials[i][1] for i in order),
                tuple(map(tuple, (self._losses[order] * signs).tolist())),
            )
        return self._snapshot
