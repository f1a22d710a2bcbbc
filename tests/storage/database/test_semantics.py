"""Queries and updates mean the same in memory as on a real MongoDB server."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orion_like.errors import DatabaseError
from orion_like.storage.database import Database, EphemeralDB, MongoDB
from orion_like.storage.database.values import order_key

TIME = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
names = st.sampled_from("abc")
paths = st.sampled_from(["a", "b", "c", "a.b", "a.b.c", "b.a", "a.0", "b.0.a", "c.1"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.0, 0.5, 1.0, -2.0, float("inf"), float("nan")]),
    st.sampled_from(["", "a", "b", "ab"]),
    st.sampled_from([b"", b"a"]),
    st.sampled_from([TIME, TIME + datetime.timedelta(days=1)]),
)


def in_key_order(pairs: dict[str, Any]) -> dict[str, Any]:
    """The order of keys matters to MongoDB when it compares documents, and not to Python."""
    return dict(sorted(pairs.items()))


def dictionaries(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(names, values, max_size=3).map(in_key_order)


values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | dictionaries(inner), max_leaves=5
)
documents = dictionaries(values)
conditions = st.one_of(
    values,
    st.builds(lambda op, v: {op: v}, st.sampled_from(["$eq", "$ne"]), values),
    st.builds(lambda op, v: {op: v}, st.sampled_from(["$lt", "$lte", "$gt", "$gte"]), scalars),
    st.builds(lambda op, v: {op: v}, st.sampled_from(["$in", "$nin", "$all"]),
              st.lists(scalars, max_size=3)),
    st.builds(lambda v: {"$exists": v}, st.booleans()),
    st.builds(lambda v: {"$size": v}, st.integers(0, 2)),
    st.builds(lambda v: {"$not": {"$gte": v}}, scalars),
    st.builds(lambda v: {"$elemMatch": {"$lt": v}}, scalars),
    st.builds(lambda k, v: {"$elemMatch": {k: v}}, names, scalars),
)  # fmt: skip
clauses = st.dictionaries(paths, conditions, min_size=1, max_size=2)
queries = clauses | st.builds(
    lambda op, parts, rest: {op: parts, **rest},
    st.sampled_from(["$and", "$or", "$nor"]),
    st.lists(clauses, min_size=1, max_size=2),
    st.just({}) | clauses,
)
numbers = st.integers(-3, 3) | st.sampled_from([0.5, -1.5])
changes = st.one_of(
    st.builds(lambda k, v: {"$set": {k: v}}, paths, values),
    st.builds(lambda k: {"$unset": {k: ""}}, paths),
    st.builds(lambda k, v: {"$inc": {k: v}}, paths, numbers),
    st.builds(lambda k, v: {"$push": {k: v}}, paths, values),
    st.builds(lambda k, v: {"$addToSet": {k: v}}, paths, values),
    st.builds(lambda k, v: {"$pull": {k: v}}, paths, scalars),
    st.builds(lambda k, v: {"$pull": {k: {"$gte": v}}}, paths, scalars),
    st.builds(lambda k, v: {"$pop": {k: v}}, paths, st.sampled_from([1, -1])),
    st.builds(lambda op, k, v: {op: {k: v}}, st.sampled_from(["$min", "$max"]), paths, scalars),
)

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(mongod: str) -> MongoDB:
    return MongoDB(mongod, name="semantics")


def agreeing(documents: list[dict[str, Any]]) -> list[Any]:
    """Documents in a form that is equal where MongoDB finds them equal."""
    return [{name: order_key(v) for name, v in document.items()} for document in documents]


def examples(count: int) -> Any:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def filled(database: Database, stored: list[dict[str, Any]]) -> str:
    collection = f"c{next(_numbers)}"
    database.insert_many(
        collection, [{"_id": n, **document} for n, document in enumerate(stored)], durable=False
    )
    return collection


@pytest.mark.mongodb
class TestSameMeaning:
    @examples(100)
    @given(st.lists(documents, min_size=1, max_size=8), st.lists(queries, min_size=1, max_size=12))
    def test_of_queries(
        self, server: MongoDB, stored: list[dict[str, Any]], asked: list[dict[str, Any]]
    ) -> None:
        memory = EphemeralDB()
        here, there = filled(memory, stored), filled(server, stored)

        for query in asked:
            found = [d["_id"] for d in memory.find(here, query, sort=[("_id", 1)])]
            expected = [d["_id"] for d in server.find(there, query, sort=[("_id", 1)])]

            assert found == expected, (query, stored)

    @examples(40)
    @given(st.lists(documents, min_size=2, max_size=8), paths, st.sampled_from([1, -1]))
    def test_of_sorting(
        self, server: MongoDB, stored: list[dict[str, Any]], path: str, direction: int
    ) -> None:
        memory = EphemeralDB()
        here, there = filled(memory, stored), filled(server, stored)
        order = [(path, direction), ("_id", 1)]

        found = [d["_id"] for d in memory.find(here, sort=order)]

        assert found == [d["_id"] for d in server.find(there, sort=order)]

    @examples(40)
    @given(
        st.lists(documents, min_size=1, max_size=4),
        st.lists(paths, min_size=1, max_size=3, unique=True),
    )
    def test_of_projections(
        self, server: MongoDB, stored: list[dict[str, Any]], fields: list[str]
    ) -> None:
        fields = [f for f in fields if not any(part.isdigit() for part in f.split("."))]
        fields = [f for f in fields if not any(g.startswith(f + ".") for g in fields)]
        memory = EphemeralDB()
        here, there = filled(memory, stored), filled(server, stored)

        found = memory.find(here, fields=fields, sort=[("_id", 1)])

        assert agreeing(found) == agreeing(server.find(there, fields=fields, sort=[("_id", 1)]))

    @examples(100)
    @given(documents, st.lists(changes, min_size=1, max_size=6))
    def test_of_updates(
        self, server: MongoDB, document: dict[str, Any], asked: list[dict[str, Any]]
    ) -> None:
        memory = EphemeralDB()
        here, there = filled(memory, [document]), filled(server, [document])

        for update in asked:
            results = []
            for database, collection in ((memory, here), (server, there)):
                try:
                    found = database.find_one_and_update(
                        collection, {"_id": 0}, update, durable=False
                    )
                    results.append(agreeing([found or {}]))
                except DatabaseError:
                    results.append("refused")
            assert results[0] == results[1], (document, asked, update)

    @examples(40)
    @given(st.lists(documents, max_size=8), names)
    def test_of_counting_by_value(
        self, server: MongoDB, stored: list[dict[str, Any]], field: str
    ) -> None:
        stored = [
            {k: None if isinstance(v, list | dict | float) else v for k, v in document.items()}
            for document in stored
        ]
        memory = EphemeralDB()
        memory.ensure_index("c", field)
        here, there = filled(memory, stored), filled(server, stored)
        memory.insert_many("c", stored)

        counted = memory.count_by(here, field)

        assert counted == memory.count_by("c", field) == server.count_by(there, field)


class TestIndexesInMemory:
    @examples(100)
    @given(
        st.lists(documents, max_size=8),
        st.lists(st.tuples(queries, changes), max_size=6),
        st.lists(queries, min_size=1, max_size=8),
        st.sampled_from([1, -1]),
    )
    def test_change_how_fast_documents_are_found_but_not_which(
        self,
        stored: list[dict[str, Any]],
        writes: list[tuple[dict[str, Any], dict[str, Any]]],
        asked: list[dict[str, Any]],
        direction: int,
    ) -> None:
        bare, indexed = EphemeralDB(), EphemeralDB()
        indexed.ensure_index("things", ["a", "b", "c"])
        indexed.ensure_index("things", ["c"])
        indexed.ensure_index("things", ["b", "a"], sparse=True)
        indexed.ensure_index("things", ["a.b"])
        for database in (bare, indexed):
            database.insert_many("things", [{"_id": n, **d} for n, d in enumerate(stored)])

        for query, update in writes:
            outcomes = []
            for database in (bare, indexed):
                try:
                    outcomes.append(database.update("things", query, update))
                except DatabaseError:
                    outcomes.append(-1)
            assert outcomes[0] == outcomes[1]
        for query in asked:
            order = [("_id", 1)]
            found = indexed.find("things", query, fields=["a", "b", "c"], sort=order)
            expected = bare.find("things", query, fields=["a", "b", "c"], sort=order)
            assert agreeing(found) == agreeing(expected)
            assert indexed.count("things", query) == len(found)
            first = [
                database.find_one_and_update(
                    "things", query, {"$set": {"z": 1}}, sort=[("c", direction)], return_old=True
                )
                for database in (bare, indexed)
            ]
            key = [f and order_key(f.get("c")) for f in first]
            assert (first[0] is None) == (first[1] is None)
            assert key[0] == key[1] or any(type((f or {}).get("c")) in (list, dict) for f in first)
