import json

import pytest
from recording import RECORDED_SPACES, path_of, record

from orion_like.algo import available_algorithms


@pytest.mark.parametrize("algorithm", available_algorithms())
def test_suggestions_are_those_recorded(algorithm):
    recorded = json.loads(path_of(algorithm).read_text())

    suggested = record(algorithm)

    assert set(recorded) == set(RECORDED_SPACES)
    for space, points in recorded.items():
        assert len(suggested[space]) == len(points)
        for mine, theirs in zip(suggested[space], points, strict=True):
            assert mine.keys() == theirs.keys()
            for name, value in theirs.items():
                assert mine[name] == approximately(value)


def approximately(value):
    """Allow numbers the rounding errors of another processor or library."""
    if isinstance(value, list):
        return [approximately(item) for item in value]
    if isinstance(value, float):
        return pytest.approx(value, rel=2e-3)
    return value
