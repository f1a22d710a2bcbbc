"""What a damaged file still holds can be got out of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orion_like.errors import DatabaseError, DuplicateKeyError
from orion_like.storage.database import PickledDB
from orion_like.storage.database.salvage import salvage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.pkl"


def filled(path: Path) -> list[int]:
    """Fill a database and return where each document's record begins."""
    database = PickledDB(path, fsync=False)
    database.ensure_index("things", "n", unique=True)
    starts = []
    for n in range(10):
        starts.append(path.stat().st_size)
        database.insert("things", {"_id": n, "n": n})
    return starts


def test_a_sound_file_is_copied_whole(path: Path, tmp_path: Path) -> None:
    filled(path)

    report = salvage(path, tmp_path / "new.pkl")

    new = PickledDB(tmp_path / "new.pkl")
    assert new.find("things") == PickledDB(path).find("things")
    assert (report.documents, report.damage, report.orphans) == ({"things": 10}, [], 0)
    with pytest.raises(DuplicateKeyError):
        new.insert("things", {"n": 3})


def test_only_the_damaged_records_are_lost(path: Path, tmp_path: Path) -> None:
    starts = filled(path)
    PickledDB(path).update("things", {"_id": {"$in": [4, 5]}}, {"$set": {"more": 1}})
    data = bytearray(path.read_bytes())
    data[starts[4] + 20] ^= 1  # in the payload
    data[starts[7] + 1] ^= 1  # in the length
    path.write_bytes(data)

    report = salvage(path, tmp_path / "new.pkl")

    kept = PickledDB(tmp_path / "new.pkl").find("things")
    assert [document["n"] for document in kept] == [0, 1, 2, 3, 5, 6, 8, 9]
    assert kept[4] == {"_id": 5, "n": 5, "more": 1}
    assert report.damage == [
        (starts[4], starts[5] - starts[4]),
        (starts[7], starts[8] - starts[7]),
    ]
    assert report.orphans == 1


def test_a_file_of_noise_gives_an_empty_one(path: Path, tmp_path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(3000))

    report = salvage(path, tmp_path / "new.pkl")

    assert report.documents == {}
    assert PickledDB(tmp_path / "new.pkl").collections() == []


def test_nothing_is_overwritten(path: Path, tmp_path: Path) -> None:
    filled(path)

    with pytest.raises(DatabaseError, match="exists already"):
        salvage(path, path)
    with pytest.raises(DatabaseError, match="cannot read"):
        salvage(tmp_path / "none", tmp_path / "new.pkl")
