"""What a search has found, wherever it comes from: its trials as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orion_like.algo import Objective
from orion_like.trial import Result


@dataclass(frozen=True)
class Finding:
    """One finished trial.

    Parameters
    ----------
    params
        Values by the names that they have there.
    objectives
        Values of the objectives by name.
    others
        Results of other types: constraints, gradients, statistics.
    """

    params: Mapping[str, Any]
    objectives: Mapping[str, float]
    others: Sequence[Result] = ()


@dataclass(frozen=True)
class Findings:
    """All that is known of one search.

    Parameters
    ----------
    name
        What people call it.
    objectives
        Its objectives, in order.
    trials
        Its finished trials, in order.
    unfinished
        How many other ones there are.
    is_directed
        Whether the directions of the objectives are known; those of a table are not.
    highest
        Name of the fidelity and its highest value, of which alone trials compare.
    """

    name: str
    objectives: Sequence[Objective]
    trials: Sequence[Finding]
    unfinished: int = 0
    is_directed: bool = True
    highest: Mapping[str, Any] = field(default_factory=dict)
