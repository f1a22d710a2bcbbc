"""Disks that are full, slow, or may only be read."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_CAPABILITY_VERSION: Final = 0x20080522
_DAC_OVERRIDE: Final = 1 << 1  # the power of root to ignore the permissions of files


def limit_file_size(size: int) -> None:
    """Have this process fail to write any file beyond `size` bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def slow_fsync(seconds: float) -> None:
    """Have each fsync of this process take so much longer."""
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        time.sleep(seconds)
        fsync(descriptor)

    os.fsync = slow  # type: ignore[assignment]


@contextmanager
def small_disk(mount_point: Path, size: str) -> Iterator[Path]:
    """Mount a small file system in memory for as long as the block lasts.

    Parameters
    ----------
    mount_point
        An empty directory.
    size
        How much fits, such as ``'256k'``.

    Raises
    ------
    PermissionError
        This process must not mount; mostly only root may.
    """
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mount_point)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode != 0:
        raise PermissionError(made.stderr.strip())
    try:
        yield mount_point
    finally:
        subprocess.run(["umount", "--lazy", str(mount_point)], check=True)  # noqa: S603, S607


def fill(directory: Path) -> Path:
    """Fill up the disk that holds a directory; return the file that does it."""
    path = directory / "filler"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (4096, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return path


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    """Let files and directories be read but not written, by root either."""
    modes = {path: path.stat().st_mode for path in paths}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        with _as_ordinary_user():
            yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def _as_ordinary_user() -> Iterator[None]:
    """Give up, in this thread, root's power over the files of all users (Linux)."""
    if os.geteuid() != 0 or sys.platform != "linux":
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    powers = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; low and high words
    _check(library.capget(header, powers))
    had = powers[0]
    powers[0] = had & ~_DAC_OVERRIDE
    _check(library.capset(header, powers))
    try:
        yield
    finally:
        powers[0] = had
        _check(library.capset(header, powers))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
