"""Runs functions in the processes of joblib's default backend, loky."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from orion_like.errors import ExecutorWorkerLost
from orion_like.worker.executor.call import pack, run, unpack
from orion_like.worker.executor.concurrent_executor import ConcurrentExecutor, ConcurrentFuture
from orion_like.worker.executor.extra import library


class JoblibExecutor(ConcurrentExecutor):
    """Runs functions in processes of loky, with its limits on the threads of BLAS and OpenMP.

    Each process is a pool of its own, since loky ends all processes of a pool when one dies.

    Parameters
    ----------
    n_workers
        Number of processes; -1 for one a processor. Default -1.

    Raises
    ------
    ConfigurationError
        If joblib is not installed.
    """

    def __init__(self, n_workers: int = -1) -> None:
        super().__init__(n_workers if n_workers > 0 else os.cpu_count() or 1)
        self._loky = library("joblib.externals.loky", "joblib")
        self._idle: list[Any] = []
        self._running: dict[ConcurrentFuture, Any] = {}

    def _start(
        self,
        future: ConcurrentFuture,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        payload = pack(function, args, kwargs)
        pool = self._idle.pop() if self._idle else self._loky.ProcessPoolExecutor(1)
        try:
            inner = pool.submit(run, payload)
        except RuntimeError:  # its process died while it was idle
            pool = self._loky.ProcessPoolExecutor(1)
            inner = pool.submit(run, payload)
        self._running[future] = pool
        inner.add_done_callback(lambda done: self._finish(future, done))

    def _finish(self, future: ConcurrentFuture, inner: Any) -> None:
        pool = self._running.pop(future, None)
        try:
            outcome = unpack(inner.result())
        except BaseException as error:
            lost = ExecutorWorkerLost(f"the process that ran the trial was lost: {error}")
            outcome = (None, lost, "")
        else:
            if pool is not None:
                self._idle.append(pool)
        future.settle(outcome)

    def _stop(self, future: ConcurrentFuture) -> None:
        pool = self._running.pop(future, None)
        if pool is not None:
            pool.shutdown(kill_workers=True)

    def close(self) -> None:
        """End all processes; functions that have not ended raise ExecutorClosed."""
        super().close()
        while self._idle:
            self._idle.pop().shutdown()
