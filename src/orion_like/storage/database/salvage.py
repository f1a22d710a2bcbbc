"""Getting out of a damaged database file whatever can still be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orion_like.errors import DatabaseError
from orion_like.storage.database.engine import Engine, Operation
from orion_like.storage.database.log import Log
from orion_like.storage.database.records import (
    HEADER_SIZE,
    RECORD_OVERHEAD,
    Ending,
    record_size,
    split_records,
    unpack_operations,
)


@dataclass
class Salvaged:
    """What came out of a damaged file.

    Parameters
    ----------
    documents
        How many documents there are in each collection of the new file.
    damage
        Pairs of an offset in the damaged file and how many bytes from there were lost.
    orphans
        Changes that were readable but belong to documents that were not.
    """

    documents: dict[str, int] = field(default_factory=dict)
    damage: list[tuple[int, int]] = field(default_factory=list)
    orphans: int = 0


def salvage(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Salvaged:
    """Write everything readable in a database file into a new one.

    Parameters
    ----------
    path
        The damaged file; it is only read, and nobody should be writing it.
    target
        The file to make.

    Returns
    -------
    Salvaged
        What was found, and where something was lost.

    Raises
    ------
    DatabaseError
        The target exists already, or the file cannot be read.
    """
    target = Path(target).absolute()
    if target.exists():
        raise DatabaseError(f"{target} exists already; salvage into a new file")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DatabaseError(f"cannot read {path}: {error.strerror}") from error
    report, engine = Salvaged(), Engine(loading=True)
    for operations in _readable(data, report):
        for operation in operations:
            try:
                engine.apply([operation])
            except Exception:  # whatever a change of a lost document may lead to
                report.orphans += 1
    engine.finish_loading()
    Log.create(target, os.urandom(16)).rewrite(engine.snapshot())
    report.documents = {
        name: len(collection.documents) for name, collection in engine.collections.items()
    }
    return report


def _readable(data: bytes, report: Salvaged) -> Iterator[list[Operation]]:
    """Yield the operations of every whole record, and note the gaps between them."""
    position = HEADER_SIZE
    while position < len(data):
        payloads, _, ending = split_records(data[position:])
        for payload in payloads:
            try:
                yield unpack_operations(payload)
            except Exception:  # a refused one, or whatever unpickling damage may lead to
                report.damage.append((position, RECORD_OVERHEAD + len(payload)))
            position += RECORD_OVERHEAD + len(payload)
        if ending is Ending.CLEAN:
            return
        following = _next_record(data, position + 1)
        report.damage.append((position, following - position))
        position = following


def _next_record(data: bytes, start: int) -> int:
    """Return where the next record begins whose checksums are right; the end if there is none."""
    view = memoryview(data)
    for position in range(start, len(data)):
        size = record_size(view[position : position + RECORD_OVERHEAD])
        if size and split_records(view[position : position + size])[2] is Ending.CLEAN:
            return position
    return len(data)
