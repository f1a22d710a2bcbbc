"""Runs functions on a Dask cluster: one that is there, or one of processes of this machine."""

from __future__ import annotations

import os
from typing import Any

from orion_like.worker.executor.call import run
from orion_like.worker.executor.extra import library
from orion_like.worker.executor.remote_executor import RemoteExecutor


class DaskExecutor(RemoteExecutor):
    """Runs functions as tasks of ``dask.distributed``.

    Parameters
    ----------
    n_workers
        How many functions run at the same time; -1 for one a thread of the cluster, or, for a
        cluster of this executor's own, one a processor. Default -1.
    client
        A ``distributed.Client`` to use; it is not closed. Default None.
    **config
        Arguments of the ``distributed.Client`` to create otherwise, such as
        ``address="tcp://scheduler:8786"`` or ``scheduler_file=…``. Without any, it is that of a
        cluster on this machine, with a process for each of `n_workers`.

    Raises
    ------
    ConfigurationError
        If ``distributed`` is not installed.
    """

    runner = "a worker of the Dask cluster"

    def __init__(self, n_workers: int = -1, client: Any = None, **config: Any) -> None:
        self._distributed = library("distributed", "dask")
        self._owns_client = client is None
        self._cluster: Any = None
        if client is None:
            if not config:
                self._cluster = self._local_cluster(n_workers)
                config = {"address": self._cluster}
            client = self._distributed.Client(**config)
        self._client = client
        super().__init__(n_workers if n_workers > 0 else sum(client.nthreads().values()) or 1)

    def _local_cluster(self, n_workers: int) -> Any:
        # A task whose process dies comes back to us: whether it is tried again is not for Dask.
        with library("dask.config", "dask").set({"distributed.scheduler.allowed-failures": 0}):
            return self._distributed.LocalCluster(
                n_workers=n_workers if n_workers > 0 else os.cpu_count() or 1,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=50,  # logging.CRITICAL; what goes wrong is told by the trials
            )

    def _send(self, payload: bytes) -> tuple[Any, Any]:
        task = self._client.submit(run, payload, pure=False)
        return task, task

    def _end(self, task: Any) -> None:
        """Cancel a task; on an own cluster, also end the process that runs it."""
        running = self._client.processing() if self._cluster is not None else {}
        task.cancel(force=True)
        addresses = [address for address, keys in running.items() if task.key in keys]
        if addresses:
            self._client.restart_workers(addresses, timeout=60, raise_for_error=False)

    def close(self) -> None:
        """Cancel what runs, and close the client and the cluster that are this executor's own."""
        super().close()
        if self._owns_client:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
