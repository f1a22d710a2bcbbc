"""The directory with the sockets of a worker; if it is left behind, the next worker removes it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress

_PREFIX = "orion-like-sockets-"
_LONGEST_PATH = 100  # bytes; the kernel takes 104 or 108
_SIGN = "alive"  # a file that is locked as long as the worker lives


class SocketDirectory:
    """A directory that nobody else may enter, with a short enough path for sockets.

    Making one also removes those of workers that were killed: the system has released the lock
    on their sign of life, whatever became of their process ids.
    """

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix=_PREFIX)
        if len(os.fsencode(self.path)) > _LONGEST_PATH - 10:
            os.rmdir(self.path)
            self.path = tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp")
        self._lock = _signed(self.path)
        _remove_leftovers(os.path.dirname(self.path))

    def remove(self) -> None:
        """Remove it, with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _signed(directory: str) -> int:
    """Put a sign of life into a directory; it has the lock before it has its name."""
    unfinished = os.path.join(directory, "starting")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600)
    with suppress(OSError):  # without locks nothing is ever taken for a leftover
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(unfinished, os.path.join(directory, _SIGN))
    return descriptor


def _remove_leftovers(place: str) -> None:
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and _is_leftover(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_leftover(entry: os.DirEntry[str]) -> bool:
    """Whether the directory is this user's, and its worker is dead."""
    try:
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return False
        descriptor = os.open(os.path.join(entry.path, _SIGN), os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
