"""What every database promises, checked on each of them."""

from __future__ import annotations

import datetime
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

from orion_like.errors import DatabaseError, DuplicateKeyError
from orion_like.storage.database import NOW, Ago, Database

UTC = datetime.timezone.utc


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


def seconds_from_now(time: datetime.datetime) -> float:
    return abs((time - datetime.datetime.now(UTC)).total_seconds())


@pytest.fixture
def trials(database: Database) -> Database:
    """A database whose collection `trials` has the indexes that trials need."""
    database.ensure_index("trials", ["experiment", "id"], unique=True)
    database.ensure_index("trials", ["experiment", "number"], unique=True, sparse=True)
    database.ensure_index("trials", ["experiment", "status", "number"])
    database.track_changes("trials", "experiment")
    return database


def trial(n: int, experiment: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "experiment": experiment,
        "id": f"id{n}",
        "number": n,
        "status": "new",
        "attempt": 0,
        "results": [],
        **fields,
    }


class TestInsert:
    def test_a_document_comes_back_as_it_was_stored(self, database: Database) -> None:
        time = datetime.datetime(2024, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
        document = {
            "none": None,
            "yes": True,
            "int": 2**62,
            "float": float("inf"),
            "text": "ü\n",
            "bytes": b"\0\xff",
            "time": time,
            "list": [1, [2, {"a": 3}]],
            "dict": {"a.b": {"/lr": 1e-300}},
            "empty": {},
        }

        identity = database.insert("things", document)

        assert database.find("things") == [{"_id": identity, **document}]

    def test_the_clock_of_this_host_is_compared_with_that_of_the_database(
        self, database: Database
    ) -> None:
        database.insert("things", {})

        assert abs(database.clock_ahead()) < 1  # they are on the same host

    def test_a_given_id_is_kept_and_may_not_be_used_twice(self, database: Database) -> None:
        assert database.insert("things", {"_id": "mine"}) == "mine"

        with pytest.raises(DuplicateKeyError) as refused:
            database.insert("things", {"_id": "mine", "other": 1})

        assert refused.value.keys == ("_id",)
        assert database.count("things") == 1

    def test_an_id_for_a_document_that_holds_its_own_is_new(self, database: Database) -> None:
        first = database.insert("things", {})
        database.remove("things", {"_id": first})
        new = database.new_id("things")

        database.insert("things", {"_id": new, "self": new})

        assert new != first
        assert database.new_id("things") not in (first, new)
        with pytest.raises(DuplicateKeyError) as raised:
            database.insert("things", {"_id": new})
        assert raised.value.keys == ("_id",)

    def test_made_up_ids_differ_and_the_given_document_stays_as_it_was(
        self, database: Database
    ) -> None:
        document = {"a": [1]}

        first, second = database.insert("things", document), database.insert("things", document)

        assert first != second
        assert document == {"a": [1]}

    def test_the_stored_document_is_a_private_copy(self, database: Database) -> None:
        document = {"a": {"b": [1]}}
        database.insert("things", document)

        document["a"]["b"].append(2)
        database.find("things")[0]["a"]["b"].append(3)

        assert database.find("things")[0]["a"] == {"b": [1]}

    def test_times_are_kept_as_aware_utc_in_milliseconds(self, database: Database) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=2))
        database.insert(
            "things",
            {
                "zoned": datetime.datetime(2024, 1, 1, 2, 0, 0, 123_999, tzinfo=zone),
                "naive": datetime.datetime(2024, 1, 1),
            },
        )

        (found,) = database.find("things")

        assert found["zoned"] == datetime.datetime(2024, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)
        assert found["naive"] == datetime.datetime(2024, 1, 1, tzinfo=UTC)
        assert found["zoned"].utcoffset() == datetime.timedelta(0)

    def test_now_is_the_time_of_the_write(self, database: Database) -> None:
        identity = database.insert("things", {"a": NOW, "b": NOW, "c": 1})

        (found,) = database.find("things")

        assert found["_id"] == identity
        assert found["a"] == found["b"]
        assert seconds_from_now(found["a"]) < 60
        assert found["c"] == 1

    def test_numpy_scalars_and_tuples_become_plain(self, database: Database) -> None:
        database.insert(
            "things", {"i": np.int64(3), "f": np.float32(0.5), "b": np.True_, "t": (1,)}
        )

        (found,) = database.find("things", {"i": np.int32(3)}, fields=["i", "f", "b", "t"])

        del found["_id"]
        assert found == {"i": 3, "f": 0.5, "b": True, "t": [1]}
        assert type(found["b"]) is bool

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            ({"a": {"b": {1, 2}}}, "field 'a.b'.*set"),
            ({"a": [object()]}, "field 'a.0'.*object"),
            ({"a": 2**63}, "64 bits"),
            ({"a": "\ud800"}, "half a character"),
            ({"a": np.zeros(2)}, "tolist"),
            ({"a": {"b": NOW}}, "NOW"),
            ({"a": {3: 4}}, "not a string"),
            ({"a": {"$set": 4}}, r"\$"),
            ({"a.b": 1}, "dots"),
            ({"a": 1 + 2j}, "complex"),
        ],
    )
    def test_what_cannot_be_stored_is_refused_by_name(
        self, database: Database, document: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(DatabaseError, match=reason):
            database.insert("things", document)

        assert database.count("things") == 0

    def test_many_documents_go_in_at_once(self, trials: Database) -> None:
        made = trials.insert_many("trials", [trial(n, submit_time=NOW) for n in range(50)])

        assert ids(trials.find("trials", sort=[("number", 1)])) == made
        assert trials.insert_many("trials", []) == []

    def test_a_duplicate_among_many_is_refused(self, trials: Database) -> None:
        with pytest.raises(DuplicateKeyError) as refused:
            trials.insert_many("trials", [trial(1), trial(2), trial(2)])

        assert refused.value.keys in [("experiment", "id"), ("experiment", "number")]
        assert trials.count("trials", {"number": 2}) <= 1


class TestUniqueIndex:
    def test_a_second_document_with_the_same_keys_is_refused(self, trials: Database) -> None:
        trials.insert("trials", trial(1))

        with pytest.raises(DuplicateKeyError, match="id1") as refused:
            trials.insert("trials", trial(2, id="id1"))

        assert refused.value.keys == ("experiment", "id")
        trials.insert("trials", trial(1, experiment=2))
        assert trials.count("trials") == 2

    def test_an_update_cannot_break_it(self, trials: Database) -> None:
        trials.insert("trials", trial(1))
        trials.insert("trials", trial(2))

        with pytest.raises(DuplicateKeyError):
            trials.find_one_and_update("trials", {"number": 2}, {"$set": {"id": "id1"}})

        assert sorted(t["id"] for t in trials.find("trials")) == ["id1", "id2"]
        trials.find_one_and_update("trials", {"number": 2}, {"$set": {"id": "id2"}})

    def test_keys_are_free_again_after_an_update_or_removal(self, trials: Database) -> None:
        trials.insert("trials", trial(1))
        trials.find_one_and_update("trials", {"number": 1}, {"$set": {"id": "x", "number": 7}})
        trials.insert("trials", trial(1))
        trials.remove("trials", {"number": 1})

        trials.insert("trials", trial(1))

        assert trials.count("trials") == 2

    def test_a_sparse_one_leaves_out_what_is_missing_or_null(self, trials: Database) -> None:
        trials.insert("trials", trial(1, number=None))
        trials.insert("trials", trial(2, number=None))
        without = trial(3)
        del without["number"]
        trials.insert("trials", without)

        assert trials.count("trials", {"experiment": 1, "number": None}) == 3
        trials.insert("trials", trial(4))
        with pytest.raises(DuplicateKeyError) as refused:
            trials.find_one_and_update("trials", {"id": "id1"}, {"$set": {"number": 4}})
        assert refused.value.keys == ("experiment", "number")

    def test_null_counts_as_a_value_otherwise(self, database: Database) -> None:
        database.ensure_index("things", "name", unique=True)
        database.insert("things", {"name": None})

        with pytest.raises(DuplicateKeyError):
            database.insert("things", {"other": 1})

    def test_it_is_refused_if_documents_break_it_already(self, database: Database) -> None:
        database.insert_many("things", [{"name": "a"}, {"name": "a"}])

        with pytest.raises(DuplicateKeyError):
            database.ensure_index("things", "name", unique=True)

    def test_making_it_again_is_harmless_but_with_other_options_refused(
        self, trials: Database
    ) -> None:
        trials.ensure_index("trials", ["experiment", "id"], unique=True)

        with pytest.raises(DatabaseError, match="experiment, id"):
            trials.ensure_index("trials", ["experiment", "id"])


class TestFind:
    def test_nothing_is_found_in_an_unknown_collection(self, database: Database) -> None:
        assert database.find("nowhere", {"a": 1}) == []
        assert database.count("nowhere") == 0
        assert database.count_by("nowhere", "a") == {}
        assert database.collections() == []

    def test_fields_sort_limit_and_skip(self, database: Database) -> None:
        database.insert_many(
            "things", [{"_id": n, "n": n % 3, "m": {"a": n, "b": 0}} for n in range(9)]
        )

        found = database.find(
            "things",
            {"n": {"$ne": 1}},
            fields=["m.a"],
            sort=[("n", -1), ("_id", 1)],
            limit=3,
            skip=1,
        )

        assert found == [
            {"_id": 5, "m": {"a": 5}},
            {"_id": 8, "m": {"a": 8}},
            {"_id": 0, "m": {"a": 0}},
        ]

    def test_missing_values_sort_first_and_never_fail_comparisons(self, database: Database) -> None:
        database.insert_many(
            "things", [{"_id": 1, "n": 2}, {"_id": 2}, {"_id": 3, "n": None}, {"_id": 4, "n": "x"}]
        )

        assert ids(database.find("things", sort=[("n", 1), ("_id", 1)])) == [2, 3, 1, 4]
        assert ids(database.find("things", {"n": {"$lt": 5}})) == [1]
        assert ids(database.find("things", {"n": {"$gte": "a"}})) == [4]
        assert ids(database.find("things", {"n": None}, sort=[("_id", 1)])) == [2, 3]

    def test_documents_are_found_by_the_elements_of_a_list(self, database: Database) -> None:
        database.insert("things", {"_id": 1, "results": [{"name": "a", "value": 1}, {"name": "b"}]})
        database.insert("things", {"_id": 2, "results": [], "tags": ["x", "y"]})

        def found(query: dict[str, Any]) -> list[Any]:
            return ids(database.find("things", query))

        assert found({"results.name": "b"}) == [1]
        assert found({"results.0.value": {"$gt": 0}}) == [1]
        assert found({"results": {"$elemMatch": {"name": "a", "value": 1}}}) == [1]
        assert found({"results": {"$size": 0}}) == [2]
        assert found({"tags": {"$all": ["x", "y"]}}) == [2]
        assert found({"tags": "x"}) == [2]
        assert found({"tags": {"$exists": False}}) == [1]

    def test_logical_operators(self, database: Database) -> None:
        database.insert_many("things", [{"_id": n, "a": n, "b": n % 2} for n in range(4)])

        def found(query: dict[str, Any]) -> list[Any]:
            return ids(database.find("things", query, sort=[("_id", 1)]))

        assert found({"$or": [{"a": 0}, {"a": 3}], "b": 1}) == [3]
        assert found({"$nor": [{"a": 0}, {"b": 1}]}) == [2]
        assert found({"$and": [{"a": {"$gt": 0}}, {"a": {"$lt": 3}}]}) == [1, 2]
        assert found({"a": {"$not": {"$gte": 2}}}) == [0, 1]
        assert found({"a": {"$nin": [0, 1]}}) == [2, 3]

    def test_ago_compares_with_the_clock_of_the_database(self, database: Database) -> None:
        old = datetime.datetime.now(UTC) - datetime.timedelta(hours=2)
        database.insert("things", {"_id": "old", "heartbeat": old})
        database.insert("things", {"_id": "new", "heartbeat": NOW})
        database.insert("things", {"_id": "none", "heartbeat": None})
        database.insert("things", {"_id": "missing"})

        assert ids(database.find("things", {"heartbeat": {"$lt": Ago(3600)}})) == ["old"]
        assert ids(database.find("things", {"heartbeat": {"$gte": Ago(3600)}})) == ["new"]
        stale_or_none = {"$or": [{"heartbeat": None}, {"heartbeat": {"$lte": Ago(3600)}}]}
        assert set(ids(database.find("things", stale_or_none))) == {"old", "none", "missing"}

    def test_sparse_unique_keys_are_found(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n) for n in range(5)])

        assert [t["id"] for t in trials.find("trials", {"experiment": 1, "number": 3})] == ["id3"]
        several = trials.find("trials", {"experiment": 1, "number": {"$in": [1, 4]}})
        assert sorted(t["id"] for t in several) == ["id1", "id4"]

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ({"a": {"$gte_": 1}}, r"did you mean '\$gte'"),
            ({"$orr": [{"a": 1}]}, r"did you mean '\$or'"),
            ({"a": {"$gt": 1, "b": 2}}, "cannot be mixed"),
            ({"a": {"$in": 3}}, "takes a list"),
            ({"a": {"$regex": "x"}}, "unknown operator"),
            ({"$where": "1"}, "unknown operator"),
            ({"$or": []}, "list of queries"),
            ({"a": {"b": {1}}}, "set"),
        ],
    )
    def test_a_query_that_is_not_in_the_language_is_refused(
        self, database: Database, query: dict[str, Any], reason: str
    ) -> None:
        for use in (database.find, database.count, database.remove):
            with pytest.raises(DatabaseError, match=reason):
                use("things", query)


class TestUpdate:
    def test_every_operator(self, database: Database) -> None:
        database.insert(
            "things",
            {"_id": 1, "n": 1, "list": [1, 2], "set": [1], "min": 5, "max": 5, "gone": 1,
             "free": [4, 5, 6], "docs": [{"k": 1}, {"k": 2}], "deep": {"a": {"b": 1, "c": 2}}},
        )  # fmt: skip

        found = database.find_one_and_update(
            "things",
            {"_id": 1},
            {
                "$set": {"deep.a.b": 9, "new.x": [1], "time": NOW},
                "$unset": {"gone": "", "absent": ""},
                "$inc": {"n": 2, "fresh": 1.5},
                "$push": {"list": 3},
                "$addToSet": {"set": {"$each": [1, 2]}},
                "$min": {"min": 3},
                "$max": {"max": 3},
                "$pop": {"free": -1},
                "$pull": {"docs": {"k": {"$gt": 1}}},
            },
        )

        assert found is not None
        assert seconds_from_now(found.pop("time")) < 60
        assert found == {
            "_id": 1, "n": 3, "list": [1, 2, 3], "set": [1, 2], "min": 3, "max": 5,
            "free": [5, 6], "docs": [{"k": 1}], "deep": {"a": {"b": 9, "c": 2}},
            "new": {"x": [1]}, "fresh": 1.5,
        }  # fmt: skip

    def test_only_some_fields_can_be_asked_for(self, database: Database) -> None:
        database.insert("things", {"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "e": 4})
        ask = partial(database.find_one_and_update, "things", {"_id": 1})

        assert ask({"$inc": {"a": 1}}, fields=["a", "b.c"]) == {"_id": 1, "a": 2, "b": {"c": 2}}
        assert ask({"$inc": {"a": 1}}, fields=["a"], return_old=True) == {"_id": 1, "a": 2}
        assert database.find("things") == [{"_id": 1, "a": 3, "b": {"c": 2, "d": 3}, "e": 4}]

    def test_the_old_document_can_be_asked_for(self, database: Database) -> None:
        database.insert("things", {"_id": 1, "n": 1})

        old = database.find_one_and_update(
            "things", {"_id": 1}, {"$inc": {"n": 1}}, return_old=True
        )

        assert old == {"_id": 1, "n": 1}
        assert database.find("things") == [{"_id": 1, "n": 2}]

    def test_the_first_in_order_is_taken(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n, status=s) for n, s in enumerate("dcba")])
        query = {"experiment": 1, "status": {"$in": ["a", "b", "c"]}}

        taken = [
            trials.find_one_and_update(
                "trials", query, {"$set": {"status": "taken"}}, sort=[("number", direction)]
            )
            for direction in (1, -1, 1, 1)
        ]

        assert [t and t["number"] for t in taken] == [1, 3, 2, None]

    def test_the_first_in_order_over_alternatives(self, trials: Database) -> None:
        old = datetime.datetime.now(UTC) - datetime.timedelta(hours=2)
        trials.insert("trials", trial(3, status="reserved", heartbeat=old))
        trials.insert("trials", trial(1, status="reserved", heartbeat=NOW))
        trials.insert("trials", trial(4))
        query = {
            "experiment": 1,
            "$or": [{"status": {"$in": ["new", "suspended"]}},
                    {"status": "reserved", "heartbeat": {"$lt": Ago(60)}}],
        }  # fmt: skip
        update = {"$set": {"status": "reserved", "heartbeat": NOW}, "$inc": {"attempt": 1}}

        taken = [
            trials.find_one_and_update("trials", query, update, sort=[("number", 1)])
            for _ in range(3)
        ]

        assert [t and (t["number"], t["attempt"]) for t in taken] == [(3, 1), (4, 1), None]

    def test_many_are_updated_and_counted(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n) for n in range(4)])

        matched = trials.update("trials", {"number": {"$gt": 1}}, {"$set": {"status": "broken"}})

        assert matched == 2
        assert trials.count_by("trials", "status", {"experiment": 1}) == {"new": 2, "broken": 2}
        assert trials.count_by_each("trials", "status", "experiment", [1, 2]) == {
            1: {"new": 2, "broken": 2}
        }
        assert trials.update("trials", {"number": 9}, {"$set": {"status": "broken"}}) == 0
        assert set(trials.find("trials", limit=1)[0]) == {*trial(0), "_id", "change"}

    @pytest.mark.parametrize(
        ("update", "reason"),
        [
            ({"$sett": {"a": 1}}, r"did you mean '\$set'"),
            ({"a": 1}, r"not an operator"),
            ({}, "update"),
            ({"$set": {"_id": 2}}, "_id"),
            ({"$set": {"a": 1}, "$inc": {"a": 1}}, "conflict"),
            ({"$set": {"a": 1, "a.b": 1}}, "conflict"),
            ({"$set": {"n.x": 1}}, "n"),
            ({"$push": {"n": 1}}, "n"),
            ({"$inc": {"text": 1}}, "text"),
            ({"$inc": {"n": "1"}}, "number"),
            ({"$inc": {"n": 2**63 - 1}}, "n"),
            ({"$pop": {"list": 2}}, "1 or -1"),
            ({"$set": {"list.x": 2}}, "list"),
            ({"$set": {"a": {1}}}, "set"),
        ],
    )
    def test_an_impossible_update_is_refused_and_changes_nothing(
        self, database: Database, update: dict[str, Any], reason: str
    ) -> None:
        document = {"_id": 1, "n": 1, "text": "x", "list": [1]}
        database.insert("things", document)

        for use in (database.find_one_and_update, database.update):
            with pytest.raises(DatabaseError, match=reason):
                use("things", {"_id": 1}, update)

        assert database.find("things") == [document]

    def test_a_counter_gives_every_number_once_to_threads(self, database: Database) -> None:
        database.insert("things", {"_id": 1, "next": 0})

        def take(_: int) -> Any:
            found = database.find_one_and_update(
                "things", {"_id": 1, "next": {"$lt": 60}}, {"$inc": {"next": 1}}, durable=False
            )
            return found and found["next"]

        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(take, range(80)))

        assert sorted(n for n in numbers if n) == list(range(1, 61))

    def test_a_trial_is_reserved_by_one_thread_only(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n) for n in range(40)])
        taken: list[Any] = []

        def work(name: str) -> None:
            while found := trials.find_one_and_update(
                "trials",
                {"experiment": 1, "status": "new"},
                {"$set": {"status": "reserved", "worker": name}},
                sort=[("number", 1)],
                durable=False,
            ):
                taken.append(found["number"])

        threads = [threading.Thread(target=work, args=(str(n),)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(taken) == list(range(40))


class TestRemoveAndCount:
    def test_removed_documents_are_gone(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n) for n in range(4)])

        assert trials.remove("trials", {"number": {"$in": [0, 2, 7]}}) == 2
        assert trials.remove("trials", {"number": 0}) == 0

        assert sorted(t["number"] for t in trials.find("trials")) == [1, 3]
        assert trials.count("trials", {"experiment": 1, "status": "new"}) == 2

    def test_ids_are_never_given_twice(self, database: Database) -> None:
        first = database.insert("things", {})
        database.remove("things", {})

        assert database.insert("things", {}) != first

    def test_counting(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n, status="ab"[n % 2]) for n in range(5)])
        trials.insert("trials", trial(0, experiment=2, status="a"))

        assert trials.count("trials") == 6
        assert trials.count("trials", {"experiment": 1, "status": "a"}) == 3
        assert trials.count("trials", {"experiment": 1, "status": {"$in": ["a", "b"]}}) == 5
        assert trials.count("trials", {"status": "a", "number": {"$gt": 0}}) == 2
        assert trials.count_by("trials", "status", {"experiment": 1}) == {"a": 3, "b": 2}
        assert trials.count_by("trials", "status") == {"a": 4, "b": 2}
        assert trials.count_by("trials", "worker", {"experiment": 2}) == {None: 1}
        assert trials.count_by("trials", "experiment", {"status": "a"}) == {1: 3, 2: 1}


class TestChanges:
    def numbers(self, documents: list[dict[str, Any]]) -> list[int]:
        return [document["number"] for document in documents]

    def test_only_what_changed_since_is_told(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n) for n in range(3)])
        trials.insert("trials", trial(9, experiment=2))

        everything, token = trials.changes("trials", 1, None)
        nothing, token = trials.changes("trials", 1, token)
        trials.insert("trials", trial(3))
        trials.find_one_and_update("trials", {"number": 1}, {"$set": {"status": "reserved"}})
        trials.update("trials", {"number": 0}, {"$set": {"status": "broken"}})
        some, token = trials.changes("trials", 1, token)

        assert self.numbers(everything) == [0, 1, 2]
        assert nothing == []
        assert self.numbers(some) == [3, 1, 0]
        assert [t["status"] for t in some] == ["new", "reserved", "broken"]
        assert all(set(t) == {*trial(0), "_id", "change"} for t in some)
        assert trials.changes("trials", 1, token)[0] == []

    def test_two_readers_do_not_disturb_each_other(self, trials: Database) -> None:
        _, one = trials.changes("trials", 1, None)
        trials.insert("trials", trial(1))
        _, two = trials.changes("trials", 1, None)
        trials.insert("trials", trial(2))

        assert self.numbers(trials.changes("trials", 1, one)[0]) == [1, 2]
        assert self.numbers(trials.changes("trials", 1, two)[0]) == [2]
        assert self.numbers(trials.changes("trials", 1, one)[0]) == [1, 2]

    def test_removals_are_not_told(self, trials: Database) -> None:
        trials.insert_many("trials", [trial(n) for n in range(3)])
        _, token = trials.changes("trials", 1, None)
        trials.remove("trials", {"number": 2})
        trials.find_one_and_update("trials", {"number": 0}, {"$set": {"status": "broken"}})

        assert self.numbers(trials.changes("trials", 1, token)[0]) == [0]
        assert self.numbers(trials.changes("trials", 1, None)[0]) == [1, 0]

    def test_documents_from_before_the_tracking_are_told_too(self, database: Database) -> None:
        database.insert("things", {"_id": 1, "group": "g"})
        database.track_changes("things", "group")

        before, token = database.changes("things", "g", None)
        database.update("things", {"_id": 1}, {"$set": {"a": 1}})

        assert ids(before) == [1]
        assert ids(database.changes("things", "g", token)[0]) == [1]

    def test_the_stamp_cannot_be_forged(self, trials: Database) -> None:
        _, token = trials.changes("trials", 1, None)
        trials.insert("trials", trial(1, change=-5))
        trials.update("trials", {"number": 1}, {"$set": {"change": -7, "status": "broken"}})

        assert self.numbers(trials.changes("trials", 1, token)[0]) == [1]

    def test_nothing_is_missed_while_others_write(self, trials: Database) -> None:
        def write(worker: int) -> None:
            for n in range(25):
                trials.insert("trials", trial(100 * worker + n))

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        seen: list[int] = []
        token = None
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            some, token = trials.changes("trials", 1, token)
            seen += self.numbers(some)
        for thread in threads:
            thread.join()
        some, token = trials.changes("trials", 1, token)
        seen += self.numbers(some)

        assert sorted(seen) == sorted(100 * w + n for w in range(4) for n in range(25))

    def test_an_untracked_collection_has_none(self, database: Database) -> None:
        with pytest.raises(DatabaseError, match="track_changes"):
            database.changes("things", 1, None)


class TestLife:
    def test_collections_are_listed(self, trials: Database) -> None:
        trials.insert("experiments", {"name": "a"})

        assert trials.collections() == ["experiments", "trials"]

    def test_it_works_again_after_closing(self, database: Database) -> None:
        database.insert("things", {"_id": 1})
        database.close()

        assert database.count("things") == 1

    @pytest.mark.parametrize(
        "kind", ["pickled", pytest.param("mongodb", marks=pytest.mark.mongodb)]
    )
    def test_pickled_it_leads_to_the_same_documents(
        self, make_database: Callable[[str], Database], kind: str
    ) -> None:
        trials = make_database(kind)
        trials.track_changes("trials", "experiment")
        trials.insert("trials", trial(1))

        with pickle.loads(pickle.dumps(trials)) as copy:
            copy.insert("trials", trial(2))
            _, token = copy.changes("trials", 1, None)
            trials.insert("trials", trial(3))

            assert [t["number"] for t in copy.changes("trials", 1, token)[0]] == [3]
        assert trials.count("trials", {"experiment": 1}) == 3

    def test_now_survives_pickling(self) -> None:
        assert pickle.loads(pickle.dumps(NOW)) is NOW
