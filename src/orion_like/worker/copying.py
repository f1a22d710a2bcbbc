"""Copies of directories that are there as a whole or not at all, and share their blocks.

On file systems that can (Btrfs, XFS, bcachefs, OCFS2, NFS 4.2 on top of such) a copy of a file
refers to the same blocks until one of the two is written to, so that it costs next to nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress

FICLONE = 0x40049409
"""The request of Linux to have one file share the blocks of another (ioctl_ficlonerange(2))."""

_CANNOT_CLONE = {
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EPERM,
    errno.ETXTBSY,
}

_SUFFIX = ".copy"


LeftOut = Callable[[str, list[str]], Iterable[str]]
"""Returns which of the names in a directory are not copied."""


def copy_directory(source: str, target: str, left_out: LeftOut = lambda *_: ()) -> None:
    """Make `target` a copy of the directory `source`, unless it is there by then.

    It gets its name when it is complete and durable. What was copied of it by processes that were
    killed is deleted. When two processes do it at the same time, the first one counts.

    Parameters
    ----------
    source
        The directory; links in it are kept as they are, sockets and pipes left out.
    target
        Its copy, in a directory that exists.
    left_out
        What is not copied. Default: everything is.
    """

    def ignored(directory: str, names: list[str]) -> set[str]:
        out = {*left_out(directory, names)}  # may be deleted at this moment
        return out | {*_special(directory, [name for name in names if name not in out])}

    copy = f"{target}.{uuid.uuid4().hex}{_SUFFIX}"
    try:
        shutil.copytree(source, copy, symlinks=True, ignore=ignored, copy_function=copy_file)
        make_durable_tree(copy)
        os.rename(copy, target)
        make_durable(os.path.dirname(target))
    except (OSError, shutil.Error):
        if not os.path.isdir(target):
            raise
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    _delete_leftovers(target)


def copy_file(source: str, target: str) -> str:
    """Copy a file with its times and permissions, sharing its blocks where that is possible."""
    if not _clone(source, target):
        shutil.copyfile(source, target)
    shutil.copystat(source, target)
    return target


def make_durable_tree(directory: str) -> None:
    """Have the files and directories in a directory, and itself, outlast a power cut."""
    for top, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(top, name)
            if not os.path.islink(path):
                make_durable(path)
        make_durable(top)


def make_durable(path: str) -> None:
    """Have a file or the names in a directory outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clone(source: str, target: str) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    with open(source, "rb") as original, open(target, "wb") as clone:
        try:
            fcntl.ioctl(clone.fileno(), FICLONE, original.fileno())
        except OSError as error:
            if error.errno not in _CANNOT_CLONE:
                raise
            return False
    return True


def _special(directory: str, names: list[str]) -> list[str]:
    """Return the names of what is neither a file, a directory nor a link."""
    modes = {name: os.lstat(os.path.join(directory, name)).st_mode for name in names}
    ordinary = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    return [name for name, mode in modes.items() if not any(is_(mode) for is_ in ordinary)]


def _delete_leftovers(target: str) -> None:
    directory, name = os.path.split(target)
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(f"{name}.") and entry.name.endswith(_SUFFIX):
                shutil.rmtree(entry.path, ignore_errors=True)
