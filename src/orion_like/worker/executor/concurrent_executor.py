"""What executors have in common whose functions end in threads or processes of a library."""

from __future__ import annotations

import concurrent.futures as cf
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from orion_like.errors import ExecutorClosed
from orion_like.worker.executor.base import BaseExecutor, Future
from orion_like.worker.executor.call import Outcome


class ConcurrentFuture(Future):
    """A function that runs somewhere else; whoever learns first what came of it settles it."""

    def __init__(self) -> None:
        self.inner: cf.Future[Outcome] = cf.Future()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the outcome is known, for `timeout` seconds at most."""
        cf.wait([self.inner], timeout)

    def ready(self) -> bool:
        """Whether the outcome is known."""
        return self.inner.done()

    @property
    def _outcome(self) -> Outcome:
        return self.inner.result()

    def settle(self, outcome: Outcome) -> bool:
        """Give the outcome, unless there is one; return whether there was none."""
        with suppress(cf.InvalidStateError):
            self.inner.set_result(outcome)
            return True
        return False


class ConcurrentExecutor(BaseExecutor):
    """An executor whose functions are started and stopped by a subclass.

    Parameters
    ----------
    n_workers
        How many functions run at the same time.
    """

    def __init__(self, n_workers: int) -> None:
        super().__init__(n_workers)
        self._unfinished: set[ConcurrentFuture] = set()

    @abstractmethod
    def _start(
        self,
        future: ConcurrentFuture,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Have the function run, and settle the future when it has ended."""

    @abstractmethod
    def _stop(self, future: ConcurrentFuture) -> None:
        """End a function that nobody waits for any more, as far as that is possible."""

    def _submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future:
        future = ConcurrentFuture()
        self._start(future, function, args, kwargs)
        self._unfinished.add(future)
        future.inner.add_done_callback(lambda _: self._unfinished.discard(future))
        return future

    def _progress(self, futures: Sequence[Future], timeout: float) -> None:
        inner = [future.inner for future in futures if isinstance(future, ConcurrentFuture)]
        cf.wait(inner, timeout, cf.FIRST_COMPLETED)

    def cancel(self, future: Future, exception: BaseException) -> None:
        """Have the future raise `exception` at once, and end its function if that is possible."""
        if isinstance(future, ConcurrentFuture) and future.settle((None, exception, "")):
            self._stop(future)

    def close(self) -> None:
        """Take no more work; functions that have not ended raise ExecutorClosed."""
        super().close()
        for future in list(self._unfinished):
            self.cancel(future, ExecutorClosed("the executor was closed before the function ended"))
