"""What users may write for ``storage=``."""

import pytest

from orion_like.errors import ConfigurationError
from orion_like.storage import EphemeralDB, MongoDB, PickledDB, Storage, setup_storage


@pytest.mark.parametrize(
    "form",
    [
        "{path}",
        "file://{path}",
        "pickleddb://{path}",
        {"type": "legacy", "database": {"type": "pickleddb", "host": "{path}"}},
        {"database": {"type": "PickledDB", "host": "{path}", "name": "x", "port": 27017}},
        {"type": "pickleddb", "host": "{path}"},
        {"url": "{path}"},
    ],
)
def test_a_file_can_be_given_in_many_ways(form, tmp_path):
    path = str(tmp_path / "trials.pkl")

    def fill(value):
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return value.replace("{path}", path) if isinstance(value, str) else value

    storage = setup_storage(fill(form))

    assert isinstance(storage.database, PickledDB)
    assert path in storage.url


def test_a_server_can_be_given_as_url_or_dictionary(mongodb_uri):
    for form in (mongodb_uri, {"type": "mongodb", "host": mongodb_uri}):
        assert isinstance(setup_storage(form).database, MongoDB)


@pytest.mark.parametrize("form", [":memory:", "memory://", {"type": "ephemeraldb"}])
def test_memory_can_be_given_in_many_ways(form):
    assert isinstance(setup_storage(form).database, EphemeralDB)


def test_debug_keeps_everything_in_memory_whatever_is_asked_for():
    assert isinstance(setup_storage("mongodb://nowhere/x", debug=True).database, EphemeralDB)


def test_objects_are_used_as_they_are():
    storage = Storage(EphemeralDB())

    assert setup_storage(storage) is storage
    assert setup_storage(storage.database).database is storage.database


def test_a_dictionary_with_the_uri_of_a_server_needs_no_type(mongodb_uri):
    storage = setup_storage({"type": "legacy", "database": {"host": mongodb_uri}})

    assert storage.url.startswith("mongodb://")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("mongo://host/db", "did you mean 'mongodb'"),
        ({"type": "mongodbb"}, "did you mean 'mongodb'"),
        ({"type": "track", "database": {}}, "must be 'legacy'"),
        ({"type": "pickleddb", "hots": "x"}, "pickleddb: got an unexpected .* 'hots'"),
        ({"type": "pickleddb", "host": "mongodb://ann:pw@h/db"}, "is the URI of a MongoDB, but"),
        ("", "empty"),
        (3, "not int"),
    ],
)
def test_anything_else_is_refused_with_a_hint(form, message):
    with pytest.raises(ConfigurationError, match=message):
        setup_storage(form)
