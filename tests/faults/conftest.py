"""A crew of worker processes on a file or on a MongoDB."""

import pytest

from orion_like.testing.chaos import Crew


@pytest.fixture
def make_crew(tmp_path):
    """Make crews, and end their workers when the test is over."""
    crews = []

    def make(url, **assignment):
        directory = tmp_path / f"crew-{len(crews)}"
        directory.mkdir()
        crews.append(Crew(str(url), directory, **assignment))
        return crews[-1]

    yield make
    for crew in crews:
        crew.close()


@pytest.fixture(params=["file", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def url(request, tmp_path):
    """Return the URL of an empty storage of each kind that processes can share."""
    if request.param == "file":
        return str(tmp_path / "db.pkl")
    return request.getfixturevalue("mongodb_uri")
