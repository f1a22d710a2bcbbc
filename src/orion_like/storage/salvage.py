"""Making a new database file of everything that is readable in a damaged one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orion_like.errors import DatabaseError
from orion_like.storage.database import PickledDB
from orion_like.storage.database.engine import Engine
from orion_like.storage.database.log import Log
from orion_like.storage.database.records import (
    HEADER_SIZE,
    RECORD_OVERHEAD,
    Ending,
    record_size,
    split_records,
    unpack_header,
    unpack_operations,
)

BROKEN_RECORD = "a record whose checksum is wrong"
NO_RECORD = "bytes that are no record"
UNFINISHED = "the beginning of a record that was never written to its end"


@dataclass(frozen=True)
class Loss:
    """A part of the file that cannot be read: where, how many bytes, and what it is."""

    offset: int
    size: int
    what: str

    def __str__(self) -> str:
        return f"{self.size} bytes at byte {self.offset}: {self.what}"


@dataclass
class Salvage:
    """What was found in a damaged file.

    Parameters
    ----------
    documents
        How many documents there are, by collection.
    losses
        The parts that could not be read.
    """

    documents: dict[str, int] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)


def salvage(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Salvage:
    """Copy everything readable of a database file into a new one.

    The file itself is only read. What depends on a lost record, such as a change of a trial
    whose beginning is lost, is lost too.

    Parameters
    ----------
    path
        The damaged file.
    target
        The file to make.

    Raises
    ------
    DatabaseError
        If the file cannot be read or holds nothing of a database, or if `target` exists.
    """
    target = Path(target)
    if target.exists():
        raise DatabaseError(f"file {target} exists already; choose another one")
    engine, losses = read_damaged(path)
    operations = list(engine.snapshot())
    if not operations:
        raise DatabaseError(f"nothing in {path} is readable as a database of orion_like")
    Log.create(target, os.urandom(16)).rewrite(operations)
    return Salvage(_count(target), losses)


def read_damaged(path: str | os.PathLike[str]) -> tuple[Engine, list[Loss]]:
    """Read everything in a database file that can be read, and tell what cannot.

    Raises
    ------
    DatabaseError
        If the file cannot be read at all.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatabaseError(f"{path} cannot be read: {error.strerror}") from error
    engine, losses = Engine(os.urandom(16)), list[Loss]()
    for offset, record in _records(data, losses):
        try:
            engine.apply(unpack_operations(record))
        except Exception as error:  # damaged data may raise anything
            losses.append(Loss(offset, len(record), f"a record that makes no sense ({error})"))
    losses.sort(key=lambda loss: loss.offset)
    return engine, losses


def _records(data: bytes, losses: list[Loss]) -> Iterator[tuple[int, memoryview]]:
    """Yield offset and payload of every whole record, and note what lies between them."""
    position = HEADER_SIZE
    if unpack_header(data) is None:
        losses.append(Loss(0, min(HEADER_SIZE, len(data)), "the header"))
    while position < len(data):
        payloads, _, ending = split_records(data[position:])
        for payload in payloads:
            yield position, payload
            position += RECORD_OVERHEAD + len(payload)
        if ending is Ending.CLEAN:
            return
        end = _next_record(data, position)
        whole = record_size(data[position : position + RECORD_OVERHEAD])
        known = bool(whole) and end == position + whole
        torn = ending is Ending.TORN and end == len(data)
        what = UNFINISHED if torn else BROKEN_RECORD if known else NO_RECORD
        losses.append(Loss(position, end - position, what))
        position = end


def _count(target: Path) -> dict[str, int]:
    with PickledDB(host=str(target)) as database:
        return {name: database.count(name) for name in database.collections()}


def _next_record(data: bytes, position: int) -> int:
    """Return where the first record after the broken one at `position` begins, or the end."""
    whole = record_size(data[position : position + RECORD_OVERHEAD])
    if whole and position + whole <= len(data):
        return position + whole  # its length can be trusted, as that has its own checksum
    for candidate in range(position + 1, len(data) - RECORD_OVERHEAD):
        size = record_size(data[candidate : candidate + RECORD_OVERHEAD])
        if size and candidate + size <= len(data):
            return candidate
    return len(data)
