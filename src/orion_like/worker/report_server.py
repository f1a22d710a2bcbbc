"""Sockets on which scripts, and functions in other processes, reach their worker."""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.worker.socket_directory import SocketDirectory

logger = logging.getLogger(__name__)

_LONGEST_LINE = 1 << 20  # bytes
_BACKLOG = 128
_PATIENCE = 5.0  # seconds

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Takes a message, and returns what to answer, if anything."""


class ReportServer:
    """One thread that listens for all running trials of a worker.

    Parameters
    ----------
    on_idle
        Called by the thread after each batch of messages; returns the seconds after which to
        call it again at the latest, None for no limit.
    host
        Name or address of this machine by which others reach it. Default: none, only processes
        of this machine do.
    """

    def __init__(self, on_idle: Callable[[], float | None], host: str = "") -> None:
        self._on_idle = on_idle
        self._host = host
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._thread: threading.Thread | None = None
        self._directory: SocketDirectory | None = None
        self._count = 0
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)

    def listen(self, answer: Answer) -> Mailbox:
        """Open a socket of which the messages go to `answer`.

        Raises
        ------
        ConfigurationError
            If others cannot reach this machine by its host.
        """
        with self._lock:
            box = self._new_mailbox(answer)
            self._selector.register(box.listener, selectors.EVENT_READ, box)
        self.wake()
        return box

    def _new_mailbox(self, answer: Answer) -> Mailbox:
        if self._host:
            token = secrets.token_urlsafe()
            listener = _listen_on(self._host)
            address = f"tcp://{self._host}:{listener.getsockname()[1]}/{token}"
            return Mailbox(listener, address, answer, token)
        if self._directory is None:
            self._directory = SocketDirectory()
        self._count += 1
        path = os.path.join(self._directory.path, str(self._count))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        return Mailbox(listener, path, answer)

    def wake(self) -> None:
        """Have the thread, started if need be, call `on_idle` soon."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="orion-like-reports", daemon=True
                )
                self._thread.start()
        with suppress(BlockingIOError):  # it will wake up anyway
            self._wake_writer.send(b"!")

    def take_in(self, box: Mailbox) -> None:
        """Take in what was sent to a socket until now."""
        with self._lock:
            self._accept(box)
            for connection in list(box.connections):
                self._read(box, connection)

    def close(self, box: Mailbox) -> None:
        """Take in what was sent to a socket, and close it."""
        with self._lock:
            self.take_in(box)
            for connection in list(box.connections):
                self._hang_up(box, connection)
            self._selector.unregister(box.listener)
            box.close()

    def stop(self) -> None:
        """End the thread, and close everything; nothing can be opened any more."""
        thread, self._thread = self._thread, None
        if thread is not None:
            with suppress(BlockingIOError):
                self._wake_writer.send(b"!")
            thread.join(_PATIENCE)
            if thread.is_alive():  # it waits for the database, and ends after that
                return
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Mailbox):
                self.close(key.data)
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()
        if self._directory is not None:
            self._directory.remove()

    def _run(self) -> None:
        wait: float | None = None
        while self._thread is threading.current_thread():
            for key, _ in self._selector.select(wait):
                with self._lock:
                    self._handle(key)
            try:
                wait = self._on_idle()
            except Exception:  # whatever it is, other trials still report
                logger.exception("reports could not be stored")
                wait = _PATIENCE

    def _handle(self, key: selectors.SelectorKey) -> None:
        box = key.data
        if box is None:
            with suppress(BlockingIOError):
                self._wake_reader.recv(4096)
        elif key.fileobj is box.listener:
            self._accept(box)
        elif isinstance(key.fileobj, socket.socket):
            self._read(box, key.fileobj)

    def _accept(self, box: Mailbox) -> None:
        while not box.is_closed:
            try:
                connection, _ = box.listener.accept()
            except OSError:  # nobody waits
                return
            connection.setblocking(False)
            box.connections[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ, box)

    def _read(self, box: Mailbox, connection: socket.socket) -> None:
        while connection in box.connections:
            try:
                received = connection.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                received = b""
            *lines, rest = (box.connections[connection] + received).split(b"\n")
            box.connections[connection] = rest
            for line in lines:
                if connection in box.connections:
                    self._take(box, connection, line)
            if not received or len(rest) > _LONGEST_LINE:
                self._hang_up(box, connection)

    def _take(self, box: Mailbox, connection: socket.socket, line: bytes) -> None:
        if box.token and connection not in box.admitted:
            if box.is_key(line):
                box.admitted.add(connection)
            else:
                self._hang_up(box, connection)
            return
        try:
            message = json.loads(line)
            answer = box.answer(message)
        except Exception as error:  # whatever somebody sends, the worker goes on
            logger.warning("a report was not understood: %s: %.200r", error, line)
            return
        if answer is not None:
            with suppress(OSError):  # who asked does not wait for the answer
                connection.sendall(json.dumps(answer).encode() + b"\n")

    def _hang_up(self, box: Mailbox, connection: socket.socket) -> None:
        box.admitted.discard(connection)
        if box.connections.pop(connection, None) is not None:
            self._selector.unregister(connection)
            connection.close()


class Mailbox:
    """A socket for one trial.

    Parameters
    ----------
    listener
        The socket, bound.
    address
        Where it is, as :class:`~orion_like.worker.channel.Channel` takes it.
    answer
        What takes the messages.
    token
        What each connection must say first. Default: nothing, as none but processes of the same
        user can connect.
    """

    def __init__(
        self, listener: socket.socket, address: str, answer: Answer, token: str = ""
    ) -> None:
        self.listener = listener
        self.address = address
        self.answer = answer
        self.token = token
        self.connections: dict[socket.socket, bytes] = {}
        self.admitted: set[socket.socket] = set()
        self.is_closed = False
        listener.setblocking(False)
        listener.listen(_BACKLOG)

    def is_key(self, line: bytes) -> bool:
        """Whether the first line of a connection has the token; it takes as long if it has not."""
        return hmac.compare_digest(line, self.token.encode())

    def close(self) -> None:
        """Close the socket and remove its path."""
        self.is_closed = True
        self.listener.close()
        if not self.token:
            with suppress(OSError):
                os.unlink(self.address)


def _listen_on(host: str) -> socket.socket:
    """Return a socket of this machine that others reach by a name or address of it."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"worker.report_host: {host!r} is no name or address of this machine: {error}"
        ) from None
    return listener
