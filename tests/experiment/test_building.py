"""Creating, resuming and refusing to change experiments."""

import numpy
import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import (
    AlgorithmError,
    BranchingEvent,
    ConfigurationError,
    NoConfigurationError,
    NoNameError,
    SpaceError,
    UnsupportedOperation,
)
from orion_like.space import build_space
from orion_like.storage import Storage

SPACE = {"x": "uniform(0, 1)", "model": {"depth": "uniform(1, 5, discrete=True)"}}


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, **changes):
    options = {"space": SPACE, "algorithm": "random", "seed": 3, "max_trials": 5, **changes}
    return build_experiment("demo", storage=storage, **options)


def test_a_new_experiment_is_stored_with_all_that_defines_it(storage):
    client = build(storage, working_dir="/somewhere", constraints=["x <= model.depth"])

    (document,) = storage.fetch_experiments()
    assert document["space"] == {
        "x": "uniform(0, 1)",
        "model.depth": document["space"]["model.depth"],
    }
    assert document["version"] == 1
    assert document["seed"] == 3
    assert list(document["algorithm"]) == ["random"]
    assert document["constraints"] == ["x <= model.depth"]
    assert document["objectives"] == [{"name": "objective", "direction": "minimize"}]
    assert document["metadata"]["user"]
    assert document["metadata"]["datetime"].tzinfo is not None
    assert client.working_dir == "/somewhere"


def test_its_configuration_tells_what_defines_it_and_no_counters(storage):
    client = build(storage)
    before = client.configuration

    client.suggest()

    assert client.configuration == before
    assert {"name", "version", "space", "algorithm", "max_trials", "seed"} <= before.keys()


def test_it_is_resumed_by_its_name_alone_with_its_stored_settings(storage):
    created = build(storage)

    resumed = build_experiment("demo", storage=storage)

    assert resumed.id == created.id
    assert resumed.space == created.space
    assert resumed.max_trials == 5
    assert resumed.configuration["seed"] == 3


def test_without_a_seed_one_is_drawn_and_stored(storage):
    first = build(storage, seed=None).configuration["seed"]

    assert isinstance(first, int)
    assert build_experiment("demo", storage=storage).configuration["seed"] == first


def test_the_seed_may_stand_among_the_algorithms_parameters(storage):
    client = build(storage, seed=None, algorithm={"random": {"seed": 11}})

    assert client.configuration["seed"] == 11
    assert build(storage, seed=None, algorithm={"random": {"seed": 11}}).id == client.id


def test_limits_may_always_change(storage):
    build(storage).insert({"x": 0.5, "model.depth": 2}, results=1.0)

    client = build_experiment("demo", storage=storage, max_trials=50, max_broken=7)

    assert (client.max_trials, client.max_broken) == (50, 7)
    assert storage.fetch_experiments()[0]["max_trials"] == 50
    assert build_experiment("demo", storage=storage, max_trials=float("inf")).max_trials is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"x": "uniform(0, 2)"}}, r"x: uniform\(0, 1\) → uniform\(0, 2\)"),
        ({"algorithm": "gridsearch"}, "algorithm"),
        ({"seed": 4}, "seed 3 → 4"),
        ({"objectives": ["accuracy:maximize"]}, "accuracy"),
        ({"constraints": ["x <= 0.5", "m >= 1"]}, "constraints none → x <= 0.5; 1 <= m"),
    ],
)
def test_what_defines_the_search_cannot_change_once_there_are_trials(storage, change, message):
    build(storage).insert({"x": 0.5, "model.depth": 2})
    before = storage.fetch_experiments()

    with pytest.raises(BranchingEvent, match=message) as refusal:
        build(storage, **change)

    assert "choose another name" in str(refusal.value)
    assert storage.fetch_experiments() == before


def test_without_trials_everything_may_change(storage):
    build(storage)

    client = build(storage, space={"y": "uniform(0, 1)"}, algorithm="gridsearch", seed=9)
    client = build(storage, space=None, algorithm=None, seed=9, constraints="y <= 0.5")
    client = build(storage, space=None, algorithm=None, seed=9, constraints="memory <= 8")

    assert list(client.space) == ["y"]
    assert client.experiment.input_constraints == []
    assert list(storage.fetch_experiments()[0]["algorithm"]) == ["gridsearch"]
    assert len(storage.fetch_experiments()) == 1


def test_asking_for_the_same_again_is_no_change(storage):
    build(storage).insert({"x": 0.5, "model.depth": 2})

    assert build(storage).stats.nb_trials == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"space": None}, NoConfigurationError, "at least one prior"),
        ({"space": {}}, NoConfigurationError, "at least one prior"),
        ({"space": {"x": "unifrom(0, 1)"}}, SpaceError, "uniform"),
        ({"algorithm": "rndom"}, AlgorithmError, "random"),
        ({"algorithm": {"random": {"sede": 1}}}, AlgorithmError, "sede"),
        ({"algorithm": {"random": {}, "tpe": {}}}, ConfigurationError, "must be a name"),
        ({"seed": -1}, ConfigurationError, "seed"),
        ({"max_trials": 1.5}, ConfigurationError, "max_trials"),
        ({"max_trials": -1}, ConfigurationError, "whole number from 0 on"),
        ({"max_trials": 2**64}, ConfigurationError, "max_trials"),
        ({"max_broken": "3"}, ConfigurationError, "max_broken"),
        ({"seed": 2**63}, ConfigurationError, "seed"),
        ({"objectives": ["loss", "loss:maximize"]}, ConfigurationError, "'loss' is declared twice"),
        ({"objectives": [":maximize"]}, ConfigurationError, "an objective must be"),
        ({"objectives": 3}, ConfigurationError, "objectives must be a list"),
        ({"objectives": [{"name": "x", "dir": 1}]}, ConfigurationError, "has no 'dir'"),
        ({"objectives": {"name": "x", "reference": "a"}}, ConfigurationError, "finite number"),
        ({"constraints": [{"name": "x", "uper": 1}]}, ConfigurationError, "did you mean 'upper'"),
        ({"constraints": [3]}, ConfigurationError, "a constraint must be"),
        ({"constraints": {"name": "m"}}, ConfigurationError, "'m' has no bound"),
        ({"constraints": {"name": "m", "upper": "8"}}, ConfigurationError, "a finite number"),
        ({"constraints": {"name": "m", "lower": 2, "upper": 1}}, ConfigurationError, "is above"),
        ({"constraints": {"name": "m", "lower": 2, "equals": 1}}, ConfigurationError, "one of"),
        (
            {"constraints": {"name": "m", "equals": 1, "tolerance": -1}},
            ConfigurationError,
            "at least 0",
        ),
        ({"constraints": ["m >= 1", "m <= 2"]}, ConfigurationError, "'m' is declared twice"),
        ({"constraints": "modl.depth <= 3"}, SpaceError, "did you mean 'model.depth'"),
        ({"constraints": "modl.depth * 2 <= 3"}, SpaceError, "did you mean 'model.depth'"),
        ({"constraints": "depth <= 3"}, SpaceError, "did you mean 'model.depth'"),
        ({"constraints": "1 <= dept <= 3"}, SpaceError, "write {name: dept, lower: 1, upper: 3}"),
        ({"constraints": "memory + time <= 3"}, SpaceError, "no dimension 'memory'"),
        ({"constraints": "memory < 3"}, SpaceError, "are written NAME <= number"),
        ({"constraints": "1 <= memory >= 3"}, SpaceError, "are written NAME <= number"),
        ({"constraints": "memory <= memory"}, SpaceError, "are written NAME <= number"),
        ({"constraints": "memory <= 1 / 0"}, ConfigurationError, "a finite number"),
        ({"objectives": ["loss:maximise"]}, AlgorithmError, "maximize"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_stored(storage, options, error, message):
    with pytest.raises(error, match=message):
        build(storage, **options)

    assert storage.fetch_experiments() == []


def test_a_single_objective_and_constraint_need_no_list(storage):
    client = build(storage, objectives="accuracy:maximize", constraints="x <= 0.5")

    assert client.experiment.objectives == [{"name": "accuracy", "direction": "maximize"}]
    assert client.experiment.constraints == ["x <= 0.5"]


@pytest.mark.parametrize(
    ("asked", "lower", "upper", "tolerance"),
    [
        ("memory <= 2 ** 3", None, 8, 0.0),
        ("8 >= memory", None, 8, 0.0),
        ("memory >= -1.5", -1.5, None, 0.0),
        ("1 <= memory <= 8", 1, 8, 0.0),
        ("8 >= memory >= 1", 1, 8, 0.0),
        ("memory == 4", 4, 4, 0.0),
        ({"name": "memory", "equals": 4, "tolerance": 0.5}, 4, 4, 0.5),
        ({"name": "memory", "upper": numpy.float32(8)}, None, 8.0, 0.0),
    ],
)
def test_a_constraint_on_a_result_is_stored_as_its_bounds(storage, asked, lower, upper, tolerance):
    client = build(storage, constraints=["x <= 0.5", asked])

    bounds = {"name": "memory", "lower": lower, "upper": upper, "tolerance": tolerance}
    assert storage.fetch_experiments()[0]["constraints"] == ["x <= 0.5", bounds]
    assert client.experiment.input_constraints == ["x <= 0.5"]


def test_asking_for_the_same_bounds_in_other_words_is_no_change(storage):
    build(storage, constraints="memory <= 8").insert({"x": 0.5, "model.depth": 2})

    again = build(storage, constraints={"name": "memory", "upper": 8.0, "tolerance": 0})

    assert again.stats.nb_trials == 1


def test_the_constraints_of_a_space_that_is_handed_over_hold(storage):
    space = build_space(SPACE, constraints=["x <= 0.5"])

    client = build(storage, space=space, constraints="memory <= 8")

    assert client.experiment.input_constraints == ["x <= 0.5"]
    assert build(storage, space=space).experiment.constraints == client.experiment.constraints


def test_numbers_of_numpy_are_numbers(storage):
    client = build(storage, max_trials=numpy.int64(7), seed=numpy.int64(9))

    assert (client.max_trials, client.experiment.seed) == (7, 9)


@pytest.mark.parametrize("limit", ["max_trials", "max_broken"])
@pytest.mark.parametrize("bad", [-1, "many", 2.5, True])
def test_a_limit_that_makes_no_sense_is_never_stored(storage, limit, bad):
    client = build(storage)
    before = storage.fetch_experiments()

    with pytest.raises(ConfigurationError, match=limit):
        setattr(client, limit, bad)

    assert storage.fetch_experiments() == before


def test_a_name_that_is_no_text_is_refused(storage):
    with pytest.raises(NoNameError, match="is text, not 3"):
        build_experiment(3, storage=storage, space=SPACE)


def test_a_name_is_needed(storage):
    with pytest.raises(NoNameError, match="--name"):
        build_experiment(None, storage=storage, space=SPACE)


def test_getting_an_experiment_that_is_not_there_suggests_another(storage):
    build(storage)

    with pytest.raises(NoConfigurationError, match="did you mean 'demo'"):
        get_experiment("dmeo", storage=storage)


def test_modes_limit_what_can_be_done(storage):
    build(storage)
    reader = get_experiment("demo", storage=storage)
    writer = get_experiment("demo", storage=storage, mode="w")

    with pytest.raises(UnsupportedOperation, match="mode 'r'"):
        reader.insert({"x": 0.1, "model.depth": 1})
    writer.insert({"x": 0.1, "model.depth": 1})
    with pytest.raises(UnsupportedOperation, match="mode 'w'"):
        writer.suggest()
    assert reader.stats.nb_trials == 1
