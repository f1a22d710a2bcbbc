"""A script as a group of processes: started, waited for, and ended without leaving any behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import BinaryIO

from orion_like.worker.guard import GUARD

_TICK = 0.1  # seconds between the calls that show output
_LONGEST_POLL = 86400.0  # seconds; the kernel counts milliseconds in 31 bits
_POLL = 0.01  # seconds, where the kernel has nothing to wait on
_LEFTOVER_GRACE = 0.5  # seconds for what a script left running in the background
_KILL_GRACE = 5.0  # seconds for the kernel to carry out SIGKILL


class ScriptProcess:
    """A command, leader of its own session once it is started.

    Parameters
    ----------
    words
        The command.
    environment
        Its environment variables.
    stdout, stderr
        Open files that receive its output.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        stdout: BinaryIO,
        stderr: BinaryIO,
    ) -> None:
        self.words = words
        self.environment = environment
        self.stdout = stdout
        self.stderr = stderr
        self._popen: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self._leftover_grace = _LEFTOVER_GRACE

    def start(self) -> None:
        """Start the command; whoever calls this must call `end` however it is left.

        Raises
        ------
        OSError
            If it cannot be started.
        """
        with _delayed(signal.SIGINT), _delayed(signal.SIGTERM), _delayed(signal.SIGHUP):
            # An exception of a signal handler in here would lose the process just started.
            environment = {**self.environment, **GUARD.expect()}
            try:
                self._popen = subprocess.Popen(  # noqa: S603
                    self.words,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=self.stdout,
                    stderr=self.stderr,
                    start_new_session=True,
                )
            except OSError:
                GUARD.expect_no_more()
                raise
            GUARD.watch(self._popen.pid)
        if self._unwanted:
            self.kill()

    @property
    def _group(self) -> int | None:
        """Number of the group while it is certainly ours: until its leader is reaped."""
        if self._popen is None or self._popen.returncode is not None:
            return None
        return self._popen.pid

    def wait(
        self, timeout: float | None = None, tick: Callable[[], None] | None = None
    ) -> int | None:
        """Wait for the end of the command.

        Parameters
        ----------
        timeout
            Seconds to wait. Default None, for ever.
        tick
            Called some times a second meanwhile.

        Returns
        -------
        int or None
            Exit code, or the negative number of the signal that ended it; None if it is still
            running after `timeout`.
        """
        if self._popen is None:
            return None
        if self._popen.returncode is not None:
            return self._popen.returncode
        deadline = None if timeout is None else time.monotonic() + timeout
        with _exit_event(self._popen.pid) as exited:
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                pause = left if tick is None else min(_TICK, _TICK if left is None else left)
                pause = None if pause is None else min(pause, _LONGEST_POLL)
                if exited(pause):
                    return self._reap(self._popen)
                if tick is not None:
                    tick()
                if deadline is not None and time.monotonic() >= deadline:
                    return None

    def _reap(self, leader: subprocess.Popen[bytes]) -> int:
        """Return the exit code of the leader, which exited, and end what it left running."""
        group = leader.pid
        # The group's number cannot be given to others before its leader is reaped.
        _signal_group(group, signal.SIGTERM)
        GUARD.forget(group)
        code = leader.wait()
        if _group_lives(group):
            GUARD.expect()
            GUARD.watch(group)
            try:
                _await_end(group, self._leftover_grace)
            finally:
                if _group_lives(group):
                    _signal_group(group, signal.SIGKILL)
                GUARD.forget(group)
            _await_end(group, _KILL_GRACE)
        return code

    def terminate(self, grace: float) -> None:
        """Ask the whole group to end; what outlives its leader has `grace` seconds for that."""
        self._unwanted = True
        self._leftover_grace = grace
        _signal_group(self._group, signal.SIGTERM)
        _signal_group(self._group, signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group now."""
        self._unwanted = True
        _signal_group(self._group, signal.SIGKILL)

    def is_running(self) -> bool:
        """Whether anything of the group is alive."""
        group = self._group
        return group is not None and _group_lives(group)

    def end(self, grace: float) -> None:
        """End the whole group, if anything of it is running.

        Parameters
        ----------
        grace
            Seconds between SIGTERM and SIGKILL. Another interruption meanwhile kills at once.
        """
        if self._group is None:
            return
        try:
            self.terminate(grace)
            if self.wait(grace) is None:
                self.kill()
        except BaseException:
            self.kill()
            raise
        finally:
            self.wait(_KILL_GRACE)


def end_all(processes: Sequence[ScriptProcess], grace: float) -> None:
    """End several commands at once: SIGTERM, `grace` seconds, SIGKILL.

    Who waits for them may be the very thread that calls this (from a signal handler), so their
    exit codes are left to be collected there.
    """
    for process in processes:
        process.terminate(grace)
    deadline = time.monotonic() + grace
    while any(process.is_running() for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL)
    for process in processes:
        process.kill()


def _signal_group(group: int | None, number: int) -> None:
    if group is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _await_end(group: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _group_lives(group) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _group_lives(group: int) -> bool:
    """Whether a process of the group is alive; those dead but not yet reaped don't count."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not sys.platform.startswith("linux"):
        return True
    return any(_is_live_member(entry, group) for entry in os.listdir("/proc") if entry.isdigit())


def _is_live_member(process: str, group: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # pid (name) state parent group …, where the name may hold anything
            state, _, member_of = file.read().rpartition(b")")[2].split()[:3]
    except OSError:
        return False
    return int(member_of) == group and state not in (b"Z", b"X")


@contextmanager
def _exit_event(process: int) -> Iterator[Callable[[float | None], bool]]:
    """Give a function that waits for the exit of a child, some seconds or for ever.

    The child is not reaped by it.
    """
    try:
        descriptor = os.pidfd_open(process)
    except (AttributeError, OSError):
        yield lambda seconds: _poll_exit(process, seconds)
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield lambda seconds: bool(poll.poll(None if seconds is None else seconds * 1000))
    finally:
        os.close(descriptor)


def _poll_exit(process: int, seconds: float | None) -> bool:
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        options = os.WEXITED | os.WNOWAIT | (0 if deadline is None else os.WNOHANG)
        if os.waitid(os.P_PID, process, options) is not None:
            return True
        if deadline is not None and time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)


@contextmanager
def _delayed(number: int) -> Iterator[None]:
    """Run the handler of a signal after the block instead of within."""
    handler = signal.getsignal(number)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    arrived = False

    def remember(_number: int, _frame: FrameType | None) -> None:
        nonlocal arrived
        arrived = True

    signal.signal(number, remember)
    try:
        yield
    finally:
        signal.signal(number, handler)
        if arrived:
            signal.raise_signal(number)
