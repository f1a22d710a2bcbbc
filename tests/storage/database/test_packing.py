"""Packed documents come back exactly as they went in."""

from __future__ import annotations

import datetime
import math
import pickle
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_like.storage.database.documents import Documents
from orion_like.storage.database.packing import SIZE, Pack, packed
from orion_like.storage.database.values import UTC

times = st.datetimes(timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from([0.0, -0.0, 0, 1, 1.0, True, "", "a", "é"]),
    st.text(max_size=4),
    st.binary(max_size=3),
    times,
)
values = st.recursive(
    scalars,
    lambda parts: st.one_of(
        st.lists(parts, max_size=3), st.dictionaries(st.sampled_from("abc"), parts, max_size=3)
    ),
    max_leaves=6,
)
documents = st.dictionaries(st.sampled_from("pqrs"), values, max_size=4)


def exactly(value: Any) -> Any:
    """Return what is equal only for values that are the same to the bit, in the same order."""
    if isinstance(value, dict):
        return [(name, exactly(item)) for name, item in value.items()]
    if isinstance(value, list):
        return ["list", *map(exactly, value)]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return type(value), value


def numbered(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"_id": n, **content} for n, content in enumerate(contents)]


def unpacked(stored: list[dict[str, Any]]) -> list[dict[str, Any]]:
    packs, order = pickle.loads(pickle.dumps(packed(stored)))
    rows = [iter(range(len(pack))) for pack in map(Pack, packs)]
    return [Pack(packs[number]).document(next(rows[number])) for number in order]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(documents, max_size=8), st.integers(1, 3))
def test_any_documents(contents: list[dict[str, Any]], repetitions: int) -> None:
    stored = numbered(contents * repetitions)

    assert exactly(unpacked(stored)) == exactly(stored)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(scalars, min_size=1, max_size=12))
def test_any_column(column: list[Any]) -> None:
    stored = numbered([{"value": value} for value in column])

    assert exactly(unpacked(stored)) == exactly(stored)


def test_ids_made_by_a_mongodb() -> None:
    stored = [{"_id": ObjectId(), "n": n} for n in range(3)]

    assert unpacked(stored) == stored


def test_trials_take_a_fraction_of_the_bytes() -> None:
    start = datetime.datetime(2026, 1, 1, tzinfo=UTC)
    stored = [
        {
            "_id": n,
            "id": f"{n:032x}",
            "status": ("completed", "broken")[n % 9 == 0],
            "params": [{"name": name, "type": "real", "value": n / 7} for name in "xyz"],
            "end_time": start + datetime.timedelta(seconds=n),
        }
        for n in range(SIZE)
    ]

    one_by_one = sum(len(pickle.dumps(document)) for document in stored)

    assert len(pickle.dumps(packed(stored))) < one_by_one / 3


class TestDocuments:
    @pytest.fixture
    def stored(self) -> Documents:
        stored = Documents()
        for document in numbered([{"n": n % 3} for n in range(2 * SIZE)]):
            stored[document["_id"]] = document
        return self.packed(stored)

    def packed(self, stored: Documents) -> Documents:
        again = Documents()
        for block in stored.blocks():
            again.add(block)
        return again

    def test_they_stay_as_they_are_through_any_number_of_packings(self, stored: Documents) -> None:
        stored[7] = {"_id": 7, "n": "changed"}
        stored.pop(SIZE + 1)
        stored["new"] = {"_id": "new"}
        before = list(stored.values())

        again = self.packed(self.packed(stored))

        assert list(again.values()) == before
        assert list(again) == [document["_id"] for document in before]

    def test_what_did_not_change_is_taken_over(self, stored: Documents) -> None:
        stored[7] = {"_id": 7, "n": "changed"}
        first, second = stored.blocks()

        _, kept = self.packed(stored).blocks()

        assert first is not kept
        assert second is kept

    def test_those_that_were_asked_for_stay_as_they_were(self, stored: Documents) -> None:
        some = stored.captured([3, 7, SIZE])

        stored[7] = {"_id": 7, "n": "changed"}
        stored.pop(3)
        stored.become(self.packed(stored))

        assert [document["n"] for document in some] == [0, 1, SIZE % 3]
        assert list(some[1:]) == [some[1], some[2]]

    def test_a_copy_is_the_caller_s_own(self, stored: Documents) -> None:
        stored[7] = {"_id": 7, "parts": [1]}

        for identity in (7, 8):
            stored.private(identity, None)["parts"] = [2]
            stored.private(identity, ["_id", "parts"]).setdefault("parts", []).append(3)

        assert stored[7] == {"_id": 7, "parts": [1]}
        assert stored[8] == {"_id": 8, "n": 2}
