"""Trials as numbers, importance of parameters, and partial dependence."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas
import pytest

from orion_like.analysis import (
    REGRESSORS,
    flatten_params,
    flatten_trials,
    lpi,
    partial_dependency,
    to_numpy,
    train_regressor,
)
from orion_like.errors import OrionLikeError
from orion_like.space import build_space

FAST = {"n_estimators": 10}


def trials_of(space, function, n_trials=60):
    """A frame of trials at random points of a space, as `to_pandas` gives it."""
    rng = np.random.default_rng(1)
    points = [space.sample(rng) for _ in range(n_trials)]
    rows = [
        {"id": f"t{i}", "status": "completed", "objective": function(point), **point}
        for i, point in enumerate(points)
    ]
    return pandas.DataFrame(rows, columns=["id", "status", "objective", *space])


# --- flattening ---------------------------------------------------------------------------------


@pytest.fixture
def mixed():
    return build_space(
        {
            "a": "choices(['u', 'v', None])",
            "b": "uniform(0, 1, shape=2)",
            "c": "uniform(1, 8, discrete=True, shape=(1, 2))",
            "d": "uniform(0, 1) if a == 'u'",
            "e": "fidelity(1, 16)",
        }
    )


NAMES = ["a", "b[0]", "b[1]", "c[0,0]", "c[0,1]", "d", "e"]


def test_arrays_have_a_name_for_each_element(mixed):
    assert flatten_params(mixed) == NAMES


def test_chosen_dimensions_are_flattened_in_the_order_given(mixed):
    assert flatten_params(mixed, ["e", "b", "b[1]", "c[0,1]"]) == ["e", "b[0]", "b[1]", "c[0,1]"]


def test_an_unknown_dimension_is_refused_with_the_closest_one(mixed):
    with pytest.raises(ValueError, match=r"no dimension 'b\[3\]'.*did you mean 'b\[[01]\]'"):
        flatten_params(mixed, ["b[3]"])


def test_values_are_flattened_and_none_where_inactive(mixed):
    trials = pandas.DataFrame(
        [
            {"a": "u", "b": [0.1, 0.2], "c": [[3, 4]], "d": 0.5, "e": 16},
            {"a": "v", "b": [0.3, 0.4], "c": [[5, 6]], "e": 8},
        ]
    )

    assert flatten_trials(trials, mixed) == {
        "a": ["u", "v"], "b[0]": [0.1, 0.3], "b[1]": [0.2, 0.4], "c[0,0]": [3, 5],
        "c[0,1]": [4, 6], "d": [0.5, None], "e": [16, 8],
    }  # fmt: skip


def test_trials_as_numbers_set_what_is_inactive_apart_and_end_with_the_objective(mixed):
    trials = pandas.DataFrame(
        [
            {"a": "u", "b": [0.1, 0.2], "c": [[1, 8]], "d": 0.5, "e": 16, "objective": 7.0},
            {"a": "v", "b": [0.3, 0.4], "c": [[1, 8]], "e": 1, "objective": 8.0},
            {"a": "v", "b": [0.3, 0.4], "c": [[1, 8]], "e": 1, "objective": None},
        ]
    )

    rows = to_numpy(trials, mixed)

    assert rows.shape == (2, 8)
    assert rows[:, NAMES.index("a")].tolist() == [0.0, 1.0]
    assert rows[:, NAMES.index("d")].tolist() == [0.5, -1.0]
    assert rows[:, -1].tolist() == [7.0, 8.0]
    assert to_numpy(trials[2:], mixed).shape == (0, 8)


def test_the_category_none_is_told_from_what_is_missing():
    space = build_space({"a": "choices(['u', None])", "b": "choices([None, 1]) if a == 'u'"})
    trials = pandas.DataFrame({"a": ["u", None], "b": [None, None], "objective": [1.0, 2.0]})

    rows = to_numpy(trials, space)

    assert rows[:, 0].tolist() == [0.0, 1.0]
    assert rows[:, 1].tolist() == [0.0, -1.0]


def test_whole_numbers_survive_columns_with_missing_values():
    space = build_space({"a": "choices([1, 2])", "n": "uniform(1, 9, discrete=True) if a == 1"})
    trials = pandas.DataFrame({"a": [1, 2], "n": [3.0, None]})

    values = flatten_trials(trials, space)["n"]

    assert values == [3, None]
    assert isinstance(values[0], int)


# --- regressors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGRESSORS)
def test_each_regressor_learns_from_trials(name):
    features = np.linspace(0, 1, 30).reshape(-1, 1)

    model = train_regressor(name, features, features[:, 0], n_estimators=10, random_state=1)

    assert model.predict([[0.9]])[0] > model.predict([[0.1]])[0] + 0.3


def test_an_unknown_regressor_is_refused_with_the_closest_one(mixed):
    trials = trials_of(mixed, lambda point: 1.0, 3)

    with pytest.raises(ValueError, match="did you mean 'RandomForestRegressor'"):
        lpi(trials, mixed, model="RandomForest")
    with pytest.raises(ValueError, match=r"'AdaBoostRegressor': .*n_trees"):
        partial_dependency(trials, mixed, model="AdaBoostRegressor", n_trees=3)


# --- importance ---------------------------------------------------------------------------------


@pytest.fixture
def plane():
    return build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "uniform(0, 1)"})


def test_what_matters_more_is_more_important(plane):
    trials = trials_of(plane, lambda point: 10 * point["x"] + 3 * point["y"])

    importance = lpi(trials, plane, n_runs=3, **FAST)

    assert list(importance.index) == ["x", "y", "z"]
    assert list(importance.columns) == ["LPI", "STD"]
    assert importance["LPI"].sum() == pytest.approx(1)
    assert importance["LPI"]["x"] > importance["LPI"]["y"] > importance["LPI"]["z"]
    assert (importance["STD"] >= 0).all()


def test_importance_is_local_to_the_best_trial_in_the_given_direction():
    """Near the lowest objective only `x` matters, near the highest only `y`."""
    space = build_space({"side": "choices(['low', 'high'])", "x": "uniform(0, 1)",
                         "y": "uniform(0, 1)"})  # fmt: skip

    def objective(point):
        return point["x"] - 10 if point["side"] == "low" else point["y"] + 10

    trials = trials_of(space, objective, 150)

    lowest = lpi(trials, space, n_runs=2, **FAST)["LPI"]
    highest = lpi(trials, space, n_runs=2, direction="maximize", **FAST)["LPI"]

    assert lowest["x"] > 10 * lowest["y"]
    assert highest["y"] > 10 * highest["x"]


def test_importance_is_reproducible_and_seeded(plane):
    trials = trials_of(plane, lambda point: point["x"] + point["y"])

    first, again = (lpi(trials, plane, n_runs=2, **FAST) for _ in range(2))
    other = lpi(trials, plane, n_runs=2, random_state=5, **FAST)

    assert first.equals(again)
    assert not first.equals(other)


def test_a_parameter_that_is_inactive_in_the_best_trial_has_no_importance():
    space = build_space({"a": "choices(['u', 'v'])", "m": "uniform(0, 1) if a == 'u'"})
    trials = trials_of(space, lambda point: point["m"] + 1 if "m" in point else 0.0)

    importance = lpi(trials, space, n_runs=2, **FAST)["LPI"]

    assert importance.to_dict() == {"a": 1.0, "m": 0.0}


def test_nothing_is_important_to_a_constant(plane):
    assert lpi(trials_of(plane, lambda point: 1.0), plane, n_runs=1, **FAST)["LPI"].sum() == 0


def test_importance_along_a_line_through_the_space_looks_at_all_of_it():
    space = build_space({"side": "uniform(0, 1)", "x": "uniform(0, 1)", "y": "uniform(0, 1)"})

    def objective(point):
        return point["x"] if point["side"] < 0.5 else point["y"]

    importance = lpi(trials_of(space, objective, 200), space, mode="linear", n_points=6, n_runs=1,
                     **FAST)["LPI"]  # fmt: skip

    assert min(importance["x"], importance["y"]) > 0.1


def test_without_an_objective_there_is_no_importance(plane):
    trials = trials_of(plane, lambda point: None)

    importance = lpi(trials, plane)

    assert importance.empty
    assert list(importance.columns) == ["LPI", "STD"]


@pytest.mark.parametrize("arguments", [{"mode": "worst"}, {"n_points": 1}, {"n_runs": 0}])
def test_arguments_of_importance_are_checked(plane, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        lpi(trials_of(plane, lambda point: 1.0, 2), plane, **arguments)


# --- partial dependence -------------------------------------------------------------------------


def test_partial_dependence_follows_the_objective_and_is_flat_where_nothing_depends(plane):
    trials = trials_of(plane, lambda point: 10 * point["x"], 150)

    found = partial_dependency(trials, plane, n_samples=20, **FAST)

    assert list(found) == ["x", "y", "z", ("x", "y"), ("x", "z"), ("y", "z")]
    grid, averages, stds = found["x"]
    assert grid["x"] == pytest.approx(np.linspace(0, 1, 10), abs=1e-3)
    assert averages.shape == stds.shape == (10,)
    assert averages == pytest.approx(10 * np.linspace(0, 1, 10), abs=1)
    assert np.ptp(found["z"].averages) < 1


def test_the_first_of_a_pair_runs_along_the_rows(plane):
    trials = trials_of(plane, lambda point: 10 * point["x"], 150)

    averages = partial_dependency(
        trials, plane, params=["z", "x"], n_grid_points=4, n_samples=9, **FAST
    )[("z", "x")].averages

    assert averages.shape == (4, 4)
    assert (averages[:, -1] > averages[:, 0] + 5).all()


def test_grids_hold_values_as_users_know_them():
    space = build_space(
        {
            "c": "choices(['u', 'v', 'w'])",
            "i": "uniform(1, 4, discrete=True)",
            "l": "loguniform(1, 100)",
            "n": "normal(0, 1)",
        }
    )
    trials = trials_of(space, lambda point: float(point["i"]), 10)

    grids = {name: found.grid.get(name) for name, found in
             partial_dependency(trials, space, n_grid_points=5, n_samples=2, **FAST).items()
             if isinstance(name, str)}  # fmt: skip

    assert grids["c"] == ["u", "v", "w"]
    assert grids["i"] == [1, 2, 3, 4]
    assert grids["l"] == pytest.approx([1, 3.162, 10, 31.62, 100])
    assert -3 < grids["n"][0] < grids["n"][-1] < 3


def test_a_conditional_parameter_is_looked_at_where_it_is_active():
    space = build_space(
        {"a": "choices(['u', 'v'])", "m": "uniform(0, 1) if a == 'u'",
         "n": "uniform(0, 1) if a == 'v'"}
    )  # fmt: skip
    trials = trials_of(space, lambda point: 10 * point["m"] if "m" in point else -50.0, 100)

    found = partial_dependency(trials, space, n_samples=10, **FAST)

    assert found["m"].averages.min() > -5
    assert ("m", "n") not in found
    at_u, at_v = found["a", "m"].averages
    assert np.ptp(at_u) > 5
    assert np.ptp(at_v) == 0


def test_samples_meet_the_constraints_of_the_space():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, constraints=["x + y <= 0.5"])
    trials = trials_of(space, lambda point: point["x"], 20)

    found = partial_dependency(trials, space, params=["y"], n_samples=30, **FAST)

    assert found["y"].averages.max() < 0.5


def test_without_an_objective_there_is_no_dependence(plane):
    assert partial_dependency(trials_of(plane, lambda point: None), plane) == {}


@pytest.mark.parametrize("arguments", [{"n_grid_points": 1}, {"n_samples": 0}])
def test_arguments_of_dependence_are_checked(plane, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        partial_dependency(trials_of(plane, lambda point: 1.0, 2), plane, **arguments)


# --- libraries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("library", "package"), [("sklearn", "scikit-learn"),
                                                  ("pandas", "pandas")])  # fmt: skip
def test_a_missing_library_is_named_with_how_to_install_it(monkeypatch, plane, library, package):
    trials = trials_of(plane, lambda point: 1.0, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(OrionLikeError, match=f"needs {package}, .*pip install 'orion_like"):
        lpi(trials, plane)


def test_importing_the_analyses_loads_neither_pandas_nor_scikit_learn():
    code = "import sys, orion_like.analysis; print({'pandas', 'sklearn'} & set(sys.modules))"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "set()"
