"""Runs functions in the processes of joblib's default backend, loky."""

from __future__ import annotations

import os
from typing import Any

from orion_like.worker.executor.call import run
from orion_like.worker.executor.extra import library
from orion_like.worker.executor.remote_executor import RemoteExecutor


class JoblibExecutor(RemoteExecutor):
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

    runner = "the process that ran the trial"

    def __init__(self, n_workers: int = -1) -> None:
        super().__init__(n_workers if n_workers > 0 else os.cpu_count() or 1)
        self._loky = library("joblib.externals.loky", "joblib")
        self._idle: list[Any] = []

    def _send(self, payload: bytes) -> tuple[Any, Any]:
        pool = self._idle.pop() if self._idle else self._loky.ProcessPoolExecutor(1)
        try:
            return pool, pool.submit(run, payload)
        except RuntimeError:  # its process died while it was idle
            pool = self._loky.ProcessPoolExecutor(1)
            return pool, pool.submit(run, payload)

    def _reuse(self, task: Any) -> None:
        if task is not None:
            self._idle.append(task)

    def _end(self, task: Any) -> None:
        task.shutdown(kill_workers=True)

    def close(self) -> None:
        """End all processes; functions that have not ended raise ExecutorClosed."""
        super().close()
        while self._idle:
            self._idle.pop().shutdown()
