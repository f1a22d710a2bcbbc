"""Fixtures that many tests need: a MongoDB server, and a database of each kind."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from orion_like.storage.database import Database, EphemeralDB, MongoDB, PickledDB
from orion_like.testing.mongod import URI_VARIABLE, Mongod, NoMongod

_numbers = itertools.count()

# Commands in tests find `python` and `orion-like` of the environment under test.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"

# The same examples in every run, however slow the machine.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def mongod() -> Iterator[str]:
    """URI of a server that lives as long as the test session (of this xdist worker)."""
    given = os.environ.get(URI_VARIABLE)
    if given:
        yield given
        return
    server = Mongod()
    try:
        server.start()
    except NoMongod as missing:
        pytest.fail(str(missing), pytrace=False)
    try:
        yield server.uri
    finally:
        server.close()


@pytest.fixture
def mongodb_uri(mongod: str) -> str:
    """URI of a database of this test's own; nothing is dropped, which would cost more."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    server, question, options = mongod.partition("?")
    return f"{server.rstrip('/')}/{name}{question}{options}"


@pytest.fixture
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Database]:
    """Make an empty database of a kind: ephemeral, pickled or mongodb."""

    def make(kind: str) -> Database:
        if kind == "ephemeral":
            return EphemeralDB()
        if kind == "pickled":
            return PickledDB(tmp_path / "database.pkl")
        return MongoDB(request.getfixturevalue("mongodb_uri"))

    return make


@pytest.fixture(params=["ephemeral", "pickled", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def database(
    request: pytest.FixtureRequest, make_database: Callable[[str], Database]
) -> Iterator[Database]:
    """An empty database of each kind in turn."""
    with make_database(request.param) as made:
        yield made
