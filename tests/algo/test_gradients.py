import logging
import re

import numpy as np
import pytest

from orion_like.algo import GradientReader, Objective, OutcomeConstraint, Problem
from orion_like.space import build_space
from orion_like.testing.algorithms import make_trial


def gradient(value, name="gradient"):
    return {"name": name, "type": "gradient", "value": value}


def read(space, params, *results, **problem):
    trial = make_trial(space, params, 0, "completed", results)
    return GradientReader(Problem(space, **problem)).read(trial)


PRIORS = {
    "uniform(-5, 10)": 2.0,
    "uniform(-5, 10, precision=2)": 2.0,
    "uniform(0, 1000, step=0.5)": 200.5,
    "loguniform(1e-5, 10)": 0.03,
    "normal(3, 2)": 4.5,
    "normal(3, 2, low=2, high=4)": 2.5,
    "normal(0, 1, low=2)": 2.5,
    "lognormal(1, 2)": 0.7,
    "beta(2, 5)": 0.3,
    "gamma(2, loc=1, scale=3)": 8.0,
    "uniform(1, 100000, discrete=True)": 25000,
    "uniform(0, 100000, discrete=True, step=10)": 25000,
    "loguniform(1, 10000, discrete=True)": 2500,
    "normal(0, 5000, discrete=True)": -3000,
    "poisson(10000)": 10050,
}


@pytest.mark.parametrize("prior", PRIORS)
def test_derivatives_are_those_of_finite_differences_in_the_encoded_space(prior):
    space = build_space({"x": prior})
    value = PRIORS[prior]
    step = space["x"].step or (1 if space["x"].type == "integer" else 1e-5 * abs(value))
    below, above = (space.encoding().encode({"x": value + s * step})[0] for s in (-1, 1))
    slope = 3.0 * 2 * step / (above - below)

    row = read(space, {"x": value}, gradient({"x": 3.0})).objectives

    assert row == pytest.approx(np.array([[slope]]), rel=1e-3)


def test_few_integers_are_spread_over_the_unit_interval():
    space = build_space({"n": "uniform(1, 4, discrete=True)"})

    [row] = read(space, {"n": 1}, gradient({"n": 0.5})).objectives

    assert row == pytest.approx([2.0])  # from one value to the next is a quarter


SPACE = {
    "/lr": "uniform(0, 2)",
    "model": {"depth": "uniform(1, 10, discrete=True)", "kind": "choices(['a', 'b'])"},
    "w": "uniform(0, 1, shape=(2, 2))",
    "epochs": "fidelity(1, 9)",
}
POINT = {"/lr": 1.0, "model.depth": 3, "model.kind": "b", "w": [[0, 0], [0, 1]], "epochs": 9}
MANY_WAYS = [
    {"/lr": 1.0, "w": [[1.0, 2.0], [3.0, 4.0]]},
    {"lr": 1, "w": [1, 2, 3, 4]},
    {"lr": 1, "w": [1, 2, 3, 4], "model": {"depth": None}, "epochs": 7.0},
    {"lr": 1, "w": [1, 2, 3, 4], "model.kind": None},
    [1.0, [[1.0, 2.0], [3.0, 4.0]]],
    [1.0, 1.0, 2.0, 3.0, 4.0],
]


@pytest.mark.parametrize("value", MANY_WAYS)
def test_a_gradient_may_be_written_in_several_ways(value):
    [row] = read(build_space(SPACE), POINT, gradient(value)).objectives

    assert row == pytest.approx([2.0, np.nan, np.nan, 1.0, 2.0, 3.0, 4.0], nan_ok=True)


def test_with_one_column_per_category_the_derivatives_stand_in_their_columns():
    space = build_space(SPACE)
    trial = make_trial(space, POINT, 0, "completed", [gradient([1.0, [1, 2, 3, 4]])])

    [row] = GradientReader(Problem(space), "onehot").read(trial).objectives

    assert row == pytest.approx([2.0, *[np.nan] * 3, 1.0, 2.0, 3.0, 4.0], nan_ok=True)


CONDITIONAL = build_space(
    {
        "a": "uniform(0, 1)",
        "b": "uniform(0, 1) if kind == 'x'",
        "c": "uniform(0, 1)",
        "kind": ["x", "y"],
    }
)


@pytest.mark.parametrize("value", [[1.0, 3.0], [1.0, None, 3.0], {"a": 1.0, "b": 2.0, "c": 3.0}])
def test_derivatives_by_inactive_dimensions_may_be_there_or_not(value):
    params = {"a": 0.1, "c": 0.2, "kind": "y"}

    [row] = read(CONDITIONAL, params, gradient(value)).objectives

    assert row == pytest.approx([1.0, np.nan, 3.0, np.nan], nan_ok=True)


def test_the_gradient_of_what_is_maximized_has_the_other_sign():
    space = build_space({"x": "uniform(0, 1)"})
    objectives = (Objective("accuracy", "maximize"),)

    found = read(space, {"x": 0.5}, gradient([2.0]), objectives=objectives)

    assert found.objectives.tolist() == [[-2.0]]


def test_gradients_belong_to_the_objectives_and_constraints_of_their_names():
    space = build_space({"x": "uniform(0, 1)"})
    found = read(
        space,
        {"x": 0.5},
        gradient([3.0], "memory"),
        gradient([2.0], "size"),
        gradient([4.0], "heat"),
        {"name": "heat", "type": "constraint", "value": 1.0},
        objectives=(Objective("loss"), Objective("size")),
        constraints=(OutcomeConstraint("memory", upper=1.0),),
    )

    assert found.objectives == pytest.approx(np.array([[np.nan], [2.0]]), nan_ok=True)
    assert found.constraints == {"memory": [3.0], "heat": [4.0]}


def test_trials_without_a_gradient_have_none():
    space = build_space({"x": "uniform(0, 1)"})

    assert read(space, {"x": 0.5}) is None
    assert read(space, {"x": 0.5}, gradient({"x": None})) is None


MALFORMED = [
    ({"y": 1.0}, "no dimension 'y'"),
    ({"x": 1.0, "c": 1.0}, "'c' is categorical"),
    ([1.0], r"each real dimension \(w, x\), not 1"),
    ({"w": [1.0, 2.0, 3.0]}, r"'w' has 2 derivative\(s\), not 3"),
    ({"x": {"deep": 1.0}}, "must be a number"),
    ({"x": "1"}, "must be a number"),
    (1.0, r"must be \{dimension: derivative\} or a list"),
]
MANY = build_space({"x": "uniform(0, 1)", "w": "uniform(0, 1, shape=2)", "c": ["a", "b"]})
MANY_POINT = {"x": 0.5, "w": [0.5, 0.5], "c": "a"}


@pytest.mark.parametrize(("value", "message"), MALFORMED)
def test_malformed_gradients_are_ignored_with_one_warning(value, message, caplog):
    reader = GradientReader(Problem(MANY))
    trial = make_trial(MANY, MANY_POINT, 0, "completed", [gradient(value)])

    with caplog.at_level(logging.WARNING):
        found = [reader.read(trial) for _ in range(3)]

    assert found == [None] * 3
    [record] = caplog.records
    assert re.search(message, record.message)


@pytest.mark.parametrize("value", [np.nan, np.inf, 10**400])
def test_derivatives_that_are_not_finite_are_left_out_with_one_warning(value, caplog):
    reader = GradientReader(Problem(MANY))
    trial = make_trial(MANY, MANY_POINT, 0, "completed", [gradient({"x": value, "w": [1, 2]})])

    with caplog.at_level(logging.WARNING):
        found = [reader.read(trial) for _ in range(2)]

    for each in found:
        assert each.objectives == pytest.approx(np.array([[np.nan, 1, 2, np.nan]]), nan_ok=True)
    [record] = caplog.records
    assert "derivatives by 'x' that are not finite are ignored" in record.message


def test_a_gradient_of_nothing_is_ignored_with_a_warning(caplog):
    objectives = (Objective("loss"), Objective("size"))

    found = read(MANY, MANY_POINT, gradient([[1, 2], 3.0], "slope"), objectives=objectives)

    assert found is None
    assert "'slope' is ignored" in caplog.text
    assert "loss, size" in caplog.text


@pytest.mark.parametrize(
    ("prior", "value"), [("beta(2, 2)", 0.0), ("normal(0, 1)", 60.0), ("beta(0.5, 0.5)", 1.0)]
)
def test_at_the_ends_of_a_prior_derivatives_are_finite_or_missing(prior, value):
    space = build_space({"x": prior, "y": "uniform(0, 1)"})

    [row] = read(space, {"x": value, "y": 0.5}, gradient([1.0, 1.0])).objectives

    assert not np.isinf(row[0])
    assert row[1] == 1.0
