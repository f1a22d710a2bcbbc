"""Versions of experiments: what differs, how it is resolved, and what becomes of trials."""

from orion_like.experiment.versions.adapter import (
    ADAPTERS,
    Adapter,
    adapt_backward,
    adapt_forward,
    read_adapters,
)
from orion_like.experiment.versions.branching import Branching
from orion_like.experiment.versions.conflict import Conflict, find_conflicts
from orion_like.experiment.versions.family import Family, fetch_family_trials
from orion_like.experiment.versions.heritage import Heritage
from orion_like.experiment.versions.resolution import Resolution, Resolutions

__all__ = [
    "ADAPTERS",
    "Adapter",
    "Branching",
    "Conflict",
    "Family",
    "Heritage",
    "Resolution",
    "Resolutions",
    "adapt_backward",
    "adapt_forward",
    "fetch_family_trials",
    "find_conflicts",
    "read_adapters",
]
