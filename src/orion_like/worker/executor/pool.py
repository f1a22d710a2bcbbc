"""Runs functions in a pool of processes, each of which may crash or be killed alone.

The processes are fresh interpreters, not forks: a worker has threads (heartbeat, database
driver), and a fork of a process with threads may inherit locks that nobody will release.
``__main__`` is not imported again.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from orion_like.errors import ExecutionError, ExecutorClosed
from orion_like.worker.executor.base import BaseExecutor, Future
from orion_like.worker.executor.call import pack, unpack

TERMINATION_GRACE = 10.0  # seconds between SIGTERM and SIGKILL
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from orion_like.worker.executor.pool_process import main; main(int(sys.argv[1]))"
)


class _PoolFuture(Future):
    def __init__(self, pool: PoolExecutor, payload: bytes) -> None:
        self._pool = pool
        self.payload = payload
        self._result: tuple[Any, BaseException | None, str] | None = None

    def wait(self, timeout: float | None = None) -> None:
        self._pool._wait_for(self, timeout)

    def ready(self) -> bool:
        return self._result is not None

    @property
    def _outcome(self) -> tuple[Any, BaseException | None, str]:
        return self._result or (None, None, "")

    def settle(self, value: Any, exception: BaseException | None, traceback: str) -> None:
        self._result = (value, exception, traceback)


class _Process:
    """One process of the pool and the future that it works on."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [sys.executable, "-c", _BOOT, str(theirs.fileno()), json.dumps(sys.path)]
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                arguments, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        self.connection = Connection(ours.detach())
        self.future: _PoolFuture | None = None

    def start(self, future: _PoolFuture) -> None:
        self.future = future
        with suppress(OSError):  # it has just died: reading from it will say so
            self.connection.send_bytes(future.payload)

    def finish(self) -> bool:
        """Take in the outcome; return whether the process is still alive."""
        future, self.future = self.future, None
        try:
            outcome = unpack(self.connection.recv_bytes())
            alive = True
        except (EOFError, OSError):
            outcome, alive = (None, self._death(), ""), False
        if future is not None and not future.ready():
            future.settle(*outcome)
        return alive

    def _death(self) -> ExecutionError:
        self.connection.close()
        code = self._process.wait()
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ExecutionError(f"the process that ran the trial died ({cause})", code)

    def terminate(self) -> None:
        self._process.terminate()

    def reap(self, grace: float) -> None:
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.connection.close()


class PoolExecutor(BaseExecutor):
    """Runs functions in `n_workers` processes.

    Parameters
    ----------
    n_workers
        Number of processes; -1 for one a processor. Default -1.
    grace
        Seconds that a process has to end after SIGTERM, until it is killed. Default 10.

    Examples
    --------
    >>> with PoolExecutor(n_workers=2) as executor:
    ...     executor.wait([executor.submit(pow, 2, power) for power in range(4)])
    [1, 2, 4, 8]
    """

    def __init__(self, n_workers: int = -1, grace: float = TERMINATION_GRACE) -> None:
        super().__init__(n_workers if n_workers > 0 else os.cpu_count() or 1)
        self._grace = grace
        self._idle: list[_Process] = []
        self._busy: list[_Process] = []
        self._queue: deque[_PoolFuture] = deque()

    def _submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future:
        future = _PoolFuture(self, pack(function, args, kwargs))
        self._queue.append(future)
        self._dispatch()
        return future

    def _dispatch(self) -> None:
        while self._queue and len(self._busy) < self.n_workers:
            future = self._queue.popleft()
            if future.ready():
                continue
            process = self._idle.pop() if self._idle else _Process()
            self._busy.append(process)
            process.start(future)

    def _progress(self, futures: Sequence[Future], timeout: float | None) -> None:
        del futures
        connections = {process.connection: process for process in self._busy}
        for connection in wait(list(connections), timeout):
            process = connections[connection]  # type: ignore[index]
            self._busy.remove(process)
            if process.finish():
                self._idle.append(process)
        self._dispatch()

    def _wait_for(self, future: _PoolFuture, timeout: float | None) -> None:
        if timeout is None:
            while not future.ready():
                self._progress([future], None)
        else:
            self.async_get([future], timeout)

    def cancel(self, future: Future, exception: BaseException) -> None:
        """End the process that runs the function; the pool goes on with a new one."""
        if not isinstance(future, _PoolFuture) or future.ready():
            return
        future.settle(None, exception, "")
        for process in self._busy:
            if process.future is future:
                self._busy.remove(process)
                process.terminate()
                process.reap(self._grace)
                break
        self._dispatch()

    def close(self) -> None:
        """End all processes; functions that have not ended raise ExecutorClosed."""
        super().close()
        closed = ExecutorClosed("the executor was closed before the function ended")
        unfinished = [*self._queue, *(p.future for p in self._busy if p.future is not None)]
        for future in unfinished:
            if not future.ready():
                future.settle(None, closed, "")
        processes = [*self._busy, *self._idle]
        self._queue.clear()
        self._busy, self._idle = [], []
        for process in processes:
            process.terminate()
        for process in processes:
            process.reap(self._grace)
