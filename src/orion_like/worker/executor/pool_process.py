"""The main program of a process of the pool: receives functions, runs them, sends results."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from types import FrameType

from orion_like.worker.executor.call import run


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
        connection.send_bytes(run(payload))


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
