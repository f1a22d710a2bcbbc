"""SIGINT, SIGTERM and SIGHUP as one orderly stop; a second SIGINT leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(KeyboardInterrupt):
    """The process was asked to stop.

    Parameters
    ----------
    signum
        Number of the signal, or of the one that it amounts to.
    reason
        Why, when it was no signal. Default: the name of the signal.
    """

    def __init__(self, signum: int, reason: str | None = None) -> None:
        super().__init__(reason or signal.Signals(signum).name)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """Exit code that shells expect: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.signum


class StopSignals:
    """Context in which stop signals interrupt only where that is harmless.

    Between a trial being reserved in the database and being known to the worker, an
    exception would leave it behind. So the signal is remembered, and raised as
    :class:`StopRequested` inside of :meth:`interruptible` only. Outside of the main
    thread signals cannot be handled; there the context does nothing.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._may_raise = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            # Under nohup, SIGHUP is ignored on purpose. That SIGINT is, in background jobs of
            # a script, is no wish of the user's: whoever sends it means it.
            self._previous = {
                number: signal.signal(number, self._handle)
                for number in HANDLED
                if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
            }
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        del frame
        if self.received is not None:
            # Cluster managers send SIGTERM to all processes of a job, and a job script may hand
            # it on: that it comes twice is no impatience. Who has none left sends SIGKILL.
            if signum == signal.SIGINT:
                os._exit(128 + signum)
            return
        self.received = signum
        if self._may_raise:
            raise StopRequested(signum)

    def check(self) -> None:
        """Raise StopRequested if a signal has come."""
        if self.received is not None:
            raise StopRequested(self.received)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal interrupt what is inside."""
        self._may_raise = True
        try:
            self.check()
            yield
        finally:
            self._may_raise = False
