"""Runs functions as tasks of Ray: on a cluster that is there, or on this machine."""

from __future__ import annotations

import os
from typing import Any

from orion_like.worker.executor.call import run
from orion_like.worker.executor.extra import library
from orion_like.worker.executor.remote_executor import RemoteExecutor


class RayExecutor(RemoteExecutor):
    """Runs functions as tasks of Ray.

    Parameters
    ----------
    n_workers
        How many functions run at the same time; -1 for one a processor of the cluster.
        Default -1.
    task
        Options of the tasks, such as ``{"num_gpus": 1}``; one processor each by default.
    **config
        Arguments of ``ray.init``, such as ``address="auto"``, used unless Ray runs in this
        process already. Without an address, Ray is started on this machine.

    Raises
    ------
    ConfigurationError
        If ``ray`` is not installed.
    """

    runner = "a worker of the Ray cluster"

    def __init__(
        self, n_workers: int = -1, task: dict[str, Any] | None = None, **config: Any
    ) -> None:
        self._ray = library("ray", "ray")
        self._owns_ray = not self._ray.is_initialized()
        if self._owns_ray:
            self._ray.init(**self._arguments(n_workers, config))
        count = n_workers if n_workers > 0 else int(self._ray.cluster_resources().get("CPU", 1))
        super().__init__(count)
        # Whether a lost task is tried again is not for Ray.
        self._remote = self._ray.remote(**{"max_retries": 0, **(task or {})})(run)

    @staticmethod
    def _arguments(n_workers: int, config: dict[str, Any]) -> dict[str, Any]:
        arguments = {"include_dashboard": False, "log_to_driver": True, "logging_level": "error"}
        if config.get("address") is None:
            arguments["num_cpus"] = n_workers if n_workers > 0 else os.cpu_count() or 1
        else:
            del arguments["include_dashboard"]
        return {**arguments, **config}

    def _send(self, payload: bytes) -> tuple[Any, Any]:
        reference = self._remote.remote(payload)
        return reference, reference.future()

    def _end(self, task: Any) -> None:
        self._ray.cancel(task, force=True)

    def close(self) -> None:
        """Cancel what runs, and stop Ray if this executor started it."""
        super().close()
        if self._owns_ray:
            self._ray.shutdown()
