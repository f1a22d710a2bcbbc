"""A network that breaks: a proxy in front of a server that cuts connections."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65536
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, as a crashed host would


class FlakyProxy:
    """Forwards TCP connections to a server and cuts each of them after a random number of bytes.

    Parameters
    ----------
    port
        Port of the server on the loopback.
    dice
        Decides where connections are cut.
    mean_bytes
        How many bytes a connection carries on average, both ways together, until it is cut,
        most often amid a message; None leaves connections whole until `cut_all`.

    Examples
    --------
    >>> with FlakyProxy(27017, random.Random(1), mean_bytes=1e6) as proxy:  # doctest: +SKIP
    ...     url = f"mongodb://127.0.0.1:{proxy.port}/chaos?directConnection=true"
    """

    def __init__(self, port: int, dice: random.Random, mean_bytes: float | None = None) -> None:
        self._server_port = port
        self._dice = dice
        self._mean_bytes = mean_bytes
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.cuts = 0
        threading.Thread(target=self._accept, name="flaky proxy", daemon=True).start()

    @property
    def port(self) -> int:
        """The port to connect to instead of the server's."""
        return int(self._listener.getsockname()[1])

    def cut_all(self, dice: random.Random | None = None) -> None:
        """Cut all connections that there are now."""
        del dice
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.cut()

    def heal(self) -> None:
        """Cut no connection any more."""
        with self._lock:
            self._mean_bytes = None
            connections = list(self._connections)
        for connection in connections:
            connection.spare()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                mean = self._mean_bytes
                budget = None if mean is None else int(self._dice.expovariate(1 / mean))
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            connection = _Connection(client, server, budget, self._forget)
            with self._lock:
                self._connections.add(connection)
            connection.start()

    def _forget(self, connection: _Connection) -> None:
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
                self.cuts += connection.was_cut

    def close(self) -> None:
        """Cut all connections and take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def __enter__(self) -> FlakyProxy:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Connection:
    """One connection through the proxy: two threads that copy, one each way."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        budget: int | None,
        forget: Callable[[_Connection], None],
    ) -> None:
        self._ends = (client, server)
        self._budget = budget
        self._forget = forget
        self._lock = threading.Lock()
        self._ways = 2  # that are still open
        self.was_cut = False

    def start(self) -> None:
        """Begin to copy."""
        client, server = self._ends
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def spare(self) -> None:
        """Let it carry as much as it may."""
        with self._lock:
            self._budget = None

    def cut(self) -> None:
        """Break the connection for both sides."""
        self.was_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                allowed = self._spend(len(data))
                target.sendall(data[:allowed])
                if allowed < len(data):
                    self.cut()
                    break
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        self._end_of_one_way()

    def _spend(self, size: int) -> int:
        with self._lock:
            if self._budget is None:
                return size
            allowed = min(size, self._budget)
            self._budget -= allowed
            return allowed

    def _end_of_one_way(self) -> None:
        with self._lock:
            self._ways -= 1
            if self._ways:
                return
        for end in self._ends:
            end.close()
        self._forget(self)
