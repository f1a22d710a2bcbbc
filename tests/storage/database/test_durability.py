"""One fsync is enough for all who appended before it, and never for those who did so after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion_like.storage.database.durability import SharedSync
from orion_like.storage.database.filelock import FileLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.lock"


class TestSharedSync:
    @pytest.fixture
    def shared(self, path: Path) -> Iterator[tuple[SharedSync, SharedSync, int]]:
        lock = FileLock(path, timeout=1)
        data = os.open(path.with_suffix(".data"), os.O_RDWR | os.O_CREAT)
        os.write(data, bytes(100))
        yield SharedSync(lock.descriptor), SharedSync(lock.descriptor), data
        os.close(data)

    @pytest.fixture
    def synced(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        calls: list[int] = []
        monkeypatch.setattr(os, "fsync", calls.append)
        return calls

    def test_what_another_made_durable_needs_no_fsync(
        self, shared: tuple[SharedSync, SharedSync, int], synced: list[int]
    ) -> None:
        one, two, data = shared

        one.make_durable(data, one.epoch, 60)
        two.make_durable(data, two.epoch, 80)
        two.make_durable(data, two.epoch, 100)

        assert len(synced) == 1

    def test_what_was_appended_later_does(
        self, shared: tuple[SharedSync, SharedSync, int], synced: list[int]
    ) -> None:
        one, two, data = shared
        one.make_durable(data, one.epoch, 100)
        os.pwrite(data, b"more", 100)

        two.make_durable(data, two.epoch, 104)

        assert len(synced) == 2

    def test_positions_of_another_epoch_do_not_count(
        self, shared: tuple[SharedSync, SharedSync, int], synced: list[int]
    ) -> None:
        one, two, data = shared
        old = one.epoch
        one.make_durable(data, old, 100)
        two.start_epoch()

        two.make_durable(data, two.epoch, 50)
        one.make_durable(data, old, 100)

        assert len(synced) == 3
