"""What differs between two commands, their priors aside: arguments and configuration files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from orion_like.experiment.versions.conflict import COMMAND_LINE, SCRIPT_CONFIG, Conflict
from orion_like.worker.command import UserCommand


def command_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], non_monitored: Iterable[str] = ()
) -> Iterator[Conflict]:
    """Yield the conflicts between the commands that the metadata of two experiments describe.

    Parameters
    ----------
    old, new
        The metadata.
    non_monitored
        Options, without their dashes, whose values do not matter.

    Examples
    --------
    >>> old = UserCommand.parse(["echo", "-x~uniform(0, 1)", "--data", "a"]).to_metadata()
    >>> new = UserCommand.parse(["echo", "-x~uniform(0, 2)", "--data", "b"]).to_metadata()
    >>> [str(conflict) for conflict in command_changes(old, new)]
    ['command line: --data a → --data b']
    >>> list(command_changes(old, new, ["data"]))
    []
    """
    before, after = UserCommand.from_metadata(old), UserCommand.from_metadata(new)
    if before is None or after is None:
        return
    ignored = {_normal(name) for name in non_monitored}
    stored, asked = (sorted(_arguments(command, ignored)) for command in (before, after))
    if stored != asked:
        change = " → ".join((_without(stored, asked), _without(asked, stored)))
        yield Conflict(COMMAND_LINE, f"command line: {change}", stored, asked)
    was, is_now = before.settings_beside_priors, after.settings_beside_priors
    differing = sorted(key for key in {*was, *is_now} if was.get(key) != is_now.get(key))
    if differing:
        changes = ", ".join(
            f"{key}: {was.get(key, 'nothing')} → {is_now.get(key, 'nothing')}" for key in differing
        )
        lost, gained = ({key: config.get(key) for key in differing} for config in (was, is_now))
        yield Conflict(SCRIPT_CONFIG, f"script configuration: {changes}", lost, gained)


def _without(words: Iterable[str], others: Collection[str]) -> str:
    return " ".join(word for word in words if word not in others) or "nothing"


def _arguments(command: UserCommand, ignored: Collection[str]) -> Iterator[str]:
    """Yield the name of the script, and each option together with its values."""
    yield os.path.basename(command.script)
    group: list[str] = []
    last = -1
    for index, word in command.fixed_words():
        if group and index == last + 1 and not _is_option(word):
            group.append(word)
        else:
            yield from _monitored(group, ignored)
            group = [word]
        if not _is_option(group[0]):
            yield from _monitored(group, ignored)
            group = []
        last = index
    yield from _monitored(group, ignored)


def _monitored(group: list[str], ignored: Collection[str]) -> Iterator[str]:
    if group and _normal(group[0].partition("=")[0]) not in ignored:
        yield " ".join(group)


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not (word[1].isdigit() or word[1] == ".")


def _normal(name: str) -> str:
    return name.lstrip("-").replace("-", "_")
