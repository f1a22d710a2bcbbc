"""How often a worker process waits for the disk, and for how long."""

from __future__ import annotations

import os
import time


class Fsyncs:
    """Counts and times every `os.fsync` of this process from now on.

    Those that a library makes in C, as SQLite does, or that a server makes are not seen.
    """

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._fsync = os.fsync
        os.fsync = self._timed  # type: ignore[assignment]

    def _timed(self, descriptor: int) -> None:
        start = time.perf_counter()
        self._fsync(descriptor)
        self.count += 1
        self.seconds += time.perf_counter() - start
