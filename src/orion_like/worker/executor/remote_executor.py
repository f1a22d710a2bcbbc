"""What executors have in common that send calls to processes of a library."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from orion_like.errors import ExecutorWorkerLost
from orion_like.worker.executor.call import pack, unpack
from orion_like.worker.executor.concurrent_executor import ConcurrentExecutor, ConcurrentFuture


class RemoteExecutor(ConcurrentExecutor):
    """An executor whose functions travel as bytes, and whose processes may be lost under them.

    Parameters
    ----------
    n_workers
        How many functions run at the same time.
    """

    runner: ClassVar[str]
    """What runs a function, for messages."""

    def __init__(self, n_workers: int) -> None:
        super().__init__(n_workers)
        self._tasks: dict[ConcurrentFuture, Any] = {}

    @abstractmethod
    def _send(self, payload: bytes) -> tuple[Any, Any]:
        """Have the library run a packed call.

        Returns
        -------
        task, inner
            What :meth:`_end` needs to end it, and the library's future of the packed outcome,
            with ``result`` and ``add_done_callback``.
        """

    @abstractmethod
    def _end(self, task: Any) -> None:
        """End a call, as far as the library can."""

    def _start(
        self,
        future: ConcurrentFuture,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._tasks[future], inner = self._send(pack(function, args, kwargs))
        inner.add_done_callback(lambda done: self._finish(future, done))

    def _finish(self, future: ConcurrentFuture, inner: Any) -> None:
        task = self._tasks.pop(future, None)
        try:
            outcome = unpack(inner.result())
        except BaseException as error:
            outcome = (None, ExecutorWorkerLost(f"{self.runner} was lost: {error}"), "")
        else:
            self._reuse(task)
        future.settle(outcome)

    def _reuse(self, task: Any) -> None:
        """Take back what ran a function that ended; None if that was ended meanwhile."""

    def _stop(self, future: ConcurrentFuture) -> None:
        task = self._tasks.pop(future, None)
        if task is not None:
            self._end(task)
