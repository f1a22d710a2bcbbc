"""The file database when things go wrong: torn and damaged files, full disks, interrupts."""

from __future__ import annotations

import os
import pickle
import resource
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from orion_like.errors import CorruptedDatabaseError, DatabaseError
from orion_like.storage.database import NOW, PickledDB
from orion_like.storage.database.engine import Engine
from orion_like.storage.database.records import RECORD_OVERHEAD, pack_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.pkl"


def opened(path: Path, **options: Any) -> PickledDB:
    return PickledDB(path, **{"timeout": 30, **options})


class TestDamage:
    def test_a_record_cut_short_anywhere_is_dropped_and_the_rest_is_whole(
        self, path: Path, tmp_path: Path
    ) -> None:
        database = opened(path)
        database.insert("things", {"_id": "kept"})
        whole = path.stat().st_size
        database.insert("things", {"_id": "torn", "a": [1, 2, 3], "time": NOW})
        data = path.read_bytes()
        copy = tmp_path / "copy.pkl"

        for size in range(whole, len(data)):
            copy.write_bytes(data[:size])
            reader, writer = opened(copy, fsync=False), opened(copy, fsync=False)
            assert reader.find("things") == [{"_id": "kept"}]
            writer.insert("things", {"_id": "next"})
            assert reader.find("things") == [{"_id": "kept"}, {"_id": "next"}]
            assert opened(copy).count("things") == 2

    def test_blocks_that_never_reached_the_disk_are_dropped(self, path: Path) -> None:
        opened(path).insert("things", {"_id": "kept"})
        with path.open("ab") as file:
            file.write(bytes(5000))

        database = opened(path)

        assert database.find("things") == [{"_id": "kept"}]
        database.insert("things", {"_id": "next"})
        assert opened(path).count("things") == 2

    def test_a_record_half_of_which_never_reached_the_disk_is_dropped(self, path: Path) -> None:
        opened(path).insert("things", {"_id": "kept"})
        record = pack_record([("put", "things", {"_id": "lost", "a": "x" * 100})])
        with path.open("ab") as file:
            file.write(record[:50] + bytes(len(record) - 50))

        assert opened(path).find("things") == [{"_id": "kept"}]

    @pytest.mark.parametrize("where", ["length", "checksum", "payload"])
    def test_a_flipped_bit_in_the_middle_is_an_error_that_tells_where(
        self, path: Path, where: str
    ) -> None:
        database = opened(path)
        database.insert("things", {"_id": 1})
        start = path.stat().st_size
        database.insert_many("things", [{"_id": 2}, {"_id": 3}])
        database.insert("things", {"_id": 4})
        offset = start + {"length": 1, "checksum": 5, "payload": RECORD_OVERHEAD + 9}[where]
        data = bytearray(path.read_bytes())
        data[offset] ^= 0x10
        path.write_bytes(data)

        for use in (opened(path).find, lambda name: opened(path).insert(name, {})):
            with pytest.raises(CorruptedDatabaseError, match=rf"{path}.*byte {start}.*salvage"):
                use("things")

        assert path.read_bytes() == data

    def test_a_crafted_pickle_executes_nothing(self, path: Path, tmp_path: Path) -> None:
        witness = tmp_path / "executed"

        class Evil:
            def __reduce__(self) -> Any:
                return os.system, (f"touch {witness}",)

        path.write_bytes(pickle.dumps({"things": Evil()}))
        with pytest.raises(CorruptedDatabaseError, match="refused"):
            opened(path).find("things")
        path.unlink()
        opened(path).insert("things", {"_id": 1})
        for payload in _crafted(Evil()):
            with path.open("r+b") as file:
                file.seek(0, os.SEEK_END)
                end = file.tell()
                file.write(payload)
            with pytest.raises(CorruptedDatabaseError, match=rf"byte {end}.*refused"):
                opened(path).find("things")
            os.truncate(path, end)

        assert not witness.exists()
        assert opened(path).find("things") == [{"_id": 1}]

    @pytest.mark.parametrize(
        "operations",
        [
            [("__init__", "things")],
            [("set", "things", 77, {"a": 1}, ())],
            [("remove", "things", 77)],
            [("put", "things")],
            [("put", "things", [1])],
            [["put"]],
            [7],
            [("index", "things", 3, True, False)],
        ],
    )
    def test_records_that_make_no_sense_are_refused(
        self, path: Path, operations: list[Any]
    ) -> None:
        opened(path).insert("things", {"_id": 1})
        with path.open("ab") as file:
            file.write(pack_record(operations))

        with pytest.raises(CorruptedDatabaseError, match="makes no sense"):
            opened(path).find("things")

    def test_a_file_that_shrinks_under_a_reader_is_read_again(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {"_id": 1})
        backup = path.read_bytes()
        database.insert("things", {"_id": 2})
        path.write_bytes(backup)

        assert database.find("things") == [{"_id": 1}]


def _crafted(evil: Any) -> Iterator[bytes]:
    """Yield records, sound by their checksums, that try to do more than hold documents."""
    for content in (evil, [("put", "things", {"_id": 2, "a": evil})], [np.float64(1)], {1: 2}, len):
        payload = pickle.dumps(content)
        start = struct.pack("<II", len(payload), crc32(payload))
        yield start + struct.pack("<I", crc32(start)) + payload


class TestFullDisk:
    def test_a_write_that_does_not_fit_changes_nothing(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {"_id": 1})
        before = path.read_bytes()

        with _file_size_limited_to(len(before) + 100):
            with pytest.raises(DatabaseError, match="nothing was changed"):
                database.insert("things", {"_id": 2, "pad": "x" * 1000})
            assert database.find("things") == [{"_id": 1}]
            assert path.read_bytes() == before
            assert opened(path).find("things") == [{"_id": 1}]

        database.insert("things", {"_id": 2})
        assert opened(path).count("things") == 2

    def test_no_room_for_a_rewrite_is_no_failure(self, path: Path) -> None:
        database = opened(path, fsync=False)
        database.insert("things", {"_id": 1, "pad": "x" * 400_000})
        for n in range(2, 5):
            database.insert("things", {"_id": n, "pad": "x" * 300_000})

        with _replaced(os, "fsync", _disk_is_full):
            for n in range(200):
                database.update("things", {"_id": 1}, {"$set": {"n": n}})

        assert database.find("things", {"_id": 1}, fields=["n"]) == [{"_id": 1, "n": 199}]
        assert opened(path).count("things") == 4
        assert not path.with_name("db.pkl.new").exists()

    def test_a_disk_that_cannot_sync_is_told(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {})

        with _replaced(os, "fsync", _disk_is_full), pytest.raises(DatabaseError, match="durable"):
            database.insert("things", {})


def _disk_is_full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


class _replaced:
    """Replace a function for a while."""

    def __init__(self, module: Any, name: str, function: Callable[..., Any]) -> None:
        self.patch = pytest.MonkeyPatch()
        self.arguments = (module, name, function)

    def __enter__(self) -> None:
        self.patch.setattr(*self.arguments)

    def __exit__(self, *exc: object) -> None:
        self.patch.undo()


class _file_size_limited_to:
    """Have every write beyond a size fail, as on a full disk."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *exc: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


class TestInterruption:
    def test_the_mirror_is_right_after_an_interrupt_anywhere(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = opened(path)
        database.insert("things", {"_id": 1})
        apply = Engine.apply

        def interrupted(self: Engine, operations: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Engine, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            database.insert("things", {"_id": 2})
        monkeypatch.setattr(Engine, "apply", apply)

        assert database.count("things") == opened(path).count("things") == 2
