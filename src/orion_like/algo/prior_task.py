"""What is known of another search before the first trial of this one."""

from __future__ import annotations

from dataclasses import dataclass

from orion_like.trial import Trial


@dataclass(frozen=True)
class PriorTask:
    """The finished trials of another search, as points of this space.

    Parameters
    ----------
    name
        What people call it.
    trials
        Its trials, without numbers; their results have the names and directions of the
        objectives of this problem.
    is_same
        Whether its objective is the very same as here. If not, good points there may be good
        here, but values do not compare. Default False.
    """

    name: str
    trials: tuple[Trial, ...]
    is_same: bool = False

    def __repr__(self) -> str:
        return f"PriorTask({self.name!r}, {len(self.trials)} trials, is_same={self.is_same})"
