"""Conflicts: what differs between a version of an experiment and what is asked for now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from orion_like.algo import OutcomeConstraint
from orion_like.errors import SpaceError
from orion_like.space import build_space
from orion_like.storage.adoption import flat_space

NEW_DIMENSION = "new dimension"
MISSING_DIMENSION = "missing dimension"
CHANGED_DIMENSION = "changed prior"
ALGORITHM = "algorithm"
SEED = "seed"
OBJECTIVES = "objectives"
CONSTRAINTS = "constraints"
WARM_START = "warm start"
CODE = "code"
COMMAND_LINE = "command line"
SCRIPT_CONFIG = "script configuration"
PACKAGE_VERSION = "package version"

OF_THE_SEARCH = (
    NEW_DIMENSION, MISSING_DIMENSION, CHANGED_DIMENSION, ALGORITHM, SEED, OBJECTIVES, CONSTRAINTS,
    WARM_START,
)  # fmt: skip
"""Kinds of conflicts about what is searched and how, not about what is run."""


@dataclass(frozen=True, eq=False)
class Conflict:
    """One difference.

    Parameters
    ----------
    kind
        What differs, such as ``'new dimension'``.
    text
        The difference, for people.
    old, new
        What there was, and what is asked for; None for what is not there.
    name
        Name of the dimension, if it is about one.
    """

    kind: str
    text: str
    old: Any = None
    new: Any = None
    name: str = ""

    def __str__(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        """Return the difference as plain values."""
        named = {"name": self.name} if self.name else {}
        return {"kind": self.kind, **named, "old": self.old, "new": self.new, "text": self.text}


MetadataComparison: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[Conflict]]
"""Finds what differs between the commands that the metadata of two versions describe."""


def nothing_compared(
    old: Mapping[str, Any],  # noqa: ARG001
    new: Mapping[str, Any],  # noqa: ARG001
) -> Iterable[Conflict]:
    """Find no difference between commands, as between experiments that have none."""
    return ()


def find_conflicts(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    compare_commands: MetadataComparison = nothing_compared,
) -> list[Conflict]:
    """Return all that differs between the documents of two experiments.

    Parameters
    ----------
    old, new
        The documents.
    compare_commands
        Finds what differs between their commands.

    Examples
    --------
    >>> old = {"space": {"x": "uniform(0, 1)"}, "algorithm": {"tpe": {}}}
    >>> new = {"space": {"x": "uniform(0, 2)", "y": "uniform(0, 1)"}, "algorithm": {"tpe": {}}}
    >>> [str(conflict) for conflict in find_conflicts(old, new)]
    ['x: uniform(0, 1) → uniform(0, 2)', 'new dimension y: uniform(0, 1)']
    """
    old_metadata, new_metadata = old.get("metadata") or {}, new.get("metadata") or {}
    return [
        *_space_conflicts(old.get("space") or {}, new.get("space") or {}),
        *_setting_conflicts(old, new),
        *_code_conflicts(old_metadata.get("VCS"), new_metadata.get("VCS")),
        *compare_commands(old_metadata, new_metadata),
        *_version_conflicts(old_metadata, new_metadata),
    ]


def prior_texts(space: Mapping[str, Any]) -> dict[str, str]:
    """Return the priors of a stored space in their normal form, by the names of dimensions."""
    flat = flat_space(space)
    try:
        return build_space(flat).configuration
    except SpaceError:  # Oríon knows priors that we do not
        return {name: str(prior) for name, prior in flat.items()}


def _space_conflicts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Conflict]:
    stored, asked = prior_texts(old), prior_texts(new)
    for name in sorted({*stored, *asked}):
        before, after = stored.get(name), asked.get(name)
        if before is None:
            text = f"new dimension {name}: {after}"
            yield Conflict(NEW_DIMENSION, text, None, after, name)
        elif after is None:
            yield Conflict(
                MISSING_DIMENSION, f"dimension {name} is missing ({before})", before, None, name
            )
        elif before != after:
            yield Conflict(CHANGED_DIMENSION, f"{name}: {before} → {after}", before, after, name)


def _setting_conflicts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Conflict]:
    before, after = map(_algorithm, (old, new))
    if before != after:
        yield Conflict(ALGORITHM, f"algorithm {before} → {after}", before, after)
    for kind in (SEED, OBJECTIVES):
        before, after = old.get(kind), new.get(kind)
        if before != after:
            yield Conflict(kind, f"{kind} {before} → {after}", before, after)
    before, after = old.get("constraints") or [], new.get("constraints") or []
    if before != after:
        change = " → ".join(map(_relations, (before, after)))
        yield Conflict(CONSTRAINTS, f"constraints {change}", before, after)


def _algorithm(document: Mapping[str, Any]) -> Any:
    """Return the algorithm without its seed, which is the experiment's; Oríon's have it."""
    algorithm = document.get("algorithm") or document.get("algorithms")
    if not isinstance(algorithm, Mapping):
        return algorithm
    return {
        name: {key: value for key, value in (parameters or {}).items() if key != "seed"}
        for name, parameters in algorithm.items()
    }


def _relations(constraints: Sequence[Any]) -> str:
    texts = [c if isinstance(c, str) else str(OutcomeConstraint(**c)) for c in constraints]
    return "; ".join(texts) or "none"


def _code_conflicts(old: Any, new: Any) -> Iterator[Conflict]:
    """Compare the states of a repository; where one is not known nothing can be said."""
    if not old or not new or all(old.get(k) == new.get(k) for k in ("HEAD_sha", "diff_sha")):
        return
    before, after = map(_state_of_code, (old, new))
    yield Conflict(CODE, f"code {before} → {after}", dict(old), dict(new))


def _state_of_code(vcs: Mapping[str, Any]) -> str:
    commit = str(vcs.get("HEAD_sha") or "no commit")[:10]
    changes = f" with changes (diff {str(vcs.get('diff_sha'))[:10]})" if vcs.get("is_dirty") else ""
    return f"commit {commit}{changes}"


def _version_conflicts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Conflict]:
    before, after = _package(old), _package(new)
    if before and after and before != after:
        yield Conflict(PACKAGE_VERSION, f"package version {before} → {after}", before, after)


def _package(metadata: Mapping[str, Any]) -> str | None:
    if metadata.get("orion_like_version"):
        return f"orion_like {metadata['orion_like_version']}"
    return f"orion {metadata['orion_version']}" if metadata.get("orion_version") else None
