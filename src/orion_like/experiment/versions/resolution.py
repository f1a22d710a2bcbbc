"""Resolving conflicts: by markers and options, by hand, or by default; each gives adapters."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orion_like.errors import ConfigurationError, SpaceError
from orion_like.experiment.versions import conflict as kinds
from orion_like.experiment.versions.adapter import (
    CHANGE_TYPES,
    Adapter,
    AlgorithmChange,
    CodeChange,
    CommandLineChange,
    DimensionAddition,
    DimensionDeletion,
    DimensionPriorChange,
    DimensionRenaming,
    PackageVersionChange,
    ScriptConfigChange,
)
from orion_like.experiment.versions.branching import Branching
from orion_like.experiment.versions.conflict import Conflict
from orion_like.experiment.versions.marker import ADD, REMOVE
from orion_like.space.dimension import Dimension
from orion_like.space.prior import parse_prior
from orion_like.spelling import did_you_mean
from orion_like.trial import Param

RATED: Mapping[str, tuple[str, str, type[CodeChange | CommandLineChange | ScriptConfigChange]]] = {
    kinds.CODE: ("--code-change-type", "code_change_type", CodeChange),
    kinds.COMMAND_LINE: ("--cli-change-type", "cli_change_type", CommandLineChange),
    kinds.SCRIPT_CONFIG: ("--config-change-type", "config_change_type", ScriptConfigChange),
}
"""Kinds of conflicts of which users say what they do to results: option, setting, adapter."""

_HARMLESS = (kinds.SEED, kinds.OBJECTIVES, kinds.CONSTRAINTS, kinds.WARM_START)
# what asked for them is explicit
_OF_DIMENSIONS = (kinds.NEW_DIMENSION, kinds.MISSING_DIMENSION, kinds.CHANGED_DIMENSION)
_OTHER_WAYS: Mapping[str, str] = {
    kinds.CODE: "--ignore-code-changes",
    kinds.COMMAND_LINE: "--non-monitored-arguments NAME",
    kinds.ALGORITHM: "--algorithm-change",
    kinds.PACKAGE_VERSION: "--package-version-change",
}


@dataclass(frozen=True)
class Resolution:
    """What becomes of one conflict, or of the two that a renaming is.

    Parameters
    ----------
    conflicts
        The conflicts.
    adapters
        What leads from trials of the parent to those of the child.
    text
        The marker or option that asks for it.
    """

    conflicts: tuple[Conflict, ...]
    adapters: tuple[Adapter, ...]
    text: str

    def __str__(self) -> str:
        return self.text


class Resolutions:
    """The conflicts between a version and its child to be, and how each is resolved.

    Parameters
    ----------
    conflicts
        All that differs.
    branching
        What the user decided beforehand.
    name
        Name of the child, to begin with.
    """

    def __init__(self, conflicts: Sequence[Conflict], branching: Branching, name: str) -> None:
        self.conflicts = tuple(conflicts)
        self.branching = branching
        self.name = name
        self.resolved: list[Resolution] = []

    @property
    def unresolved(self) -> list[Conflict]:
        """Conflicts that nobody has resolved yet."""
        done = {conflict for resolution in self.resolved for conflict in resolution.conflicts}
        return [conflict for conflict in self.conflicts if conflict not in done]

    @property
    def adapters(self) -> list[Adapter]:
        """What leads from the parent to the child, in the order of the conflicts."""
        first = {conflict: place for place, conflict in enumerate(self.conflicts)}
        ordered = sorted(self.resolved, key=lambda r: min(first[c] for c in r.conflicts))
        found = [adapter for resolution in ordered for adapter in resolution.adapters]
        return [a for place, a in enumerate(found) if a not in found[:place]]

    def __iter__(self) -> Iterator[Resolution]:
        yield from self.resolved

    # --- beforehand, and by default --------------------------------------------------------------

    def apply_markers_and_options(self) -> None:
        """Resolve what the user mentioned: marked dimensions, and options with their kinds.

        Raises
        ------
        ConfigurationError
            If a marker is for a dimension that there is not, or that did not change so.
        """
        for name, marker in self.branching.markers.items():
            self._apply_marker(name, marker)
        for conflict in self.unresolved:
            if conflict.kind in RATED:
                change_type = getattr(self.branching, RATED[conflict.kind][1])
                if change_type is not None:
                    self.rate(conflict.kind, change_type)
            elif conflict.kind in _HARMLESS or self._is_allowed(conflict.kind):
                self.accept(conflict.kind)

    def _is_allowed(self, kind: str) -> bool:
        return (kind == kinds.ALGORITHM and self.branching.algorithm_change) or (
            kind == kinds.PACKAGE_VERSION and self.branching.orion_version_change
        )

    def _apply_marker(self, name: str, marker: str) -> None:
        symbol, text = marker[0], marker[1:].strip()
        known = {c.name for c in self.conflicts if c.name}
        if _spelled(name, known) is None:
            return  # as it is already, such as when the command is given again
        if symbol == ADD:
            self.add(name)
        elif symbol == REMOVE:
            self.remove(name, text or None)
        else:
            self.rename(name, text)

    def auto(self) -> None:
        """Resolve the rest by defaults: nothing is taken for a renaming, and changes break."""
        for conflict in self.unresolved:
            if conflict.kind in (kinds.NEW_DIMENSION, kinds.CHANGED_DIMENSION):
                self.add(conflict.name)
            elif conflict.kind == kinds.MISSING_DIMENSION:
                self.remove(conflict.name)
            elif conflict.kind in RATED:
                change_type = getattr(self.branching, RATED[conflict.kind][1])
                self.rate(conflict.kind, change_type or CodeChange.change_type)
            else:
                self.accept(conflict.kind)

    # --- one by one ------------------------------------------------------------------------------

    def add(self, name: str, default: Any = None) -> None:
        """Resolve a new dimension, or a changed prior.

        Parameters
        ----------
        name
            Name of the dimension; leading dashes or a slash may be left out.
        default
            Value of a new dimension that trials of the parent get. Default: the default value of
            its prior; if there is none, no trial of the parent is used.

        Raises
        ------
        ConfigurationError
            If there is no such conflict, or the value is not possible.
        """
        conflict = self._find(name, kinds.NEW_DIMENSION, kinds.CHANGED_DIMENSION)
        if conflict.kind == kinds.CHANGED_DIMENSION:
            if default is not None:
                raise ConfigurationError(
                    f"{name!r} is no new dimension but has another prior, so there is no default "
                    "value to give"
                )
            change = DimensionPriorChange(conflict.name, conflict.old, conflict.new)
            self._resolve((conflict,), (change,), self._written(conflict.name, f"+{conflict.new}"))
            return
        param = _default_param(conflict.name, conflict.new, default)
        text = self._written(conflict.name, f"+{conflict.new}")
        if default is not None:
            text += f" with default value {param.value!r}"
        self._resolve((conflict,), (DimensionAddition(param),), text)

    def remove(self, name: str, default: Any = None) -> None:
        """Resolve a missing dimension.

        Parameters
        ----------
        name
            See `add`.
        default
            Value at which the dimension stands still from now on: trials of the parent with
            another one are not used. Default: the default value of its prior; if there is none,
            no trial of the parent is used.

        Raises
        ------
        ConfigurationError
            If there is no such conflict, or the value is not possible.
        """
        conflict = self._find(name, kinds.MISSING_DIMENSION)
        param = _default_param(conflict.name, conflict.old, default)
        text = self._written(conflict.name, REMOVE if default is None else f"{REMOVE}{default}")
        self._resolve((conflict,), (DimensionDeletion(param),), text)

    def rename(self, old_name: str, new_name: str) -> None:
        """Resolve a missing and a new dimension as one whose name changed.

        Raises
        ------
        ConfigurationError
            If they are not a missing and a new dimension.
        """
        missing = self._find(old_name, kinds.MISSING_DIMENSION)
        new = self._find(new_name, kinds.NEW_DIMENSION)
        adapters: list[Adapter] = [DimensionRenaming(missing.name, new.name)]
        if missing.old != new.new:
            adapters.append(DimensionPriorChange(new.name, missing.old, new.new))
        text = self._written(missing.name, f">{new.name.removeprefix('/')}")
        self._resolve((missing, new), adapters, text)

    def rate(self, kind: str, change_type: str) -> None:
        """Resolve a change of the code, the command line, or the script's configuration file.

        Parameters
        ----------
        kind
            One of `RATED`.
        change_type
            What it does to results: ``'noeffect'``, ``'unsure'`` or ``'break'``.

        Raises
        ------
        ConfigurationError
            If nothing of this kind changed, or the type is unknown.
        """
        if change_type not in CHANGE_TYPES:
            raise ConfigurationError(
                f"a change is one of {', '.join(CHANGE_TYPES)}, not {change_type!r}"
                f"{did_you_mean(change_type, CHANGE_TYPES)}"
            )
        option, _, adapter = RATED[kind]
        self._resolve(self._of_kind(kind), (adapter(change_type),), f"{option} {change_type}")

    def accept(self, kind: str) -> None:
        """Resolve a change that trials do not depend on, such as that of the algorithm.

        Raises
        ------
        ConfigurationError
            If nothing of this kind changed.
        """
        adapters: tuple[Adapter, ...] = ()
        text = f"{kind} changed"
        if kind in (kinds.ALGORITHM, kinds.SEED):
            adapters, text = (AlgorithmChange(),), "--algorithm-change"
        elif kind == kinds.PACKAGE_VERSION:
            adapters, text = (PackageVersionChange(),), "--orion-version-change"
        self._resolve(self._of_kind(kind), adapters, text)

    def reset(self, word: str) -> None:
        """Make conflicts unresolved again.

        Parameters
        ----------
        word
            Name of a dimension, or the text of the resolution.

        Raises
        ------
        ConfigurationError
            If nothing was resolved so.
        """
        bare = word.partition("~")[0].lstrip("-/")
        found = [
            resolution
            for resolution in self.resolved
            if word == resolution.text
            or any(
                word == conflict.kind or (conflict.name and conflict.name.lstrip("/") == bare)
                for conflict in resolution.conflicts
            )
            or resolution.text.partition(" ")[0] == word
        ]
        if not found:
            there = "; ".join(resolution.text for resolution in self.resolved) or "nothing"
            raise ConfigurationError(f"nothing was resolved as {word!r}; there is: {there}")
        self.resolved = [resolution for resolution in self.resolved if resolution not in found]

    # --- finding ---------------------------------------------------------------------------------

    def _resolve(
        self, conflicts: Iterable[Conflict], adapters: Iterable[Adapter], text: str
    ) -> None:
        conflicts = tuple(conflicts)
        again = [r for r in self.resolved if not set(conflicts).isdisjoint(r.conflicts)]
        self.resolved = [r for r in self.resolved if r not in again]
        self.resolved.append(Resolution(conflicts, tuple(adapters), text))

    def _of_kind(self, kind: str) -> tuple[Conflict, ...]:
        found = tuple(conflict for conflict in self.conflicts if conflict.kind == kind)
        if not found:
            there = ", ".join(sorted({conflict.kind for conflict in self.conflicts})) or "nothing"
            raise ConfigurationError(f"the {kind} did not change; what did: {there}")
        return found

    def _find(self, name: str, *wanted: str) -> Conflict:
        of_kind = {c.name: c for c in self.conflicts if c.kind in wanted}
        found = _spelled(name, of_kind)
        if found is not None:
            return of_kind[found]
        others = {c.name: c for c in self.conflicts if c.kind in _OF_DIMENSIONS}
        other = _spelled(name, others)
        if other is not None:
            raise ConfigurationError(
                f"{name!r} is not a {' or '.join(wanted)}: {others[other].text}"
            )
        shown = [known.removeprefix("/") for known in of_kind]
        hint = did_you_mean(name.lstrip("-/"), shown)
        there = f"; there is {', '.join(shown)}" if shown and not hint else ""
        raise ConfigurationError(f"there is no {' or '.join(wanted)} {name!r}{hint}{there}")

    # --- words -----------------------------------------------------------------------------------

    def _written(self, name: str, marker: str) -> str:
        return written(name, marker, self.branching.spellings.get(name))

    def choices(self, conflict: Conflict) -> str:
        """Return what can be done about a conflict, as one writes it."""
        return " or ".join(self._ways(conflict))

    def _ways(self, conflict: Conflict) -> Iterator[str]:
        name = conflict.name
        if conflict.kind == kinds.NEW_DIMENSION:
            yield f"{self._written(name, f'+{conflict.new}')} to add it"
            for other in self.unresolved:
                if other.kind == kinds.MISSING_DIMENSION:
                    renamed = self._written(other.name, f">{name.removeprefix('/')}")
                    yield f"{renamed} if it is {other.name} by a new name"
        elif conflict.kind == kinds.MISSING_DIMENSION:
            yield f"{self._written(name, '-')} to remove it"
            yield f"{self._written(name, '-VALUE')} to keep the trials that have this value"
        elif conflict.kind == kinds.CHANGED_DIMENSION:
            yield f"{self._written(name, f'+{conflict.new}')} to change it"
        elif conflict.kind in RATED:
            yield f"{RATED[conflict.kind][0]} {{{','.join(CHANGE_TYPES)}}}"
        if conflict.kind in _OTHER_WAYS:
            yield _OTHER_WAYS[conflict.kind]


def written(name: str, marker: str, spelling: str | None = None) -> str:
    """Return a marker as one writes it: in the words of a command, or in a space of Python.

    Parameters
    ----------
    name
        Name of the dimension.
    marker
        The marker, with what follows it.
    spelling
        How its command names the dimension. Default: with the dashes that are usual.

    Examples
    --------
    >>> written("/lr", ">rate"), written("/x", "-"), written("/x", "-", "--x")
    ("--lr~'>rate'", '-x~-', '--x~-')
    >>> written("lr", "-0.5")
    "'lr': '~-0.5'"
    """
    if not name.startswith("/"):
        return f"{name!r}: '~{marker}'" if "'" not in marker else f'{name!r}: "~{marker}"'
    bare = name.removeprefix("/")
    usual = f"-{bare}" if len(bare) == 1 else f"--{bare}"
    is_plain = all(character.isalnum() or character in "-+._" for character in marker)
    quoted = marker if is_plain else "'" + marker.replace("'", "'\\''") + "'"
    return f"{spelling or usual}~{quoted}"


def _spelled(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a word such as ``--lr``, ``lr`` or ``/lr`` means."""
    known = set(known)
    bare = name.lstrip("-")
    candidates = (name, bare, f"/{bare.removeprefix('/')}", bare.removeprefix("/"))
    return next((candidate for candidate in candidates if candidate in known), None)


def _default_param(name: str, prior: str, default: Any) -> Param:
    """Return a dimension at a value, or at the default value of its prior, None without one."""
    dimension: Dimension = parse_prior(prior, name)
    if default is not None:
        return Param(name, dimension.type, _cast(dimension, default))
    return Param(name, dimension.type, dimension.default_value if dimension.has_default else None)


def _cast(dimension: Dimension, value: Any) -> Any:
    """Return a value of a dimension from its text, which may be written as in Python."""
    candidates = [value]
    with contextlib.suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        candidates.append(ast.literal_eval(value))
    errors = []
    for candidate in candidates:
        try:
            return dimension.cast(candidate)
        except SpaceError as error:
            errors.append(error)
    raise ConfigurationError(f"default value of {dimension.name!r}: {errors[0]}")
