"""Keeping passwords out of what `ps` shows of this process."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from orion_like.redaction import redact

_PROCESS: Final = Path("/proc/self")
_ARG_START, _ARG_END = 48, 49  # fields of /proc/self/stat, from 1 on


def hide_passwords_in_title() -> None:
    """Overwrite the passwords of URLs in the command line that the system shows of this process.

    The words in `sys.argv` stay as they are. Does nothing where the system does not tell where
    its copy is (only Linux does).
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, ValueError, IndexError):
        shown = (_PROCESS / "cmdline").read_bytes()
        masked = masked_command_line(shown)
        if masked != shown:
            start, end = _argument_area()
            if end - start >= len(masked):  # else it is not this process's own any more
                ctypes.memmove(start, masked, len(masked))


def masked_command_line(shown: bytes) -> bytes:
    r"""Return the words of a command line, each with its length but without passwords.

    Parameters
    ----------
    shown
        The words, each ended by a zero byte.

    Examples
    --------
    >>> masked_command_line(b"hunt\0--storage\0mongodb://ann:s3cret@db/lab\0")
    b'hunt\x00--storage\x00mongodb://ann:***@db/lab   \x00'
    """
    return b"\0".join(_masked(word) for word in shown.split(b"\0"))


def _masked(word: bytes) -> bytes:
    hidden = os.fsencode(redact(os.fsdecode(word)))
    return word if hidden == word else hidden.ljust(len(word))[: len(word)]


def _argument_area() -> tuple[int, int]:
    """Return the addresses between which the kernel reads the command line."""
    status = (_PROCESS / "stat").read_bytes()
    fields = status.rpartition(b")")[2].split()  # from the third on: the second may hold spaces
    return int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
