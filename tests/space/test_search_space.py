"""The space as a whole: names, points, completion, documents, enumeration."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from orion_like.errors import SpaceError
from orion_like.space import Space, build_space, parse_prior


@pytest.fixture
def space() -> Space:
    return build_space(
        {
            "optimizer": "choices(['sgd', 'adam'], default_value='adam')",
            "lr": "loguniform(1e-5, 1)",
            "model": {
                "depth": "uniform(1, 10, discrete=True, default_value=2)",
                "sizes": "uniform(0, 1, shape=2, default_value=[0.25, 0.5])",
            },
            "momentum": "uniform(0, 1, default_value=0.9) if optimizer == 'sgd'",
            "epochs": "fidelity(1, 100)",
        },
        constraints=["lr * model.depth < 5"],
    )


POINT = {
    "epochs": 100,
    "lr": 0.1,
    "model.depth": 3,
    "model.sizes": [0.0, 1.0],
    "momentum": 0.5,
    "optimizer": "sgd",
}


def test_nested_dimensions_get_dotted_names_in_order(space):
    assert list(space) == list(POINT)
    assert list(space) == sorted(space)
    assert len(space) == 6
    assert [name for name, _ in space.items()] == list(space.keys())
    assert [dimension.name for dimension in space.values()] == list(space)


def test_the_configuration_builds_an_equal_space(space):
    again = build_space(space.configuration, space.constraints)

    assert again == space
    assert hash(again) == hash(space)
    assert again.configuration == space.configuration


def test_a_different_prior_makes_a_different_space(space):
    changed = build_space({**space.configuration, "lr": "loguniform(1e-4, 1)"}, space.constraints)

    assert changed != space
    assert space != "space"


def test_spaces_can_be_copied_and_pickled(space):
    space.encoding("onehot")

    assert pickle.loads(pickle.dumps(space)) == space
    assert copy.deepcopy(space) == space
    assert copy.copy(space["lr"]) == space["lr"]


def test_points_are_members_flat_nested_or_as_trials(space):
    nested = {**POINT, "model": {"depth": 3, "sizes": [0.0, 1.0]}}
    del nested["model.depth"], nested["model.sizes"]

    assert POINT in space
    assert nested in space
    assert SimpleNamespace(flat_params=POINT) in space


def test_names_are_members_too(space):
    assert "lr" in space
    assert "model.depth" in space
    assert "model" not in space


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 2}, "space 'lr': 2 is not between 1e-05 and 1.0"),
        ({"lr": "0.1"}, "space 'lr': '0.1' is a str, not real"),
        ({"optimizer": "sdg"}, "space 'optimizer': 'sdg' is not one of 'sgd', 'adam'"),
        ({"optimizer": "adam"}, "space 'momentum': it has a value, but is active only if"),
        ({"model.sizes": [1]}, "space 'model.sizes': [1] does not have the shape 2"),
        ({"lr": None}, "space 'lr': None is not a finite number"),
        ({"lrr": 0.1}, "there is no dimension 'lrr' (did you mean 'lr'?)"),
        ({"lr": 1.0, "model.depth": 9}, "the constraint 'lr * model.depth < 5' does not hold"),
    ],
)
def test_validation_says_what_is_wrong_with_a_point(space, change, message):
    with pytest.raises(SpaceError) as caught:
        space.validate({**POINT, **change})

    assert message in str(caught.value)
    assert {**POINT, **change} not in space


def test_validation_names_what_is_missing(space):
    with pytest.raises(SpaceError, match="space 'lr': a value is missing"):
        space.validate({name: value for name, value in POINT.items() if name != "lr"})


def test_what_is_no_point_is_not_in_the_space(space):
    assert 3 not in space
    with pytest.raises(SpaceError, match="a point is a dict"):
        space.validate([1, 2])


def test_completion_fills_defaults_and_casts(space):
    completed = space.complete({"lr": "0.1", "model": {"depth": np.int64(4)}})

    assert completed == {
        "epochs": 100,
        "lr": 0.1,
        "model.depth": 4,
        "model.sizes": [0.25, 0.5],
        "optimizer": "adam",
    }
    assert type(completed["model.depth"]) is int
    assert completed in space


def test_completion_fills_conditional_defaults_where_they_are_active(space):
    assert space.complete({"lr": 0.1, "optimizer": "sgd"})["momentum"] == 0.9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "space 'lr': a value is missing, and there is no default"),
        ({"lr": 0.1, "momentum": 0.3}, "active only if optimizer == 'sgd'"),
        ({"lr": 3}, "space 'lr': 3 is not between"),
        ({"lr": 1, "model.depth": "10"}, "the constraint"),
        ({"lr": 0.1, "model": {"dept": 3}}, "'model.dept' (did you mean 'model.depth'?)"),
        ({"lr": 0.1, "model": {"depth": 3}, "model.depth": 4}, "there are two values"),
    ],
)
def test_completion_refuses_what_cannot_become_a_point(space, params, message):
    with pytest.raises(SpaceError) as caught:
        space.complete(params)

    assert message in str(caught.value)


def test_completing_gives_lists_that_can_be_changed_safely(space):
    space.complete({"lr": 0.1})["model.sizes"].append(7)

    assert space["model.sizes"].default_value == [0.25, 0.5]


def test_the_slash_of_names_from_the_command_line_may_be_left_out_or_put_in():
    assert build_space({"/lr": "uniform(0, 1)"}).complete({"lr": 0.5}) == {"/lr": 0.5}
    assert build_space({"lr": "uniform(0, 1)"}).complete({"/lr": 0.5}) == {"lr": 0.5}


def test_documents_hold_type_and_value_in_order_of_names(space):
    assert space.to_document(POINT) == [
        {"name": "epochs", "type": "fidelity", "value": 100},
        {"name": "lr", "type": "real", "value": 0.1},
        {"name": "model.depth", "type": "integer", "value": 3},
        {"name": "model.sizes", "type": "real", "value": [0.0, 1.0]},
        {"name": "momentum", "type": "real", "value": 0.5},
        {"name": "optimizer", "type": "categorical", "value": "sgd"},
    ]


def test_the_fidelity_is_found(space):
    assert space.fidelity is space["epochs"]
    assert build_space({"x": "uniform(0, 1)"}).fidelity is None


def test_points_of_a_finite_space_come_lazily_and_in_a_fixed_order():
    space = build_space({"b": "randint(0, 10**9)", "a": ["x", "y"], "c": "fidelity(1, 9)"})

    points = space.points()

    assert next(points) == {"a": "x", "b": 0, "c": 9}
    assert next(points) == {"a": "x", "b": 1, "c": 9}
    assert space.cardinality == 2 * 10**9


def test_points_of_an_endless_space_are_refused(space):
    with pytest.raises(SpaceError) as caught:
        next(space.points())

    assert "no end to the values of 'model.sizes', 'momentum'" in str(caught.value)
    assert "give them a step" in str(caught.value)


def test_an_empty_space_has_one_empty_point():
    space = build_space({})

    assert list(space.points()) == [{}]
    assert space.cardinality == 1
    assert space.sample(np.random.default_rng(0)) == {}


def test_the_intervals_are_listed_in_order():
    space = build_space({"b": "uniform(0, 1)", "a": "normal(0, 1)"})

    assert space.interval() == [(-math.inf, math.inf), (0.0, 1.0)]


def test_dimensions_can_be_given_ready_made():
    space = build_space({"m": {"lr": parse_prior("uniform(0, 1)")}})

    assert space["m.lr"].name == "m.lr"


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"a": "uniform(0, 1)", "/a": "uniform(0, 1)"}, "used twice"),
        ({"a": {"b": "uniform(0, 1)"}, "a.b": "uniform(0, 1)"}, "used twice"),
        ({"a": "uniform(0, 1)", "a.b": "uniform(0, 1)"}, "'a' is a dimension itself"),
        ({"": "uniform(0, 1)"}, "a name is printable text"),
        ({"a..b": "uniform(0, 1)"}, "a name is printable text"),
        ({"a`b": "uniform(0, 1)"}, "a name is printable text"),
        ({3: "uniform(0, 1)"}, "names are texts, not 3"),
        ({"a": 3}, "3 is not a prior (did you mean 'choices([3])'?)"),
        ({"a": "fidelity(1, 9)", "b": "fidelity(1, 9)"}, "there can be one fidelity, not 2"),
        ("uniform(0, 1)", "it must be a dict"),
    ],
)
def test_impossible_spaces_are_refused(configuration, message):
    with pytest.raises(SpaceError) as caught:
        build_space(configuration)

    assert message in str(caught.value)


def test_an_unknown_dimension_is_a_key_error_with_a_hint(space):
    with pytest.raises(KeyError, match="did you mean 'momentum'"):
        space["momentun"]


def test_importing_the_space_loads_no_heavy_library():
    code = "import sys, orion_like.space; print([m for m in sys.modules if m.startswith('scipy')])"

    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout.strip() == "[]"
