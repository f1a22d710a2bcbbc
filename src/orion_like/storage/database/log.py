"""One generation of the log: an open file, and how far it has been read."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from orion_like.errors import CorruptedDatabaseError, DatabaseError, OutdatedDatabaseError
from orion_like.storage.database.durability import sync_directory
from orion_like.storage.database.engine import Operation
from orion_like.storage.database.records import (
    HEADER_SIZE,
    MAGIC,
    RECORD_OVERHEAD,
    VERSION,
    Ending,
    Header,
    Refused,
    pack_header,
    pack_record,
    record_size,
    split_records,
    unpack_header,
    unpack_operations,
)

_CHUNK: Final = 8 * 2**20  # bytes read at once


class NoSuchLog(Exception):
    """There is no file, or a new one whose header is not written yet."""


class Log:
    """An open log file.

    It is closed when nobody refers to it any more, so that a thread that waits for its
    fsync never meets a closed file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    NoSuchLog
        There is none yet.
    DatabaseError
        It cannot be opened, or is not one of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writable = True
        self.ending = Ending.CLEAN
        self.descriptor = self._open()
        self.header = self._header()
        status = os.fstat(self.descriptor)
        self._inode = (status.st_dev, status.st_ino)
        self.offset = HEADER_SIZE

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            raise NoSuchLog from None
        except IsADirectoryError:
            raise DatabaseError(
                f"{self.path} is a directory; give the path of a file in it"
            ) from None
        except OSError as error:
            self.writable = False
            self.why_read_only = error.strerror or "permission denied"
        try:
            return os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise DatabaseError(f"cannot open the database file {self.path}: {error}") from error

    def _header(self) -> Header:
        start = os.pread(self.descriptor, HEADER_SIZE, 0)
        header = unpack_header(start)
        if header is None:
            if len(start) < HEADER_SIZE and start[: len(MAGIC)] == MAGIC[: len(start)]:
                raise NoSuchLog
            raise self._not_ours(start)
        if header.version > VERSION:
            raise DatabaseError(
                f"{self.path} has format {header.version}, which is newer than this version of"
                f" orion_like understands ({VERSION}); update orion_like"
            )
        return header

    def _not_ours(self, start: bytes) -> DatabaseError:
        """Say what the file is instead."""
        if start[: len(MAGIC)] == MAGIC:
            return self._corrupted_at(0, "the header is damaged")
        beginning = os.pread(self.descriptor, 4096, 0)
        if beginning[:1] == b"\x80" and b"orion.core.io.database" in beginning:
            return OutdatedDatabaseError(
                f"{self.path} was written by Oríon in its own format; convert it first:"
                f" orion-like db upgrade --storage {self.path}"
            )
        return CorruptedDatabaseError(
            f"{self.path} is not a database of orion_like: it does not begin as one, and nothing"
            " in it was read; refused"
        )

    # --- reading ----------------------------------------------------------------------------

    @property
    def inode(self) -> tuple[int, int]:
        """What the file is to the file system."""
        return self._inode

    def is_at(self, path: Path) -> bool:
        """Tell whether the path still leads to this file."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self.inode

    def succeeds(self, old: Log) -> bool:
        """Tell whether this is the rewritten form of what `old`, read to its end, holds."""
        expected = (old.header.identity, old.header.generation + 1)
        return (
            old.ending is Ending.CLEAN
            and (self.header.identity, self.header.generation) == expected
        )

    def size(self) -> int:
        """Return the size of the file; -1 if it was replaced or removed."""
        try:
            status = os.fstat(self.descriptor)
        except OSError as error:
            if error.errno == errno.ESTALE:  # on a server, by another machine
                return -1
            raise
        return status.st_size if status.st_nlink else -1

    def new_operations(self) -> Iterator[list[Operation]]:
        """Yield the operations of each record appended since the last call.

        `offset` moves past a record when the next one is asked for. What is not a whole
        record ends the iteration; `ending` says what it is.
        """
        wanted = _CHUNK
        while True:
            available = os.fstat(self.descriptor).st_size - self.offset
            data = os.pread(self.descriptor, max(0, min(available, wanted)), self.offset)
            payloads, _, self.ending = split_records(data)
            for payload in payloads:
                yield self._operations(payload)
                self.offset += RECORD_OVERHEAD + len(payload)
            if self.ending is Ending.DAMAGED or len(data) >= available:
                return
            wanted = max(_CHUNK, record_size(data)) if payloads else 2 * wanted

    def snapshot(self) -> Iterator[Operation]:
        """Yield the operations that were written when the log was rewritten.

        In the end, `offset` is after them.
        """
        size = self.header.snapshot_end - HEADER_SIZE
        payloads, read, _ = split_records(os.pread(self.descriptor, size, HEADER_SIZE))
        for payload in payloads:
            yield from self._operations(payload)
            self.offset += RECORD_OVERHEAD + len(payload)
        if read < size:
            raise self.corrupted("what follows is not a record, or its checksum is wrong")

    def _operations(self, payload: memoryview) -> list[Operation]:
        try:
            return unpack_operations(payload)
        except Refused as refused:
            raise self.corrupted(f"the record was refused: {refused}") from None
        except Exception as error:
            raise self.corrupted(f"the record cannot be read ({error})") from error

    def corrupted(self, what: str) -> CorruptedDatabaseError:
        """Make the error for damage at the record that is next."""
        return self._corrupted_at(self.offset, what)

    def _corrupted_at(self, offset: int, what: str) -> CorruptedDatabaseError:
        return CorruptedDatabaseError(
            f"{self.path} is damaged at byte {offset}: {what}. Keep a copy of the file;"
            " everything readable in it can be salvaged into a new one (`orion-like db salvage`)"
        )

    # --- writing, with the lock held --------------------------------------------------------

    def check_writable(self) -> None:
        """Raise if the file was opened for reading only."""
        if not self.writable:
            raise DatabaseError(
                f"the database file {self.path} can be read but not written ({self.why_read_only})"
            )

    def cut(self) -> None:
        """Cut off what is after the last whole record."""
        os.ftruncate(self.descriptor, self.offset)
        self.ending = Ending.CLEAN

    def append(self, operations: list[Operation]) -> None:
        """Append one record: all of it or, when that fails, nothing."""
        record = memoryview(pack_record(operations))
        written = 0
        try:
            while written < len(record):
                position = self.offset + written
                written += os.pwrite(self.descriptor, record[written:], position)
        except OSError as error:
            with contextlib.suppress(OSError):
                self.cut()
            raise DatabaseError(
                f"cannot write to {self.path}: {error.strerror}; nothing was changed,"
                " and everything written before is safe"
            ) from error
        self.offset += len(record)

    @classmethod
    def create(cls, path: Path, identity: bytes) -> Log:
        """Make a new, empty log."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with _closing(descriptor):
                _write_whole(descriptor, [pack_header(Header(VERSION, 1, HEADER_SIZE, identity))])
                os.fsync(descriptor)
            sync_directory(path.parent)
        except OSError as error:
            raise DatabaseError(f"cannot make the database file {path}: {error}") from error
        return cls(path)

    def rewrite(self, operations: Iterable[Operation]) -> Log:
        """Replace the file by the next generation, which holds these operations only.

        Returns when the new file is durable. The old one stays as it is for those who have
        it open.
        """
        scratch = self.path.with_name(self.path.name + ".new")
        try:
            end = self._write_successor(scratch, operations)
            os.replace(scratch, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                scratch.unlink()
            raise
        sync_directory(self.path.parent)
        successor = Log(self.path)
        successor.offset = end
        return successor

    def _write_successor(self, path: Path, operations: Iterable[Operation]) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with _closing(descriptor):
            _copy_access(self.descriptor, descriptor)
            end = _write_whole(
                descriptor, (pack_record([each]) for each in operations), HEADER_SIZE
            )
            header = Header(VERSION, self.header.generation + 1, end, self.header.identity)
            _write_whole(descriptor, [pack_header(header)])
            os.fsync(descriptor)
        return end


def _write_whole(descriptor: int, parts: Iterable[bytes], position: int = 0) -> int:
    """Write the parts one after the other and return where they end."""
    for part in parts:
        view = memoryview(part)
        while view:
            written = os.pwrite(descriptor, view, position)
            view, position = view[written:], position + written
    return position


def _copy_access(source: int, target: int) -> None:
    """Give a new file the owner, group and permissions of the one it replaces."""
    status = os.fstat(source)
    with contextlib.suppress(OSError):
        os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, status.st_mode & 0o777)


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
