"""How what runs in a trial talks to its worker, from any process of the same machine.

Scripts import this for their reports, so it needs the standard library alone. Messages are
lines of JSON over a socket of the local machine, whose path the worker hands on; or one of TCP,
where the first line is a token, from the machines of a cluster.
"""

from __future__ import annotations

import json
import operator
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

GROUP = "validation"
OBJECTIVE = ""  # stands for the objective, whose name the worker knows
PATIENCE = 10.0  # seconds that a worker may take to answer; then the trial goes on
LARGEST_STEP = 2**63 - 1


class Channel:
    """The way to the worker.

    Parameters
    ----------
    address
        Path of its socket for this trial, or ``tcp://host:port/token``; or what tells it when it
        is needed: most functions never report.
    """

    def __init__(self, address: str | Callable[[], str]) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._unread = b""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._was_connected = False
        self._is_lost = False

    @property
    def address(self) -> str:
        """Where its socket for this trial is."""
        if callable(self._address):
            self._address = self._address()
        return self._address

    def report(self, values: Mapping[str, float], step: int | None, group: str) -> None:
        """Hand on what was reported; it is not waited for."""
        self._send({"values": values, "step": step, "group": group})

    def checkpoint(
        self, step: int, path: str, resources: Mapping[str, int], metadata: Mapping[str, Any]
    ) -> None:
        """Hand on that a checkpoint was saved; it is not waited for."""
        saved: dict[str, Any] = {
            "step": step,
            "path": path,
            "resources": resources,
            "metadata": metadata,
        }
        saved["host"] = socket.gethostname()
        self._send({"checkpoint": saved})

    def reason_to_stop(self) -> str | None:
        """Ask the worker whether this trial should stop; return why, or None to go on."""
        with self._lock:
            reason = self._asked({"ask": True}).get("stop")
            if self._is_lost and self._was_connected:
                reason = "its worker is gone"
        return None if reason is None else str(reason)

    def reason_to_end(self, patience: float) -> str | None:
        """Ask, as who runs a script, whether to end it because it never asks; return why, or None.

        Parameters
        ----------
        patience
            Seconds that it has, once it should stop, to ask for the first time.
        """
        with self._lock:
            reason = self._asked({"watch": patience}).get("end")
        return None if reason is None else str(reason)

    def _asked(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a question; nothing if there is none."""
        if self._say(question):
            try:
                return self._answer()
            except OSError:
                self._lose()
        return {}

    def _send(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._say(message)

    def _say(self, message: Mapping[str, Any]) -> bool:
        """Send a message; return whether there is a worker that receives it."""
        if self._is_lost:
            return False
        line = json.dumps(message).encode() + b"\n"
        try:
            self._connected().sendall(line)
        except TimeoutError:
            return True
        except OSError:
            self._lose()
            return False
        return True

    def _connected(self) -> socket.socket:
        if self._socket is None or self._pid != os.getpid():  # a connection is not shared
            self._pid, self._unread = os.getpid(), b""
            try:
                self._socket = self._connect()
            except TimeoutError as error:
                raise ConnectionError(*error.args) from error
            self._was_connected = True
        return self._socket

    def _connect(self) -> socket.socket:
        scheme, _, rest = self.address.partition("://")
        if scheme == "tcp":
            place, _, token = rest.partition("/")
            host, _, port = place.rpartition(":")
            connection = socket.create_connection((host, int(port)), PATIENCE)
            connection.sendall(token.encode() + b"\n")
            return connection
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        connection.connect(self.address)
        return connection

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the worker was tried to be reached, in vain from the beginning."""
        return self._is_lost and not self._was_connected

    def _answer(self) -> dict[str, Any]:
        while b"\n" not in self._unread:
            try:
                received = self._connected().recv(4096)
            except TimeoutError:
                self._socket = None  # an answer that comes late must not be taken for the next
                return {}
            if not received:
                raise ConnectionResetError
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _lose(self) -> None:
        self._is_lost = True
        what = "is gone" if self._was_connected else "cannot be reached (see worker.report_host)"
        print(f"orion-like: the worker of this trial {what}", file=sys.stderr)  # noqa: T201


def checked_values(value: Any) -> dict[str, float]:
    """Return reported values by name; a single number is the objective.

    Raises
    ------
    InvalidResult
        If it is neither a number nor numbers by name.

    Examples
    --------
    >>> checked_values({"loss": 1, "accuracy": 0.5})
    {'loss': 1.0, 'accuracy': 0.5}
    """
    if not isinstance(value, Mapping):
        return {OBJECTIVE: _number(value, "a report")}
    if not value or not all(isinstance(name, str) for name in value):
        raise _invalid(f"a report must be a number, or numbers by name, not {value!r}")
    for name in value:
        if name.startswith("$") or "\0" in name:
            raise _invalid(f"the name {name!r} in a report begins with $ or holds a zero byte")
    return {name: _number(item, f"{name!r} in a report") for name, item in value.items()}


def _number(value: Any, what: str) -> float:
    is_number = hasattr(value, "__float__") or hasattr(value, "__index__")
    if is_number and not isinstance(value, bool):  # also tensors and arrays of one number
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise _invalid(f"{what} must be a number, not {type(value).__name__} {value!r}")


def checked_step(step: Any) -> int | None:
    """Return the step of a report; None stands for the one after the last.

    Raises
    ------
    InvalidResult
        If it isn't a whole number from 0 on.
    """
    if step is None:
        return None
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    try:
        whole = -1 if isinstance(step, bool) else operator.index(step)
    except TypeError:
        whole = -1
    if not 0 <= whole <= LARGEST_STEP:
        raise _invalid(f"the step of a report must be a whole number from 0 on, not {step!r}")
    return whole


def checked_group(group: Any) -> str:
    """Return the name of a group of reports.

    Raises
    ------
    InvalidResult
        If it isn't a text.
    """
    if not isinstance(group, str) or not group:
        raise _invalid(f"the group of a report must be a name such as 'training', not {group!r}")
    return group


def _invalid(message: str) -> Exception:
    from orion_like.errors import InvalidResult

    return InvalidResult(message)
