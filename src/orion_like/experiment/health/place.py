"""Whether the place where documents live does what workers rely on."""

from __future__ import annotations

import shlex
import shutil
import socket
from collections.abc import Iterator

from orion_like.experiment.health.finding import Finding
from orion_like.experiment.health.workers import TOLERATED_SKEW, wrong_clock
from orion_like.storage import Storage
from orion_like.storage.database import Database, PickledDB
from orion_like.storage.database.filesystem import locking_at

DATABASE = "database"
LITTLE_SPACE = 0.02  # part of a file system
LITTLE_BYTES = 2 * 2**30


def examine_place(storage: Storage) -> Iterator[Finding]:
    """Find what is wrong with the database as a whole, on this host."""
    database = storage.database
    yield from _own_clock(database)
    if isinstance(database, PickledDB):
        yield from _locks(database)
        yield from _space(database)


def _own_clock(database: Database) -> Iterator[Finding]:
    ahead = database.clock_ahead()
    if abs(ahead) > TOLERATED_SKEW:
        yield wrong_clock(DATABASE, f"this host, {socket.gethostname()},", ahead)


def _locks(database: PickledDB) -> Iterator[Finding]:
    locking = locking_at(database.path)
    if locking is not None and not locking.is_trusted:
        path = shlex.quote(str(database.path))
        yield Finding(
            "wrong",
            "locks",
            DATABASE,
            locking.advice,
            "have the documents where locks hold, such as in a MongoDB",
            (f"db copy {path} mongodb://HOST/orion_like",),
        )


def _space(database: PickledDB) -> Iterator[Finding]:
    try:
        usage = shutil.disk_usage(database.path.parent)
    except OSError:
        return
    if usage.free < min(LITTLE_SPACE * usage.total, LITTLE_BYTES):
        yield Finding(
            "wrong",
            "disk-space",
            DATABASE,
            f"only {usage.free / 2**20:.0f} MiB are free where {database.path} is",
            "make room, or move the documents elsewhere; compacting may help",
            ("db compact",),
        )
