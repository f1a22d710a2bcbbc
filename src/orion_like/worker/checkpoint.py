"""The directory in which a trial saves how far it is, so that it can be gone on with.

Each checkpoint is a directory of its own. It gets its name when it is complete, so that one that
was being written when its process was killed is never taken for one.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from orion_like.worker.channel import checked_step
from orion_like.worker.copying import make_durable, make_durable_tree

CACHE = "cache"
_YOUNG = 60.0  # seconds; it takes less from making a directory to locking it
_LEFTOVER = re.compile(r"\.step-\d+-[0-9a-f]{32}\.(?:unfinished|deleted)\Z")
_NAME = re.compile(r"step-(\d+)-[0-9a-f]{32}\Z")


class Saved(NamedTuple):
    """A complete checkpoint; it can be used as a path.

    Parameters
    ----------
    step
        How far the trial was.
    path
        Its directory.
    url
        Where it is stored, if `path` is but a copy of it on this machine.
    """

    step: int
    path: str
    url: str = ""

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


class CheckpointPlace(NamedTuple):
    """Where the checkpoints of a trial are.

    Parameters
    ----------
    directory
        A directory of this machine, or one that several share; made if need be.
    url
        Where they are stored instead; the directory then has a copy of the last one. Default:
        in the directory.
    parent_url
        Where those of its parent are, from which it goes on as long as it has none. Default:
        nowhere.
    """

    directory: str
    url: str = ""
    parent_url: str = ""

    @contextmanager
    def saving(
        self, step: int, metadata: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[str, Saved]]:
        """Make a checkpoint of what is written in the context; after an exception there is none.

        Parameters
        ----------
        step
            How far the trial is.
        metadata
            What to store about it. Default: nothing.

        Yields
        ------
        tuple
            The directory to write into, and the checkpoint that it becomes.
        """
        whole = checked_step(step)
        if whole is None:
            raise TypeError("a checkpoint needs a step")
        name = f"step-{whole:09d}-{uuid.uuid4().hex}"
        unfinished = os.path.join(self.directory, f".{name}.unfinished")
        saved = self._saved(whole, name)
        _delete_abandoned(self.directory)
        os.makedirs(unfinished)
        lock = _locked(unfinished)
        try:
            yield unfinished, saved
            if self.url:
                self._upload(unfinished, saved, metadata or {})
            else:
                make_durable_tree(unfinished)
                os.rename(unfinished, saved.path)
                make_durable(self.directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            os.close(lock)

    def latest(self) -> Saved | None:
        """Return the checkpoint of the latest step, None if there is none.

        Of several of one step it is the one that was saved last.

        Raises
        ------
        CheckpointError
            If it is stored elsewhere, and cannot be read.
        """
        here = _latest_below(self.directory)
        if not self.url:
            return here
        there = self._latest_stored()
        if there is None and here is None and self.parent_url:
            there = self._replace(url=self.parent_url)._latest_stored()
        if there is None or (here is not None and here.step >= there.step):
            return here
        return there

    def all(self) -> list[Saved]:
        """Return all checkpoints that there are, in no order; none is copied to this machine."""
        here = _all_below(self.directory)
        if not self.url:
            return here
        return here + [self._saved(step, name) for step, name in self._stored()]

    def resources(self, saved: Saved) -> dict[str, int]:
        """Return the bytes of each file in a checkpoint that is here."""
        if not saved.url:
            return saved.sizes()
        from orion_like.worker.checkpoint_storage import read_manifest

        files = (read_manifest(saved.url) or {"files": {}})["files"]
        return {name: measured["bytes"] for name, measured in files.items()}

    def _saved(self, step: int, name: str) -> Saved:
        if not self.url:
            return Saved(step, os.path.join(self.directory, name))
        return Saved(step, os.path.join(self.directory, CACHE, name), f"{self.url}/{name}")

    def _upload(self, unfinished: str, saved: Saved, metadata: Mapping[str, Any]) -> None:
        from orion_like.worker.checkpoint_storage import keep_only, upload

        upload(unfinished, saved.url, saved.step, metadata)
        cache, name = os.path.split(saved.path)
        os.makedirs(cache, exist_ok=True)
        os.rename(unfinished, saved.path)
        keep_only(cache, name)

    def _latest_stored(self) -> Saved | None:
        """Return what was stored last, as a copy on this machine."""
        from orion_like.worker.checkpoint_storage import read_manifest

        for step, name in sorted(self._stored(), reverse=True):
            saved = self._saved(step, name)
            if os.path.isdir(saved.path) or read_manifest(saved.url) is not None:
                return self._cached(saved)
        return None

    def _stored(self) -> list[tuple[int, str]]:
        """Return step and name of what is stored elsewhere, in no order."""
        from orion_like.worker.checkpoint_storage import stored_names

        found = [(_NAME.match(name), name) for name in stored_names(self.url)]
        return [(int(match[1]), name) for match, name in found if match]

    def _cached(self, saved: Saved) -> Saved:
        from orion_like.worker.checkpoint_storage import keep_only

        cache, name = os.path.split(saved.path)
        if not os.path.isdir(saved.path):
            fetch(saved.url, saved.path)
        keep_only(cache, name)
        return saved


def _latest_below(directory: str) -> Saved | None:
    complete = _all_below(directory)
    if not complete:
        return None
    step = max(saved.step for saved in complete)
    of_step = [saved for saved in complete if saved.step == step]
    return of_step[0] if len(of_step) == 1 else max(of_step, key=_when)


def _when(saved: Saved) -> int:
    return os.stat(saved.path).st_mtime_ns


def _all_below(directory: str) -> list[Saved]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    found = [(_NAME.match(name), name) for name in names]
    return [Saved(int(match[1]), os.path.join(directory, name)) for match, name in found if match]


def superseded(directory: str, names: Iterable[str]) -> list[str]:  # noqa: ARG001
    """Return which names in a directory are of checkpoints from which nobody goes on.

    These are all but the latest, and what is not finished or about to be deleted.

    Examples
    --------
    >>> superseded("", ["log.txt", f"step-000000001-{'a' * 32}", f"step-000000002-{'b' * 32}"])
    ['step-000000001-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']
    """
    steps = {name: int(match[1]) for name in names if (match := _NAME.match(name))}
    latest = max(steps.values(), default=0)
    return [
        name for name in names if _LEFTOVER.match(name) or (name in steps and steps[name] < latest)
    ]


def is_url(path: str) -> bool:
    """Whether a checkpoint is stored elsewhere than in a directory."""
    return "://" in path


def fetch(path: str, target: str) -> None:
    """Copy a checkpoint into a new directory, which appears when it is complete.

    Raises
    ------
    CheckpointError
        If the directory exists, or the checkpoint cannot be read.
    FileNotFoundError
        If there is no such checkpoint.
    """
    if os.path.lexists(target):
        from orion_like.errors import CheckpointError

        raise CheckpointError(f"{target} exists already")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    unfinished = f"{target}.{uuid.uuid4().hex}.unfinished"
    try:
        if is_url(path):
            from orion_like.worker.checkpoint_storage import download

            download(path, unfinished)
        else:
            shutil.copytree(path, unfinished)
        os.rename(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def discard(path: str) -> None:
    """Delete a checkpoint; one that is gone is no error.

    From the first moment on nobody takes for a checkpoint what is left of it.

    Raises
    ------
    OSError, CheckpointError
        If it cannot be deleted.
    """
    if is_url(path):
        from orion_like.worker.checkpoint_storage import remove

        remove(path)
        return
    directory, name = os.path.split(path)
    doomed = os.path.join(directory, f".{name}.deleted")
    with suppress(FileNotFoundError):
        os.rename(path, doomed)
    with suppress(FileNotFoundError):
        shutil.rmtree(doomed)


def _locked(directory: str) -> int:
    """Lock a directory as long as this process lives; return the descriptor that holds the lock."""
    descriptor = os.open(directory, os.O_RDONLY)
    with suppress(OSError):  # it is on a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _delete_abandoned(directory: str) -> None:
    """Delete what processes left unfinished that were killed while they saved."""
    with suppress(FileNotFoundError):
        for name in os.listdir(directory):
            if _LEFTOVER.match(name) and name.endswith(".unfinished"):
                path = os.path.join(directory, name)
                with suppress(OSError):
                    if time.time() - os.path.getmtime(path) > _YOUNG and _is_unlocked(path):
                        shutil.rmtree(path)


def _is_unlocked(directory: str) -> bool:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
