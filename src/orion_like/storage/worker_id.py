"""The id of a worker: whose trial it is, and whether that worker can still be alive."""

from __future__ import annotations

import os
import re
import secrets
import socket
from functools import cache
from pathlib import Path
from zlib import crc32

_FORM = re.compile(r"(?P<place>.+)-(?P<pid>\d+)-[0-9a-f]{8}")


@cache
def _place() -> str:
    """Name where process ids mean the same processes: host, its boot and process namespace.

    Hosts may share a name, and all of them number their namespaces alike: only the id of the
    boot tells them apart.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}.{crc32(f'{boot}{namespace}'.encode()):08x}"


def new_worker_id() -> str:
    """Return a unique id for a worker in this process: host, pid and a random part."""
    return f"{_place()}-{os.getpid()}-{secrets.token_hex(4)}"


def process_of(worker_id: str) -> tuple[str, int | None]:
    """Return the host and the process id of a worker; the latter None if the id is not ours.

    Examples
    --------
    >>> process_of("node7.example.org.1a2b3c4d-4711-9f8e7d6c")
    ('node7.example.org', 4711)
    >>> process_of("somebody")
    ('somebody', None)
    """
    match = _FORM.fullmatch(worker_id)
    if match is None:
        return worker_id, None
    return re.sub(r"\.[0-9a-f]{8}$", "", match["place"]), int(match["pid"])


def is_elsewhere(worker_id: str | None) -> bool:
    """Whether the worker runs on another machine, or in another container, than this process.

    Examples
    --------
    >>> is_elsewhere(new_worker_id())
    False
    """
    match = _FORM.fullmatch(worker_id or "")
    return match is not None and match["place"] != _place()


def is_certainly_dead(worker_id: str | None) -> bool:
    """Whether the worker ran where this process runs, and its process is gone.

    A worker elsewhere is never certainly dead: only its heartbeat tells. Nor is one
    whose pid was given to another process.

    Examples
    --------
    >>> is_certainly_dead(new_worker_id())
    False
    """
    match = _FORM.fullmatch(worker_id or "")
    if match is None or match["place"] != _place():
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _is_zombie(match["pid"])


def _is_zombie(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
