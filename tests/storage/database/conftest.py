"""The contract holds for every kind of database, whatever other tests of storage choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orion_like.storage.database import Database


@pytest.fixture(params=["ephemeral", "pickled", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def database(
    request: pytest.FixtureRequest, make_database: Callable[[str], Database]
) -> Iterator[Database]:
    """An empty database of each kind in turn."""
    with make_database(request.param) as made:
        yield made
