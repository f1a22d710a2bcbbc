"""The lock that lets one process at a time write a file, kept by the kernel.

It is `flock` on a separate file, which is never replaced: a lock on the data file itself
would be lost when that is rewritten. The kernel frees it when its holder dies. A waiter
polls it at intervals of a fraction of a millisecond, since a kernel wait cannot time out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from pathlib import Path

from orion_like.errors import DatabaseError, DatabaseTimeout

_FIRST_WAIT = 0.00002  # seconds
_LONGEST_WAIT = 0.002  # seconds


class FileLock:
    """A lock between processes.

    Not between threads: those of one process share the open file and hence the lock.

    Parameters
    ----------
    path
        The file to lock; made when missing.
    timeout
        Seconds to wait for it.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseError(f"cannot make or open the lock file {path}: {error}") from error
        self._inode = os.fstat(self.descriptor).st_ino

    def admit(self, file: os.stat_result) -> None:
        """Let all use the lock who may write the file that it protects.

        Parameters
        ----------
        file
            The status of that file.
        """
        with contextlib.suppress(OSError):  # only the owner can, and sees to it
            lock = os.fstat(self.descriptor)
            if lock.st_gid != file.st_gid:
                os.fchown(self.descriptor, -1, file.st_gid)
            missing = file.st_mode & 0o666 & ~lock.st_mode
            if missing:
                os.fchmod(self.descriptor, stat.S_IMODE(lock.st_mode) | missing)

    def acquire(self) -> None:
        """Wait for the lock.

        Raises
        ------
        DatabaseTimeout
            Another process held it for too long.
        """
        if self._try():
            return
        deadline = time.monotonic() + self.timeout
        wait = _FIRST_WAIT
        while time.monotonic() < deadline:
            time.sleep(wait)
            if self._try():
                return
            wait = min(wait * 1.5, _LONGEST_WAIT)
        raise DatabaseTimeout(
            f"{self.path}: {self._holder()} has held the lock for {self.timeout:g} s;"
            " if that process is stopped, let it go on or end it"
        )

    def _try(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise DatabaseError(
                f"cannot lock {self.path}: {error}; the file system may not support locks:"
                " keep the file on a local disk, or use MongoDB"
            ) from error
        return True

    def is_in_place(self) -> bool:
        """Tell whether the path still leads to the file that is locked: people remove locks."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Free the lock."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def __del__(self) -> None:
        # In a forked child this closes a copy and leaves the parent's lock alone.
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def _holder(self) -> str:
        """Name the process that holds the lock, where the system tells."""
        with contextlib.suppress(OSError, ValueError):
            inode = os.fstat(self.descriptor).st_ino
            for line in Path("/proc/locks").read_text().splitlines():
                words = line.split()
                if words[1:2] == ["FLOCK"] and words[5].endswith(f":{inode}"):
                    return f"process {int(words[4])} ({_command(int(words[4]))})"
        return "another process"


def _command(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text().strip()
