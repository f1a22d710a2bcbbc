"""Runs functions on a Dask cluster: one that is there, or one of processes of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from orion_like.errors import ExecutorWorkerLost
from orion_like.worker.executor.call import pack, run, unpack
from orion_like.worker.executor.concurrent_executor import ConcurrentExecutor, ConcurrentFuture
from orion_like.worker.executor.extra import library


class DaskExecutor(ConcurrentExecutor):
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
        self._tasks: dict[ConcurrentFuture, Any] = {}

    def _local_cluster(self, n_workers: int) -> Any:
        # A task whose process dies comes back to us: whether it is tried again is not for Dask.
        with library("dask.config", "dask").set({"distributed.scheduler.allowed-failures": 0}):
            return self._distributed.LocalCluster(
                n_workers=n_workers if n_workers > 0 else os.cpu_count() or 1,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=50,  # logging.CRITICAL; what goes wrong is told by the trials
            )

    def _start(
        self,
        future: ConcurrentFuture,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        task = self._client.submit(run, pack(function, args, kwargs), pure=False)
        self._tasks[future] = task
        task.add_done_callback(lambda done: self._finish(future, done))

    def _finish(self, future: ConcurrentFuture, task: Any) -> None:
        self._tasks.pop(future, None)
        try:
            outcome = unpack(task.result())
        except BaseException as error:
            lost = ExecutorWorkerLost(f"a worker of the Dask cluster was lost: {error}")
            outcome = (None, lost, "")
        future.settle(outcome)

    def _stop(self, future: ConcurrentFuture) -> None:
        """Cancel a task; on an own cluster, also end the process that runs it."""
        task = self._tasks.pop(future, None)
        if task is None:
            return
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
