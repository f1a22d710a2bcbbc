"""The directory in which a trial saves how far it is, so that it can be gone on with.

Each checkpoint is a directory of its own. It gets its name when it is complete, so that one that
was being written when its process was killed is never taken for one.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from orion_like.worker.channel import checked_step

_NAME = re.compile(r"step-(\d+)-[0-9a-f]{32}\Z")


class Saved(NamedTuple):
    """A complete checkpoint; it can be used as a path.

    Parameters
    ----------
    step
        How far the trial was.
    path
        Its directory.
    """

    step: int
    path: str

    def __fspath__(self) -> str:
        return self.path

    @property
    def id(self) -> str:
        """Its own identity, 32 hexadecimal digits."""
        return self.path[-32:]

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file in it, by its path relative to it."""
        files = [os.path.join(top, name) for top, _, names in os.walk(self.path) for name in names]
        return {os.path.relpath(file, self.path): os.path.getsize(file) for file in sorted(files)}


@contextmanager
def saving(directory: str, step: int) -> Iterator[tuple[str, Saved]]:
    """Make a checkpoint of what is written in the context; after an exception there is none.

    Parameters
    ----------
    directory
        Where the checkpoints of a trial are; it is made if need be.
    step
        How far the trial is.

    Yields
    ------
    tuple
        The directory to write into, and the checkpoint that it becomes.
    """
    whole = checked_step(step)
    if whole is None:
        raise TypeError("a checkpoint needs a step")
    name = f"step-{whole:09d}-{uuid.uuid4().hex}"
    unfinished = os.path.join(directory, f".{name}.unfinished")
    saved = Saved(whole, os.path.join(directory, name))
    os.makedirs(unfinished)
    try:
        yield unfinished, saved
        for top, _, names in os.walk(unfinished):
            for entry in (*names, "."):
                _make_durable(os.path.join(top, entry))
        os.rename(unfinished, saved.path)
        _make_durable(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def latest(directory: str) -> Saved | None:
    """Return the checkpoint of the latest step, None if there is none.

    Of several of one step it is the one that was saved last.
    """
    try:
        with os.scandir(directory) as entries:
            found = [(_NAME.match(entry.name), entry) for entry in entries]
    except FileNotFoundError:
        return None
    complete = [
        (int(match[1]), entry.stat().st_mtime_ns, entry.path) for match, entry in found if match
    ]
    if not complete:
        return None
    step, _, path = max(complete)
    return Saved(step, path)


def fetch(path: str, target: str) -> None:
    """Copy a checkpoint into a new directory, which appears when it is complete.

    Raises
    ------
    CheckpointError
        If the directory exists.
    FileNotFoundError
        If the checkpoint does not.
    """
    if os.path.lexists(target):
        from orion_like.errors import CheckpointError

        raise CheckpointError(f"{target} exists already")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    unfinished = f"{target}.{uuid.uuid4().hex}.unfinished"
    try:
        shutil.copytree(path, unfinished)
        os.rename(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def discard(path: str) -> None:
    """Delete a checkpoint; one that is gone is no error.

    From the first moment on nobody takes for a checkpoint what is left of it.
    """
    directory, name = os.path.split(path)
    doomed = os.path.join(directory, f".{name}.deleted")
    with suppress(FileNotFoundError):
        os.rename(path, doomed)
    with suppress(FileNotFoundError):
        shutil.rmtree(doomed)


def _make_durable(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
