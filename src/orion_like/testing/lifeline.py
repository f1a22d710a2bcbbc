"""Processes that end with the one that started them, however it ends."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Final

_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends (Linux; harmless elsewhere).

    Strictly, when the parent's thread that started it ends.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
