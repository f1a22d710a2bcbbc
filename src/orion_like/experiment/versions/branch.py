"""Making a new version of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from zlib import crc32

import numpy as np

from orion_like.errors import BranchingEvent, ConfigurationError
from orion_like.experiment.versions.family import Family
from orion_like.experiment.versions.resolution import Resolutions
from orion_like.storage import Storage

_OWN = ("_id", "next_number", "free_numbers", "deletions", "change", "uuid")  # not a child's


def branch(
    storage: Storage,
    parent: Mapping[str, Any],
    wanted: Mapping[str, Any],
    resolutions: Resolutions,
    prior_trials: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Store a new version of an experiment, and return its document.

    It is one write: of many processes that do the same at the same moment one succeeds, and one
    that is killed leaves nothing half done.

    Parameters
    ----------
    storage
        Where it lives.
    parent
        Document of the version that it is made from.
    wanted
        The same document with what shall differ, and name and number of the new version.
    resolutions
        How the differences are resolved, as far as nobody is asked.
    prior_trials
        Trials of others that the new version starts from, see `Storage.create_experiment`.

    Raises
    ------
    BranchingEvent
        If a difference is left unresolved.
    DuplicateKeyError
        If others made a version with this name and number meanwhile.
    """
    _resolve(parent, resolutions)
    refers = parent.get("refers") or {}
    document = {key: value for key, value in wanted.items() if key not in _OWN}
    document |= {
        "name": resolutions.name,
        "version": wanted["version"] if resolutions.name == wanted["name"] else 1,
        "refers": {
            "root_id": parent["_id"] if refers.get("root_id") is None else refers["root_id"],
            "parent_id": parent["_id"],
            "adapter": [adapter.to_document() for adapter in resolutions.adapters],
        },
        "metadata": {**wanted["metadata"], "datetime": datetime.now(timezone.utc)},
        "state": "active",
        "notes": "",
        "archived": False,
    }
    return storage.create_experiment(document, prior_trials)


def seed_of_child(seed: int, title: str) -> int:
    """Return a seed for a version whose user gives none, always the same.

    It differs from those of its parent and of other children, so that what is drawn from it is not
    what they have tried.

    Parameters
    ----------
    seed
        Seed of the parent.
    title
        What the version will be called, ``name-vN``.
    """
    sequence = np.random.SeedSequence([seed, crc32(title.encode())])
    return int(sequence.generate_state(1)[0] >> 1)


def find_successor(storage: Storage, document: Mapping[str, Any]) -> Any:
    """Return the identity of the version that was made from another one under its name, or None."""
    children = Family.fetch(storage, document).children(document["_id"])
    return next((child.id for child in children if child.name == document["name"]), None)


def check_is_branch_of(storage: Storage, document: Mapping[str, Any], source: str) -> None:
    """Raise ConfigurationError unless an experiment comes from one with the name `source`."""
    ancestors = Family.fetch(storage, document).ancestors(document["_id"])
    if not any(ancestor.name == source for ancestor in ancestors):
        raise ConfigurationError(
            f"experiment {document['name']!r} exists already and was not branched from {source!r}; "
            "choose another name for the branch (-b/--branch-to, or -n with --branch-from)"
        )


def _resolve(parent: Mapping[str, Any], resolutions: Resolutions) -> None:
    """Resolve all that differs: as marked and asked for, then by default or by hand."""
    branching = resolutions.branching
    resolutions.apply_markers_and_options()
    if branching.auto_resolution and not branching.manual_resolution:
        resolutions.auto()
    by_hand = branching.resolve_by_hand
    if by_hand is not None and (resolutions.unresolved or branching.manual_resolution):
        by_hand(parent, resolutions)
    if resolutions.unresolved:
        raise BranchingEvent(_what_is_left(parent, resolutions))


def _what_is_left(parent: Mapping[str, Any], resolutions: Resolutions) -> str:
    left = "; ".join(
        f"{conflict} — write {resolutions.choices(conflict)}" for conflict in resolutions.unresolved
    )
    done = ", ".join(map(str, resolutions)) or "nothing"
    return (
        f"experiment {parent['name']!r} version {parent.get('version', 1)} differs from what is "
        f"asked for, and it is not said how a new version comes from it: {left}. Resolved is "
        f"{done}. Give the options above, let defaults decide (auto_resolution), or answer "
        "questions on a terminal (--manual-resolution)"
    )
