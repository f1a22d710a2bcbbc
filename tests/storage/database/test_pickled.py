"""The file database: one file, many processes, and no way to lose what was acknowledged."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import shutil
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orion_like.client import build_experiment
from orion_like.errors import (
    CorruptedDatabaseError,
    DatabaseError,
    DatabaseTimeout,
    DuplicateKeyError,
    OutdatedDatabaseError,
)
from orion_like.storage import setup_storage
from orion_like.storage.check import check
from orion_like.storage.database import PickledDB, documents
from orion_like.storage.database.filelock import FileLock
from orion_like.storage.database.records import (
    Header,
    pack_header,
)

ASSETS = Path(__file__).parents[2] / "assets" / "file"

fork = multiprocessing.get_context("fork")
spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.pkl"


def opened(path: Path, **options: Any) -> PickledDB:
    return PickledDB(path, **{"timeout": 30, **options})


def everything(database: PickledDB) -> dict[str, list[dict[str, Any]]]:
    return {name: database.find(name) for name in database.collections()}


def run(*processes: Any) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


class TestFile:
    def test_it_is_made_at_the_first_write_for_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "er" / "db.pkl"
        database = opened(path)
        assert database.find("things") == []
        assert not path.exists()

        database.insert("things", {"a": 1})

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert opened(path, create=False).find("things") == [{"_id": 1, "a": 1}]

    def test_a_missing_file_is_an_error_if_none_may_be_made(self, path: Path) -> None:
        with pytest.raises(DatabaseError, match=str(path)):
            PickledDB(path, create=False)

    def test_without_a_path_it_is_in_the_data_directory_of_the_user(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

        assert PickledDB().path == tmp_path / "orion_like" / "orion_like_db.pkl"

    def test_a_directory_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseError, match="is a directory"):
            opened(tmp_path).find("things")

    def test_an_empty_file_is_an_empty_database(self, path: Path) -> None:
        path.touch()

        assert opened(path).find("things") == []
        opened(path).insert("things", {})

        assert opened(path).count("things") == 1

    def test_other_files_are_refused_and_left_alone(self, path: Path) -> None:
        path.write_text("a: settings file\n")

        for use in (opened(path).count, lambda name: opened(path).insert(name, {})):
            with pytest.raises(CorruptedDatabaseError, match="not a database of orion_like"):
                use("things")

        assert path.read_text() == "a: settings file\n"

    def test_a_file_of_orion_is_recognised(self, path: Path) -> None:
        path.write_bytes(b"\x80\x04\x95\x10\x00corion.core.io.database.ephemeraldb\nEphemeralDB\n")

        with pytest.raises(OutdatedDatabaseError, match="Oríon"):
            opened(path).find("things")

    def test_a_newer_format_is_refused(self, path: Path) -> None:
        path.write_bytes(pack_header(Header(99, 1, 0, bytes(16))))

        with pytest.raises(DatabaseError, match="update orion_like"):
            opened(path).find("things")

    @pytest.mark.parametrize("number", [1, 2])
    def test_every_format_that_there_was_is_read_and_continued(
        self, path: Path, number: int
    ) -> None:
        shutil.copy(ASSETS / f"format-{number}.pkl", path)
        storage = setup_storage(path)

        client = build_experiment("sample", storage=storage)
        trials = client.fetch_trials()

        numbers = [trial.number for trial in trials]
        assert numbers == [0, 1, *range(3, 21)]  # one was deleted
        assert {t.number for t in trials if t.status == "broken"} == {7, 15}
        for trial in trials:
            assert storage.get_trial(client.id, trial.id) is not None
            if trial.status == "completed":
                assert trial.objective.value == trial.params["x"] ** 2
        assert client.suggest().number == 2
        assert check(storage.database).is_sound
        before = everything(storage.database)
        storage.database.compact()
        assert everything(opened(path)) == before

    def test_permissions_survive_a_rewrite(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {})
        path.chmod(0o640)

        database.compact()

        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_removing_the_file_while_in_use_is_an_error(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {})
        path.unlink()

        for use in (database.count, lambda name: database.insert(name, {})):
            with pytest.raises(DatabaseError, match="was removed while in use"):
                use("things")

    def test_another_database_in_the_same_place_is_noticed(
        self, path: Path, tmp_path: Path
    ) -> None:
        database = opened(path)
        database.track_changes("things", "group")
        database.insert_many("things", [{"group": 1, "n": n} for n in range(5)])
        _, token = database.changes("things", 1, None)
        other = opened(tmp_path / "other.pkl")
        other.track_changes("things", "group")
        other.insert("things", {"group": 1, "n": 77})
        os.replace(other.path, path)

        changed, _ = database.changes("things", 1, token)

        assert [document["n"] for document in changed] == [77]
        assert database.insert("things", {"group": 1}) == 2

    def test_a_read_only_file_can_be_read(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(path).insert("things", {"a": 1})
        really_open = os.open

        def open_read_only(name: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_RDWR | os.O_WRONLY):
                raise OSError(30, "Read-only file system")
            return really_open(name, flags, *rest, **named)

        monkeypatch.setattr(os, "open", open_read_only)
        database = opened(path)

        database.ensure_index("things", "a", unique=True)
        assert database.find("things", fields=["a"]) == [{"_id": 1, "a": 1}]
        with pytest.raises(DatabaseError, match=r"can be read but not written.*Read-only"):
            database.insert("things", {})


class TestProcesses:
    def test_a_write_is_seen_by_others_at_once(self, path: Path) -> None:
        one, two = opened(path), opened(path)

        for n in range(5):
            one.insert("things", {"n": n})
            assert two.count("things") == n + 1
            two.find_one_and_update("things", {"n": n}, {"$set": {"n": -n}})
            assert one.find("things", {"_id": n + 1}) == [{"_id": n + 1, "n": -n}]

    def test_unique_keys_hold_even_for_those_who_never_declared_them(self, path: Path) -> None:
        opened(path).ensure_index("things", "name", unique=True)
        opened(path).insert("things", {"name": "a"})

        with pytest.raises(DuplicateKeyError):
            opened(path).insert("things", {"name": "a"})

    def test_many_processes_count_exactly(self, path: Path) -> None:
        database = opened(path, fsync=False)
        database.ensure_index("things", "number", unique=True)
        database.insert("counter", {"_id": "c", "next": 0})

        run(*(fork.Process(target=_count, args=(path, 100)) for _ in range(4)))

        assert database.find("counter") == [{"_id": "c", "next": 400}]
        assert sorted(t["number"] for t in database.find("things")) == list(range(1, 401))
        assert everything(opened(path)) == everything(database)

    def test_a_forked_child_goes_on_with_the_same_object(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {"by": "parent"})

        run(*(fork.Process(target=_insert, args=(database, "child", 20)) for _ in range(3)))
        database.insert("things", {"by": "parent"})

        assert database.count_by("things", "by") == {"parent": 2, "child": 60}

    def test_a_child_forked_amid_the_writes_of_threads_works(self, path: Path) -> None:
        database = opened(path, fsync=False)
        threads = [
            threading.Thread(target=_insert, args=(database, "parent", 100)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()

        children = [fork.Process(target=_insert, args=(database, "child", 10)) for _ in range(6)]
        run(*children)
        for thread in threads:
            thread.join()

        assert database.count_by("things", "by") == {"parent": 300, "child": 60}
        assert everything(opened(path)) == everything(database)

    def test_a_spawned_child_gets_a_pickled_one(self, path: Path) -> None:
        database = opened(path)

        run(spawn.Process(target=_insert, args=(database, "child", 1)))

        assert database.count("things") == 1

    def test_waiting_too_long_for_the_lock_names_its_holder(self, path: Path) -> None:
        opened(path).insert("things", {})
        holder = FileLock(path.with_name("db.pkl.lock"), timeout=1)
        holder.acquire()

        with pytest.raises(DatabaseTimeout, match=f"db.pkl.lock: process {os.getpid()}"):
            opened(path, timeout=0.05).insert("things", {})

        assert opened(path).count("things") == 1  # reading waits for nobody
        holder.release()
        opened(path, timeout=0.05).insert("things", {})

    def test_a_removed_lock_file_is_made_again_by_everybody(self, path: Path) -> None:
        one, two = opened(path), opened(path)
        one.insert("things", {"n": 1})
        two.insert("things", {"n": 2})
        lock = path.with_name("db.pkl.lock")
        lock.unlink()
        one.insert("things", {"n": 3})
        holder = FileLock(lock, timeout=1)
        holder.acquire()

        two.timeout = 0.05
        with pytest.raises(DatabaseTimeout):
            two.insert("things", {"n": 4})
        holder.release()
        two.insert("things", {"n": 5})

        assert one.count("things") == 4

    def test_killed_writers_lose_nothing_that_was_acknowledged(self, path: Path) -> None:
        database = opened(path)
        database.ensure_index("things", "n", unique=True)
        acknowledged: set[str] = set()

        for generation in range(6):
            writers = [_Acknowledging(path, (generation, w)) for w in range(3)]
            for writer in writers:
                writer.wait_for(15)
            for writer in writers:
                acknowledged |= writer.kill()

        stored = {t["n"] for t in database.find("things", fields=["n"])}
        assert acknowledged <= stored
        assert len(stored) == database.count("things")
        assert everything(opened(path)) == everything(database)
        database.insert("things", {"n": "after"})

    def test_a_stopped_reader_or_syncer_holds_up_nobody(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {})
        descriptor = os.open(path, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # as one that was stopped in the middle of its fsync

        database.insert("things", {})

        assert database.count("things") == 2
        os.close(descriptor)


def _count(path: Path, times: int) -> None:
    database = opened(path, fsync=False)
    for _ in range(times):
        found = database.find_one_and_update("counter", {}, {"$inc": {"next": 1}})
        assert found is not None
        database.insert("things", {"number": found["next"]})


def _insert(database: PickledDB, by: str, times: int) -> None:
    for _ in range(times):
        database.insert("things", {"by": by})


class _Acknowledging:
    """A process that inserts and tells, after each insert, that it was acknowledged."""

    def __init__(self, path: Path, identity: tuple[int, int]) -> None:
        self.identity = identity
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            try:
                self._write_for_ever(path, write)
            finally:
                os._exit(1)
        os.close(write)
        self.pipe = os.fdopen(read, "rb")
        self.told = 0

    def _write_for_ever(self, path: Path, pipe: int) -> None:
        database = opened(path)
        generation, writer = self.identity
        n = 0
        while True:
            database.insert("things", {"n": f"{generation} {writer} {n}", "pad": "x" * 2000})
            os.write(pipe, b".")
            n += 1

    def wait_for(self, count: int) -> None:
        self.told += len(self.pipe.read(count))

    def kill(self) -> set[str]:
        """Kill the process and return what it had been acknowledged."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.told += len(self.pipe.read())
        self.pipe.close()
        generation, writer = self.identity
        return {f"{generation} {writer} {n}" for n in range(self.told)}


class TestRewriting:
    def fill(self, database: PickledDB, times: int = 300) -> None:
        database.track_changes("things", "group")
        database.ensure_index("things", ["group", "status"])
        database.ensure_index("things", "name", unique=True, sparse=True)
        database.insert_many("things", [{"group": n % 2, "name": str(n)} for n in range(20)])
        for n in range(times):
            database.update("things", {"_id": n % 20 + 1}, {"$set": {"n": n, "status": n % 3}})
        database.remove("things", {"_id": 20})

    def test_it_keeps_everything(self, path: Path) -> None:
        database = opened(path, fsync=False)
        self.fill(database)
        before, size = everything(database), path.stat().st_size
        changes, token = database.changes("things", 1, None)
        changes = list(changes)

        database.compact()

        assert path.stat().st_size < size / 3
        for other in (database, opened(path)):
            assert everything(other) == before
            found, its_token = other.changes("things", 1, None)
            assert (list(found), its_token) == (changes, token)
            assert other.count_by("things", "status", {"group": 1}) == database.count_by(
                "things", "status", {"group": 1}
            )
            with pytest.raises(DuplicateKeyError):
                other.insert("things", {"name": "1"})
        assert opened(path).insert("things", {"group": 0}) == 21

    def test_others_follow_without_reading_everything_again(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer, reader, late = (opened(path, fsync=False) for _ in range(3))
        self.fill(writer)
        _, token = reader.changes("things", 1, None)
        late.count("things")
        writer.update("things", {"_id": 2}, {"$set": {"last": True}})
        writer.compact()
        writer.update("things", {"_id": 4}, {"$set": {"last": True}})

        with monkeypatch.context() as patch:
            patch.setattr(PickledDB, "_load", None)
            changed, token = reader.changes("things", 1, token)
        assert [document["_id"] for document in changed] == [2, 4]
        writer.compact()
        writer.compact()
        writer.insert("things", {"group": 1})

        assert len(reader.changes("things", 1, token)[0]) == 1
        assert everything(late) == everything(reader) == everything(writer)
        assert reader.insert("things", {}) == 22

    def test_it_happens_by_itself_when_most_of_the_log_is_dead(self, path: Path) -> None:
        database, reader = opened(path, fsync=False), opened(path)
        database.insert("things", {"_id": 1})

        for n in range(300):
            database.update("things", {"_id": 1}, {"$set": {"pad": str(n % 10) * 20_000}})
            if n % 50 == 0:
                assert reader.count("things") == 1

        assert path.stat().st_size < 3 * 2**20
        assert reader.find("things") == [{"_id": 1, "pad": "9" * 20_000}]

    def test_it_is_safe_while_others_write(self, path: Path) -> None:
        database = opened(path, fsync=False)
        database.insert("counter", {"_id": "c", "next": 0})

        writers = [fork.Process(target=_count, args=(path, 100)) for _ in range(3)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            database.compact()
        for writer in writers:
            writer.join()

        assert database.find("counter") == [{"_id": "c", "next": 300}]
        assert sorted(t["number"] for t in database.find("things")) == list(range(1, 301))
        assert everything(opened(path)) == everything(database)

    def test_a_killed_one_leaves_the_old_file(self, path: Path) -> None:
        database = opened(path)
        database.insert("things", {"_id": 1})
        path.with_name("db.pkl.new").write_bytes(b"half of a new file")

        assert opened(path).find("things") == [{"_id": 1}]
        database.compact()

        assert opened(path).find("things") == [{"_id": 1}]


operations = st.one_of(
    st.tuples(st.just("insert"), st.dictionaries(st.sampled_from("abc"), st.integers(0, 3))),
    st.tuples(st.just("update"), st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("unset"), st.sampled_from("abc"), st.integers(0, 3)),
    st.tuples(st.just("remove"), st.sampled_from("abc"), st.integers(0, 3)),
    st.tuples(st.just("index"), st.sampled_from("abc")),
    st.tuples(st.just("compact")),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("tear"), st.binary(min_size=1, max_size=11)),
)


class TestAnySequenceOfOperations:
    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.lists(operations, max_size=25))
    def test_gives_the_same_documents_to_everybody(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        sequence: list[tuple[Any, ...]],
    ) -> None:
        monkeypatch.setattr(documents, "_WORTH_KEEPING", 2)  # packs are kept however small
        path = tmp_path / f"{time.monotonic_ns()}.pkl"
        database, observer = opened(path, fsync=False), opened(path, fsync=False)
        database.track_changes("things", "a")
        seen, token = observer.changes("things", 1, None)
        view = {document["_id"]: document for document in seen}

        for operation, *arguments in sequence:
            with contextlib.suppress(DuplicateKeyError):
                database = self.do(database, operation, arguments)
            changed, token = observer.changes("things", 1, token)
            view.update((document["_id"], document) for document in changed)

        expected = everything(database)
        assert everything(observer) == expected
        assert everything(opened(path)) == expected
        for document in database.find("things", {"a": 1}):
            assert view[document["_id"]] == document

    def do(self, database: PickledDB, operation: str, arguments: list[Any]) -> PickledDB:
        if operation == "insert":
            database.insert("things", arguments[0])
        elif operation == "update":
            field, old, new = arguments
            database.update("things", {field: old}, {"$set": {field: new}})
        elif operation == "unset":
            database.update("things", {arguments[0]: arguments[1]}, {"$unset": {arguments[0]: 1}})
        elif operation == "remove":
            database.remove("things", {arguments[0]: arguments[1]})
        elif operation == "index":
            field, unique = arguments[0], arguments[0] == "c"
            database.ensure_index("things", [field, "e"], unique=unique, sparse=unique)
        elif operation == "compact":
            database.compact()
        elif operation == "tear":
            with database.path.open("ab") as file:
                file.write(arguments[0])
            database.insert("things", {"a": 1})
        else:
            return PickledDB(database.path, fsync=False)
        return database
