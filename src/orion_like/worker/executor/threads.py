"""Runs functions in threads of this process, which suits those that wait or release the GIL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from orion_like.worker.executor.base import describe
from orion_like.worker.executor.call import Outcome
from orion_like.worker.executor.concurrent_executor import ConcurrentExecutor, ConcurrentFuture


class ThreadExecutor(ConcurrentExecutor):
    """Runs each function in a thread of its own.

    Nothing can end a thread: a function that takes too long is given up, and its thread goes on
    until it returns or the process ends.

    Parameters
    ----------
    n_workers
        How many functions run at the same time; -1 for one a processor. Default -1.

    Examples
    --------
    >>> with ThreadExecutor(n_workers=2) as executor:
    ...     executor.wait([executor.submit(pow, 2, power) for power in range(4)])
    [1, 2, 4, 8]
    """

    def __init__(self, n_workers: int = -1) -> None:
        super().__init__(n_workers if n_workers > 0 else os.cpu_count() or 1)
        self._slots = threading.Semaphore(self.n_workers)
        self._lock = threading.Lock()
        self._holders: set[ConcurrentFuture] = set()

    def _start(
        self,
        future: ConcurrentFuture,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        def run() -> None:
            self._slots.acquire()
            with self._lock:
                self._holders.add(future)
            if not future.ready():
                try:
                    outcome: Outcome = (function(*args, **kwargs), None, "")
                except Exception as error:
                    outcome = (None, error, describe(error))
                future.settle(outcome)
            self._stop(future)

        threading.Thread(target=run, daemon=True).start()

    def _stop(self, future: ConcurrentFuture) -> None:
        """Free the slot of a function, once, be it that it ended or was given up."""
        with self._lock:
            if future in self._holders:
                self._holders.remove(future)
                self._slots.release()
