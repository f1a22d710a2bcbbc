"""Known constraints between the dimensions of a space."""

from __future__ import annotations

import numpy as np
import pytest

from orion_like.errors import PriorError, SpaceError
from orion_like.space import build_space


def test_sampled_points_satisfy_the_constraints():
    space = build_space(
        {"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, constraints=["x + y <= 1", "x > y"]
    )
    rng = np.random.default_rng(3)

    points = [space.sample(rng) for _ in range(200)]

    assert all(point["x"] + point["y"] <= 1 and point["x"] > point["y"] for point in points)


def test_the_same_seed_gives_the_same_points():
    space = build_space({"x": "uniform(0, 1)"}, constraints=["x > 0.9"])

    first = [space.sample(rng) for rng in [np.random.default_rng(5)] for _ in range(5)]
    second = [space.sample(rng) for rng in [np.random.default_rng(5)] for _ in range(5)]

    assert first == second


def test_constraints_on_inactive_dimensions_are_satisfied():
    space = build_space(
        {"o": ["a", "b"], "x": "uniform(0, 1) if o == 'a'"}, constraints=["x > 0.5"]
    )

    assert {"o": "b"} in space
    assert {"o": "a", "x": 0.7} in space
    assert {"o": "a", "x": 0.3} not in space


def test_a_violated_constraint_is_named_with_its_values():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, constraints=["x + y <= 1"])

    with pytest.raises(SpaceError) as caught:
        space.validate({"x": 0.7, "y": 0.5})

    assert str(caught.value) == (
        "space: the constraint 'x + y <= 1' does not hold for x = 0.7, y = 0.5"
    )
    assert not space.satisfies({"x": 0.7, "y": 0.5})
    assert space.satisfies({"x": 0.2, "y": 0.5})


def test_constraints_that_cannot_be_satisfied_are_an_error_that_names_them():
    space = build_space({"x": "uniform(0, 1)"}, constraints=["x >= 0", "x > 2"])

    with pytest.raises(SpaceError, match="'x > 2' failed first"):
        space.sample(np.random.default_rng(0))


def test_enumeration_leaves_out_what_violates_a_constraint():
    space = build_space(
        {"a": "randint(0, 100)", "b": "randint(0, 100)", "c": ["x", "y"]},
        constraints=["a + b < 3"],
    )

    points = list(space.points())

    assert len(points) == 6 * 2
    assert all(point["a"] + point["b"] < 3 for point in points)


def test_constraints_are_kept_in_canonical_form():
    space = build_space(
        {"m": {"x": "uniform(0, 1)"}, "/y": "uniform(0, 1)"}, constraints=["(m.x+y)<=1"]
    )

    assert space.constraints == ["m.x + y <= 1"]
    assert build_space(space.configuration, space.constraints) == space
    assert build_space(space.configuration) != space


def test_a_single_constraint_can_be_given_as_text():
    assert build_space({"x": "uniform(0, 1)"}, constraints="x < .5").constraints == ["x < 0.5"]


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ("x + z <= 1", "there is no dimension 'z'"),
        ("x + 1", "neither true nor false"),
        ("x <", "ends too early"),
        (1, "an expression is a text such as 'x > 1', not 1"),
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused(constraint, message):
    with pytest.raises(SpaceError) as caught:
        build_space({"x": "uniform(0, 1)"}, constraints=[constraint])

    assert message in str(caught.value)
    assert str(caught.value).startswith("constraint: ")


def test_a_constraint_is_a_prior_error_where_its_text_is_wrong():
    with pytest.raises(PriorError):
        build_space({"x": "uniform(0, 1)"}, constraints=["x <"])
