"""What is particular to MongoDB: connections, repetitions, server-side clock, indexes."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import mongomock
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from orion_like.errors import DatabaseError, DatabaseTimeout, DuplicateKeyError
from orion_like.storage.database import (
    NOW,
    Ago,
    Database,
    EphemeralDB,
    MongoDB,
    mongo_changes,
    values,
)
from orion_like.testing.mongod import Mongod

pytestmark = pytest.mark.mongodb
fork = multiprocessing.get_context("fork")


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[MongoDB]:
    with MongoDB(mongodb_uri) as made:
        yield made


@pytest.fixture
def raw(mongodb_uri: str, database: MongoDB) -> Iterator[Any]:
    """The same database through a plain client."""
    with MongoClient(mongodb_uri, tz_aware=True) as client:
        yield client[database.name]


@pytest.fixture(scope="module")
def standalone() -> Iterator[Mongod]:
    with Mongod(replica_set=None) as server:
        yield server


class TestAddress:
    @pytest.mark.parametrize(
        ("arguments", "url"),
        [
            ({}, "mongodb://localhost:27017/orion_like"),
            ({"host": "db1"}, "mongodb://db1:27017/orion_like"),
            ({"host": "db1", "name": "lab", "port": 1234}, "mongodb://db1:1234/lab"),
            ({"host": "mongodb://a,b/lab?tls=true"}, "mongodb://a,b/lab?tls=true"),
            ({"host": "mongodb://a/lab", "name": "other"}, "mongodb://a/other"),
            ({"host": "mongodb+srv://u:p@a.example/lab"}, "mongodb+srv://u@a.example/lab"),
            ({"host": "mongodb://u:p%40@h/?authSource=x"}, "mongodb://u@h/orion_like?authSource=x"),
        ],
    )
    def test_the_url_says_where_and_hides_the_password(
        self, arguments: dict[str, Any], url: str
    ) -> None:
        assert MongoDB(**arguments).url == url

    @pytest.mark.parametrize("host", ["postgres://h/x", "mongodb://", "mongodb://h:port/x"])
    def test_a_wrong_uri_is_a_clear_error(self, host: str) -> None:
        with pytest.raises(DatabaseError, match=r"URI|[Pp]ort"):
            MongoDB(host).count("things")


class TestConnection:
    def test_a_process_ends_without_waiting_for_the_threads_of_the_driver(
        self, mongodb_uri: str
    ) -> None:
        program = """
import atexit, sys, threading
atexit.register(lambda: print([thread.name for thread in threading.enumerate()]))
from orion_like.storage.database import MongoDB
MongoDB(sys.argv[1]).count("things")
"""

        ended = subprocess.run(
            [sys.executable, "-c", program, mongodb_uri], capture_output=True, text=True, check=True
        )

        assert "pymongo_server_monitor_thread" in ended.stdout
        assert not ended.stderr

    def test_making_one_does_not_connect(self) -> None:
        MongoDB("mongodb://nowhere.invalid/x")

    def test_a_server_that_cannot_be_reached_is_named(self) -> None:
        database = MongoDB("mongodb://ann:secret@127.0.0.1:9/lab", timeout=0.3)

        with pytest.raises(DatabaseTimeout) as refused:
            database.find("things")

        assert "mongodb://ann@127.0.0.1:9/lab" in str(refused.value)
        assert "secret" not in str(refused.value)
        assert "Topology" not in str(refused.value)

    def test_wrong_credentials_are_told_without_the_password(self) -> None:
        with Mongod(replica_set=None, options=["--auth"]) as server:
            with MongoClient(server.uri) as client:
                client.admin.command("createUser", "boss", pwd="b", roles=["userAdminAnyDatabase"])
            with MongoClient(server.uri, username="boss", password="b") as client:
                client.lab.command("createUser", "ann", pwd="rosebud", roles=["readWrite"])
            host, port = "127.0.0.1", server.port
            right = MongoDB(host, "lab", port, username="ann", password="rosebud")
            wrong = MongoDB(host, "lab", port, username="ann", password="sesame")
            nobody = MongoDB(host, "lab", port)

            right.insert("things", {"_id": 1})

            assert right.count("things") == 1
            for refused in (wrong, nobody):
                with pytest.raises(DatabaseError, match="refused access") as error:
                    refused.count("things")
                assert "sesame" not in str(error.value)
            right.close()

    def test_a_forked_child_has_a_connection_of_its_own(self, database: MongoDB) -> None:
        database.insert("things", {"by": "parent"})

        children = [fork.Process(target=_insert, args=(database, 5)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(60)
            assert child.exitcode == 0

        database.insert("things", {"by": "parent"})
        assert database.count_by("things", "by") == {"parent": 2, "child": 15}

    def test_neither_client_nor_password_are_shown(self) -> None:
        database = MongoDB("mongodb://ann:secret@h/lab")

        assert "secret" not in repr(database)
        assert pickle.loads(pickle.dumps(database)).url == database.url


def _insert(database: Database, times: int) -> None:
    for _ in range(times):
        database.insert("things", {"by": "child"})


class TestRepetition:
    """A connection that breaks before or after the server did the work."""

    def test_on_a_replica_set_nothing_is_done_twice(self, database: MongoDB) -> None:
        self.check(database, lost_replies=False)

    def test_nor_when_the_reply_gets_lost(self, database: MongoDB) -> None:
        self.check(database, lost_replies=True)

    def test_nor_on_a_standalone_server(self, standalone: Mongod) -> None:
        database = MongoDB(standalone.uri, name="repetition")
        client = database._connection.client
        collection = type(client["x"]["y"])
        for lost_reply in (False, True):
            database.remove("things", {})
            with _breaking(collection, lost_reply):
                self.use(database)
            self.verify(database)
        assert all("_operation" not in document for document in database.find("things"))

    def check(self, database: MongoDB, *, lost_replies: bool) -> None:
        collection = type(database._connection.client["x"]["y"])
        with _breaking(collection, lost_replies, driver_repeats=True):
            self.use(database)
        self.verify(database)

    def use(self, database: MongoDB) -> None:
        database.insert("things", {"_id": 1, "n": 0, "time": NOW})
        database.insert_many("things", [{"_id": n, "n": 0} for n in (2, 3)])
        found = database.find_one_and_update("things", {"_id": 1}, {"$inc": {"n": 1}})
        assert found is not None
        assert found["n"] == 1
        assert database.update("things", {"n": 0}, {"$inc": {"n": 5}, "$push": {"l": 1}}) == 2

    def verify(self, database: MongoDB) -> None:
        documents = database.find("things", sort=[("_id", 1)])
        assert [(d["_id"], d["n"], d.get("l")) for d in documents] == [
            (1, 1, None),
            (2, 5, [1]),
            (3, 5, [1]),
        ]

    def test_a_duplicate_of_another_is_not_taken_for_ones_own(self, standalone: Mongod) -> None:
        database = MongoDB(standalone.uri, name="duplicates")
        database.ensure_index("things", "name", unique=True)
        database.insert("things", {"name": "a"})
        collection = type(database._connection.client["x"]["y"])

        with _breaking(collection, lost_reply=True), pytest.raises(DuplicateKeyError):
            database.insert("things", {"name": "a"})

        assert database.count("things") == 1

    def test_a_server_that_restarts_is_waited_for(self) -> None:
        with Mongod() as server:
            database = MongoDB(server.uri, name="restart")
            database.insert("things", {"_id": "c", "n": 0})
            counted: list[int] = []
            stop = threading.Event()

            def count() -> None:
                while not stop.is_set():
                    found = database.find_one_and_update("things", {}, {"$inc": {"n": 1}})
                    assert found is not None
                    counted.append(found["n"])

            thread = threading.Thread(target=count)
            thread.start()
            while len(counted) < 20:
                time.sleep(0.001)
            server.kill()
            server.start()
            before = len(counted)
            while len(counted) < before + 20 and thread.is_alive():
                time.sleep(0.001)
            stop.set()
            thread.join()

            assert counted == list(range(1, len(counted) + 1))
            assert database.find("things") == [{"_id": "c", "n": len(counted)}]


class _breaking:
    """Break every operation that writes once, before or after it was done."""

    METHODS = ("insert_one", "insert_many", "update_one", "update_many", "find_one_and_update")

    def __init__(self, collection: Any, lost_reply: bool, driver_repeats: bool = False) -> None:
        self.collection, self.lost_reply = collection, lost_reply
        self.patch = pytest.MonkeyPatch()
        skipped = ("find_one_and_update",) if driver_repeats else ()
        self.methods = [name for name in self.METHODS if name not in skipped]

    def __enter__(self) -> None:
        for name in self.methods:
            self.patch.setattr(self.collection, name, self.broken(name))

    def broken(self, name: str) -> Any:
        working, lost_reply, calls = getattr(self.collection, name), self.lost_reply, []

        def once_broken(*args: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) % 2 == 0:
                return working(*args, **options)
            if lost_reply:
                working(*args, **options)
            raise AutoReconnect("connection closed")

        return once_broken

    def __exit__(self, *exc: object) -> None:
        self.patch.undo()


class TestClock:
    def test_now_and_ago_are_the_clock_of_the_server(
        self, database: MongoDB, raw: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        monkeypatch.setattr(values, "now", lambda: pytest.fail("the clock of this host was asked"))

        database.insert("things", {"_id": 1, "time": NOW})
        database.update("things", {"_id": 1}, {"$set": {"later": NOW}})

        (found,) = database.find("things", {"time": {"$gte": Ago(600)}})
        server = raw.client.admin.command("hello")["localTime"].replace(tzinfo=None)
        assert abs((server - found["time"].replace(tzinfo=None)).total_seconds()) < 60
        assert database.find("things", {"later": {"$lt": Ago(600)}}) == []


class TestChanges:
    def test_a_write_that_becomes_visible_late_is_not_missed(
        self, database: MongoDB, raw: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mongo_changes, "_PERIOD", 0.0)
        database.track_changes("things", "group")
        database.insert_many("things", [{"_id": n, "group": 1} for n in range(3)])
        database.insert("things", {"_id": "late", "group": 1})
        late = raw.things.find_one_and_delete({"_id": "late"})
        database.insert("things", {"_id": "last", "group": 1})
        _, token = database.changes("things", 1, None)
        raw.things.insert_one(late)

        changed, token = database.changes("things", 1, token)

        assert [document["_id"] for document in changed] == ["late"]
        assert database.changes("things", 1, token)[0] == []

    def test_whoever_writes_stamps_the_change(self, database: MongoDB, mongodb_uri: str) -> None:
        database.track_changes("things", "group")
        _, token = database.changes("things", 1, None)

        MongoDB(mongodb_uri).insert("things", {"_id": 1, "group": 1})

        assert [d["_id"] for d in database.changes("things", 1, token)[0]] == [1]


class TestIndexes:
    QUERIES: tuple[dict[str, Any], ...] = (
        {"experiment": 1, "id": "x"},
        {"experiment": 1, "number": 5},
        {"experiment": 1, "number": {"$in": [5, 6]}},
        {"experiment": 1, "status": {"$in": ["new", "interrupted"]}},
        {"experiment": 1, "status": "reserved", "heartbeat": {"$lt": Ago(60)}},
        {
            "experiment": 1,
            "$or": [{"status": "new"}, {"status": "reserved", "heartbeat": {"$lt": Ago(60)}}],
        },
    )

    @pytest.fixture
    def trials(self, database: MongoDB) -> MongoDB:
        database.ensure_index("trials", ["experiment", "id"], unique=True)
        database.ensure_index("trials", ["experiment", "number"], unique=True, sparse=True)
        database.ensure_index("trials", ["experiment", "status", "number"])
        database.track_changes("trials", "experiment")
        database.insert_many(
            "trials",
            [
                {"experiment": 1, "id": str(n), "number": n, "status": "completed"}
                for n in range(50)
            ],
        )
        return database

    @pytest.mark.parametrize("query", QUERIES, ids=str)
    def test_serve_the_queries_of_trials(
        self, trials: MongoDB, raw: Any, query: dict[str, Any]
    ) -> None:
        translated = trials._query("trials", query)

        explained = raw.trials.find(translated).explain()

        assert "IXSCAN" in str(explained["queryPlanner"]["winningPlan"])
        assert explained["executionStats"]["totalDocsExamined"] <= 2

    def test_serve_the_sort_of_a_reservation(self, trials: MongoDB, raw: Any) -> None:
        query = trials._query("trials", self.QUERIES[-1])

        plan = str(
            raw.trials.find(query).sort([("number", 1)]).explain()["queryPlanner"]["winningPlan"]
        )

        assert "SORT_MERGE" in plan
        assert "'SORT'" not in plan

    def test_tell_which_documents_changed_without_reading_them(
        self, trials: MongoDB, raw: Any
    ) -> None:
        cursor = raw.trials.find({"experiment": 1}, {"_id": 1, "change": 1})

        explained = cursor.hint([("experiment", 1), ("change", 1), ("_id", 1)]).explain()

        assert explained["executionStats"]["totalDocsExamined"] == 0

    def test_are_not_made_again_by_every_worker(
        self, trials: MongoDB, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        worker = MongoDB(mongodb_uri)
        collection = type(worker._connection.client["x"]["y"])
        monkeypatch.setattr(collection, "create_index", None)

        worker.ensure_index("trials", ["experiment", "id"], unique=True)
        worker.track_changes("trials", "experiment")


class TestValues:
    def test_a_document_that_is_too_large_is_refused(self, database: MongoDB) -> None:
        with pytest.raises(DatabaseError, match="things"):
            database.insert("things", {"a": "x" * 17 * 2**20})

    def test_text_that_is_no_unicode_is_refused(self, database: MongoDB) -> None:
        with pytest.raises(DatabaseError, match=r"field 'a'.*half a character"):
            database.insert("things", {"a": "\ud800"})


class TestMongomock:
    """The same calls on a pretended server, for what it can do."""

    def test_reading_and_writing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        memory = EphemeralDB()
        monkeypatch.setattr(mongomock.Database, "command", lambda *_: {"ok": 1.0})
        with mongomock.patch(servers=("mocked.example",)):
            mocked = MongoDB("mongodb://mocked.example/test")
            for database in (memory, mocked):
                database.insert_many("things", [{"_id": n, "a": n % 2} for n in range(4)])
                database.find_one_and_update("things", {"a": 1}, {"$inc": {"a": 5}})
                database.remove("things", {"_id": 0})

            assert mocked.find("things", {"a": {"$gt": 0}}) == memory.find(
                "things", {"a": {"$gt": 0}}
            )
            assert mocked.count_by("things", "a") == memory.count_by("things", "a")
