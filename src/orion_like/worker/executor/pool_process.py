"""The main program of a process of the pool: receives functions, runs them, sends results."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from orion_like.errors import ExecutionError
from orion_like.worker.executor.base import describe


def main(descriptor: int) -> None:
    """Serve the pool at the other end of the socket until it is closed.

    Parameters
    ----------
    descriptor
        File descriptor of the socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    signal.signal(signal.SIGTERM, _leave)
    connection = Connection(descriptor)
    calls: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    while (payload := calls.get()) is not None:
        connection.send_bytes(_run(payload))


def _leave(signum: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signum)


def _receive(connection: Connection, calls: queue.SimpleQueue[bytes | None]) -> None:
    """Take in calls; when the parent is gone, end what runs too."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        calls.put(None)
        os.kill(os.getpid(), signal.SIGTERM)


def _run(payload: bytes) -> bytes:
    import cloudpickle

    try:
        function, args, kwargs = pickle.loads(payload)  # noqa: S301 - sent by our own parent
        outcome: tuple[Any, BaseException | None, str] = (function(*args, **kwargs), None, "")
    except Exception as error:
        outcome = (None, _portable(error), describe(error))
    try:
        return bytes(cloudpickle.dumps(outcome))
    except Exception as error:
        value, exception, traceback = outcome
        text = f"{exception or value!r} cannot be sent between processes: {error}"
        return bytes(cloudpickle.dumps((None, TypeError(text), traceback)))


def _portable(error: Exception) -> Exception:
    """Return an exception that the parent can read: many with arguments of their own cannot be."""
    import cloudpickle

    try:
        pickle.loads(cloudpickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return ExecutionError(f"{type(error).__name__}: {error}")
    return error
