"""One fsync is enough for all who appended before it, and never for those who did so after."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion_like.client import ExperimentClient, build_experiment
from orion_like.errors import DatabaseError
from orion_like.storage.database import PickledDB
from orion_like.storage.database.durability import SharedSync
from orion_like.storage.database.filelock import FileLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.lock"


@pytest.fixture
def client(tmp_path: Path) -> ExperimentClient:
    return build_experiment(
        "demo", space={"x": "uniform(0, 1)"}, max_trials=8, storage=str(tmp_path / "db.pkl")
    )


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


class TestTrial:
    """What is flushed on the road of a trial."""

    def test_one_that_a_worker_executes_is_flushed_once_with_its_result(
        self, client: ExperimentClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flushes = counted_flushes(monkeypatch)

        client.workon(lambda x: x, on_progress=lambda progress: None)

        assert client.stats.trials_completed == 8
        assert len(flushes) == 8

    def test_the_next_one_runs_while_the_disk_gets_a_result(
        self, client: ExperimentClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        second_runs, in_time = threading.Event(), []
        monkeypatch.setattr(os, "fsync", lambda _: in_time.append(second_runs.wait(30)))

        def evaluate(x: float) -> float:
            if client.stats.trials_completed == 1:
                second_runs.set()
            return x

        client.workon(evaluate)

        assert in_time
        assert all(in_time)

    def test_when_one_begins_the_disk_has_all_results_but_the_last(
        self, client: ExperimentClient, disk: Disk
    ) -> None:
        missing = []

        def evaluate(x: float) -> float:
            missing.append(client.stats.trials_completed - disk.completed)
            return x

        client.workon(evaluate)

        assert max(missing) <= 1
        assert disk.completed == 8

    def test_when_one_is_told_the_disk_has_its_result(
        self, client: ExperimentClient, disk: Disk
    ) -> None:
        told = []

        client.workon(lambda x: x, on_progress=lambda p: told.append((p.executed, disk.completed)))

        assert told == [(n, n) for n in range(1, 9)]

    def test_what_the_disk_does_not_take_is_kept_elsewhere(
        self, client: ExperimentClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(descriptor: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(os, "fsync", failing)

        with pytest.raises(DatabaseError, match=r"Input/output error\nThe result of trial"):
            client.workon(lambda x: x)

        kept = {path.name for path in tmp_path.glob("*.results.json")}
        finished = client.fetch_trials_by_status("completed")
        assert kept == {f"{trial.id}.results.json" for trial in finished}

    def test_one_that_was_asked_for_is_flushed_before_it_is_given(
        self, client: ExperimentClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flushes = counted_flushes(monkeypatch)

        trial = client.suggest()
        before_the_result = len(flushes)
        client.observe(trial, 1.0)

        assert (before_the_result, len(flushes)) == (1, 2)

    def test_where_a_worker_may_outlive_the_database_it_is_durable_from_the_start(
        self, client: ExperimentClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PickledDB, "shares_fate", False)
        flushes = counted_flushes(monkeypatch)

        client.workon(lambda x: x)

        assert len(flushes) == 16


class Disk:
    """A file as it would be after a power cut.

    Parameters
    ----------
    path
        The file.
    scratch
        Where a copy may be put.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self._path, self._scratch = path, scratch
        self._size = 0
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        self._fsync(descriptor)
        self._size = max(self._size, size)

    @property
    def completed(self) -> int:
        """How many completed trials it has."""
        self._scratch.write_bytes(self._path.read_bytes()[: self._size])
        with PickledDB(self._scratch) as database:
            return database.count("trials", {"status": "completed"})


@pytest.fixture
def disk(client: ExperimentClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path / "db.pkl", tmp_path / "after.pkl")
    made.fsync(os.open(tmp_path / "db.pkl", os.O_RDONLY))
    monkeypatch.setattr(os, "fsync", made.fsync)
    return made


def counted_flushes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an entry with each fsync from now on."""
    flushes: list[int] = []
    fsync = os.fsync

    def counting(descriptor: int) -> None:
        flushes.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counting)
    return flushes
