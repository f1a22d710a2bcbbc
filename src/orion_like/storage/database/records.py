"""The format of the file database: a header, then records that each hold one atomic write.

A record is the length of its payload, the payload's CRC-32, a CRC-32 of these two numbers,
and the payload: pickled operations. The third number tells a record that was cut short,
which a crash may leave at the very end, from a damaged length.

Nothing but plain values is ever unpickled: a file crafted to do more is refused.
"""

from __future__ import annotations

import datetime
import io
import pickle
import struct
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple
from zlib import crc32

from orion_like.storage.database.engine import Operation
from orion_like.storage.database.values import milliseconds, time_after

MAGIC: Final = b"\x93OLdb\r\n\x1a"
VERSION: Final = 2  # since 2 with packed documents
_HEADER: Final = struct.Struct("<8sIQQ16sI")
_RECORD: Final = struct.Struct("<III")
_CHECKED: Final = struct.Struct("<II")
HEADER_SIZE: Final = _HEADER.size
RECORD_OVERHEAD: Final = _RECORD.size


class Header(NamedTuple):
    """What a file says of itself.

    Parameters
    ----------
    version
        Version of the format.
    generation
        How many times the log was rewritten.
    snapshot_end
        Where the rewritten part ends: up to there the file says the same as the whole of the
        generation before it did.
    identity
        Random; stays with the database when it is rewritten.
    """

    version: int
    generation: int
    snapshot_end: int
    identity: bytes


def pack_header(header: Header) -> bytes:
    """Return the first bytes of a file."""
    checked = _HEADER.pack(MAGIC, *header, 0)[:-4]
    return checked + crc32(checked).to_bytes(4, "little")


def unpack_header(data: bytes) -> Header | None:
    """Return the header at the start of a file; None if there is none or it is damaged."""
    if len(data) < HEADER_SIZE or data[: len(MAGIC)] != MAGIC:
        return None
    _, *fields, checksum = _HEADER.unpack_from(data)
    return Header(*fields) if checksum == crc32(data[: HEADER_SIZE - 4]) else None


class Ending(Enum):
    """What comes after the last whole record."""

    CLEAN = "nothing"
    TORN = "the beginning of a record"
    DAMAGED = "damage"


def pack_record(operations: Sequence[Operation]) -> bytes:
    """Return one record that holds the operations of one atomic write."""
    buffer = io.BytesIO()
    buffer.write(bytes(RECORD_OVERHEAD))
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(operations)
    view = buffer.getbuffer()
    payload = view[RECORD_OVERHEAD:]
    length, checksum = len(payload), crc32(payload)
    _RECORD.pack_into(view, 0, length, checksum, crc32(_CHECKED.pack(length, checksum)))
    payload.release()
    view.release()
    return buffer.getvalue()


def split_records(data: bytes | memoryview) -> tuple[list[memoryview], int, Ending]:
    """Return the payloads of the whole records in `data`, their total size, and what follows.

    A record is torn, too, if it and all that follows is blank from some byte on: after a power
    cut a file may have its size before it has its data.
    """
    payloads: list[memoryview] = []
    view = memoryview(data)
    position, size = 0, len(data)
    while position < size:
        start = position + RECORD_OVERHEAD
        if start > size:
            return payloads, position, Ending.TORN
        length, checksum, header_checksum = _RECORD.unpack_from(view, position)
        if header_checksum != crc32(view[position : position + _CHECKED.size]):
            blank = not any(view[start - 1 :])
            return payloads, position, Ending.TORN if blank else Ending.DAMAGED
        if start + length > size:
            return payloads, position, Ending.TORN
        payload = view[start : start + length]
        if checksum != crc32(payload):
            blank = not any(view[start + length - 1 :])  # a pickle never ends with NUL
            return payloads, position, Ending.TORN if blank else Ending.DAMAGED
        payloads.append(payload)
        position = start + length
    return payloads, position, Ending.CLEAN


def record_size(data: bytes | memoryview) -> int:
    """Return how many bytes the first record takes in all; 0 if its header is not there."""
    if len(data) < RECORD_OVERHEAD:
        return 0
    length, _, header_checksum = _RECORD.unpack_from(data)
    whole = header_checksum == crc32(data[: _CHECKED.size])
    return RECORD_OVERHEAD + int(length) if whole else 0


class Refused(Exception):
    """A payload asks for something that no database of ours ever wrote."""


def unpack_operations(payload: bytes | memoryview) -> list[Operation]:
    """Return the operations in a payload.

    Raises
    ------
    Refused
        It names anything but the plain types that documents are made of.
    Exception
        Anything that unpickling damaged data may raise.
    """
    operations = _PlainUnpickler(io.BytesIO(payload)).load()
    if type(operations) is not list:
        raise Refused(f"a {type(operations).__name__} in place of a list of operations")
    return operations


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            if (module, name) == ("bson.objectid", "ObjectId"):
                return _object_id_class()
            raise Refused(f"it names {module}.{name}, which is not a plain type") from None


def _object_id_class() -> type:
    from bson.objectid import ObjectId

    return ObjectId


def time_at(milliseconds: int) -> datetime.datetime:
    """Return the time so many milliseconds after 1970 (UTC). Its name is part of the format."""
    return time_after(milliseconds)


def _reduce_time(time: datetime.datetime) -> tuple[Callable[[int], Any], tuple[int]]:
    return time_at, (milliseconds(time),)


_REDUCERS: Final[Any] = {datetime.datetime: _reduce_time}
_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("orion_like.storage.database.records", "time_at"): time_at
}
