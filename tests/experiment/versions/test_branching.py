"""Each way in which a change makes a new version of an experiment, or is refused."""

import pytest

from orion_like.client import build_experiment
from orion_like.errors import (
    AlgorithmError,
    BranchingEvent,
    ConfigurationError,
    NoConfigurationError,
)
from orion_like.storage import Storage

X = "uniform(0, 1)"
ON = {"enable": True}


@pytest.fixture
def storage(make_database):
    """One in memory: how versions come into being on others is tested beside this file."""
    return Storage(make_database("ephemeral"))


@pytest.fixture
def build(storage):
    """Build the experiment `demo`, which has one completed trial at x = 0.25."""

    def build(name="demo", version=None, branching=ON, **changes):
        options = {"space": {"x": X}, "algorithm": "random", **changes}
        return build_experiment(
            name, version, storage=storage, branching=branching, max_trials=5, **options
        )

    build(seed=3).insert({"x": 0.25}, results=1.0)
    return build


def seen(client):
    """Return the points that a version sees, of its own and of others."""
    return [trial.params for trial in client.fetch_trials(with_evc_tree=True)]


def adapters(client):
    return client.refers["adapter"]


# --- the search space -----------------------------------------------------------------------------


def test_a_new_dimension_makes_a_version_in_which_old_trials_have_its_default_value(build):
    child = build(space={"x": X, "y": "uniform(0, 1, default_value=0.5)"})

    assert (child.name, child.version) == ("demo", 2)
    assert adapters(child) == [
        {"of_type": "dimensionaddition", "param": {"name": "y", "type": "real", "value": 0.5}}
    ]
    assert seen(child) == [{"x": 0.25, "y": 0.5}]


def test_without_a_default_value_a_new_dimension_leaves_all_old_trials_behind(build):
    child = build(space={"x": X, "y": "uniform(0, 1)"})

    assert seen(child) == []
    assert seen(build(version=1)) == [{"x": 0.25}]


def test_a_missing_dimension_makes_a_version_with_the_trials_at_its_default_value(build):
    parent = build(space={"x": X, "y": "uniform(0, 1, default_value=0.5)"})
    parent.insert({"x": 0.75, "y": 0.6}, results=1.0)

    child = build(space={"x": X})

    assert child.version == 3
    assert seen(child) == [{"x": 0.25}]


def test_the_value_at_which_a_removed_dimension_stands_still_may_be_given(build):
    parent = build(space={"x": X, "y": "uniform(0, 1, default_value=0.5)"})
    parent.insert({"x": 0.75, "y": 0.6}, results=1.0)

    child = build(space={"x": X, "y": "~-0.6"})

    assert list(child.space) == ["x"]
    assert seen(child) == [{"x": 0.75}]


def test_another_prior_makes_a_version_with_the_trials_whose_values_it_allows(build):
    build().insert({"x": 0.75}, results=1.0)

    child = build(space={"x": "uniform(0, 0.5)"})

    assert adapters(child) == [
        {
            "of_type": "dimensionpriorchange",
            "name": "x",
            "old_prior": "uniform(0, 1)",
            "new_prior": "uniform(0, 0.5)",
        }
    ]
    assert seen(child) == [{"x": 0.25}]


def test_a_renamed_dimension_keeps_its_trials(build):
    child = build(space={"x": "~>rate", "rate": X})

    assert adapters(child) == [
        {"of_type": "dimensionrenaming", "old_name": "x", "new_name": "rate"}
    ]
    assert seen(child) == [{"rate": 0.25}]


def test_a_renamed_dimension_may_get_another_prior_too(build):
    build().insert({"x": 0.75}, results=1.0)

    child = build(space={"x": "~>rate", "rate": "uniform(0, 0.5)"})

    assert [adapter["of_type"] for adapter in adapters(child)] == [
        "dimensionrenaming",
        "dimensionpriorchange",
    ]
    assert seen(child) == [{"rate": 0.25}]


def test_without_a_marker_another_name_is_another_dimension(build):
    child = build(space={"rate": X})

    assert {adapter["of_type"] for adapter in adapters(child)} == {
        "dimensionaddition",
        "dimensiondeletion",
    }
    assert seen(child) == []


def test_markers_ask_for_a_version_by_themselves(build):
    child = build(space={"x": X, "y": "~+uniform(0, 1, default_value=0)"}, branching=None)

    assert child.version == 2
    assert seen(child) == [{"x": 0.25, "y": 0}]


def test_a_space_of_markers_alone_changes_what_they_mark_and_keeps_the_rest(build):
    build(space={"x": X, "y": "uniform(0, 1, default_value=0.5)"})

    child = build(space={"x": "~>rate", "y": "~+uniform(0, 2, default_value=0.5)"}, branching=None)

    assert child.space.configuration == {
        "rate": "uniform(0, 1)",
        "y": "uniform(0, 2, default_value=0.5)",
    }
    assert seen(child) == [{"rate": 0.25, "y": 0.5}]


def test_asking_again_for_what_was_marked_resumes_the_version_that_it_made(build):
    marked = {"x": "~>rate", "rate": X, "gone": "~-", "y": "~+uniform(0, 1, default_value=0)"}
    child = build(space=marked)

    assert build(space=marked).id == child.id


def test_markers_in_a_new_experiment_mark_nothing(storage):
    client = build_experiment("new", space={"x": f"~+{X}", "y": "~-"}, storage=storage)

    assert (client.version, list(client.space)) == (1, ["x"])


def test_a_conditional_dimension_is_added_where_it_is_active_only(build):
    parent = build(space={"x": X, "kind": "choices(['a', 'b'], default_value='a')"})
    parent.insert({"x": 0.75, "kind": "b"}, results=1.0)

    child = build(
        space={
            "x": X,
            "kind": "choices(['a', 'b'], default_value='a')",
            "depth": "uniform(1, 9, discrete=True, default_value=5) if kind == 'b'",
        }
    )

    assert seen(child) == [{"kind": "a", "x": 0.25}, {"depth": 5, "kind": "b", "x": 0.75}]


# --- the rest of the search -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "adapter"),
    [
        ({"algorithm": "tpe"}, [{"of_type": "algorithmchange"}]),
        ({"seed": 4}, [{"of_type": "algorithmchange"}]),
        ({"objectives": ["loss"]}, []),
        ({"constraints": ["x <= 0.5", "memory <= 8"]}, []),
    ],
)
def test_another_way_to_search_makes_a_version_that_sees_all_trials(build, change, adapter):
    child = build(**change)

    assert (child.version, adapters(child)) == (2, adapter)
    assert seen(child) == [{"x": 0.25}]


def test_another_version_of_the_package_makes_a_version_that_sees_all_trials(build, storage):
    parent = build()
    metadata = {**parent.metadata, "orion_like_version": "0.0.1"}
    storage.update_experiment(parent.id, metadata=metadata)

    child = build()

    assert adapters(child) == [{"of_type": "orionversionchange"}]
    assert build(version=1, branching=None).version == 1
    assert build().id == child.id


def test_limits_change_without_a_version(build, storage):
    build(max_broken=7)

    assert len(storage.fetch_experiments()) == 1


def test_what_is_not_mentioned_is_taken_from_the_parent(build, storage):
    storage.update_experiment(build().id, max_broken=9, working_dir="/somewhere")

    child = build(space={"x": "uniform(0, 2)"}, algorithm=None)

    assert (child.max_broken, child.working_dir) == (9, "/somewhere")
    assert list(child.configuration["algorithm"]) == ["random"]
    assert child.max_trials == 5


def test_a_version_gets_a_seed_of_its_own_always_the_same_one(make_database):
    def seeds(**more):
        storage = Storage(make_database("ephemeral"))
        options = {"storage": storage, "algorithm": "random", "branching": ON}
        parent = build_experiment("demo", space={"x": X}, seed=3, **options)
        child = build_experiment("demo", space={"x": "uniform(0, 2)"}, **options, **more)
        branch = build_experiment("demo", 1, **{**options, "branching": {"branch_to": "other"}})
        return [client.experiment.seed for client in (parent, child, branch)]

    assert seeds() == seeds()
    assert len(set(seeds())) == 3
    assert seeds(seed=8)[1] == 8


def test_an_algorithm_unfit_for_the_new_space_is_refused_before_anything_is_stored(build, storage):
    with pytest.raises(AlgorithmError, match="fidelity"):
        build(algorithm="hyperband")

    assert len(storage.fetch_experiments()) == 1


def test_a_space_must_be_left(build):
    with pytest.raises(NoConfigurationError, match="nothing is left to search"):
        build(space={"x": "~-"})


# --- names and numbers of versions ----------------------------------------------------------------


def test_versions_are_numbered_one_after_the_other(build):
    versions = [build(seed=seed).version for seed in (4, 5, 6)]

    assert versions == [2, 3, 4]
    assert build(version=2, seed=4).version == 2


def test_a_branch_may_have_a_name_of_its_own(build):
    branch = build(branching={"branch_to": "other"}, space={"x": "uniform(0, 2)"})

    assert (branch.name, branch.version) == ("other", 1)
    assert branch.refers["root_id"] == branch.refers["parent_id"] == build().id
    assert seen(branch) == [{"x": 0.25}]


def test_a_new_name_may_branch_from_an_experiment(build):
    branch = build(name="other", branching={"branch_from": "demo"})

    assert (branch.name, branch.version) == ("other", 1)
    assert seen(branch) == [{"x": 0.25}]
    assert build(name="other", branching={"branch_from": "demo"}).id == branch.id


def test_a_branch_may_come_from_an_older_version(build):
    build(space={"x": "uniform(0, 2)"})

    branch = build(version=1, branching={"branch_to": "other"})

    assert branch.refers["parent_id"] == build(version=1).id
    assert branch.space.configuration == {"x": "uniform(0, 1)"}


def test_an_experiment_of_another_origin_is_not_taken_for_the_branch(build, storage):
    build_experiment("other", space={"x": X}, storage=storage)

    with pytest.raises(ConfigurationError, match="'other' exists already and was not branched"):
        build(branching={"branch_to": "other"})


def test_branching_from_an_experiment_that_is_not_there_suggests_another(build):
    with pytest.raises(NoConfigurationError, match=r"no experiment 'dmo'.*'demo'"):
        build(name="other", branching={"branch_from": "dmo"})


def test_a_version_with_a_child_of_its_name_cannot_get_another_one(build):
    build(space={"x": "uniform(0, 2)"})

    with pytest.raises(BranchingEvent, match=r"version 2 was made from version 1.*--branch-to"):
        build(version=1, space={"x": "uniform(0, 3)"})

    assert build(version=1, space={"x": "uniform(0, 2)"}).version == 2  # just what is asked for


# --- when nothing is resolved, or versions are off ------------------------------------------------


def test_with_versions_off_the_refusal_names_every_choice(build):
    with pytest.raises(BranchingEvent) as refusal:
        build(space={"x": X, "/b": "uniform(0, 1)"}, branching=None)

    for choice in ("--enable-evc", "{'enable': True}", "-b~'+uniform(0, 1)'", "-n", "db rm demo"):
        assert choice in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_version_without_trials_is_never_changed_under_its_adapters(build):
    build(space={"x": "uniform(0, 2)"})

    with pytest.raises(BranchingEvent, match="was made from another version"):
        build(space={"x": "uniform(0, 3)"}, branching=None)


def test_without_automatic_resolution_each_change_must_be_marked(build):
    manual = {"enable": True, "auto_resolution": False}
    space = {"x": "uniform(0, 2)", "y": "uniform(0, 1, default_value=0)"}

    with pytest.raises(BranchingEvent) as refusal:
        build(space=space, algorithm="tpe", branching=manual)

    for choice in ("'y': '~+uniform(0, 1, default_value=0.0)'", "--algorithm-change"):
        assert choice in str(refusal.value)
    marked = {name: f"~+{prior}" for name, prior in space.items()}
    child = build(space=marked, algorithm="tpe", branching={**manual, "algorithm_change": True})
    assert seen(child) == [{"x": 0.25, "y": 0}]


def test_markers_of_what_is_not_there_mark_nothing(build):
    child = build(space={"x": "~>rate", "rate": X, "gone": "~>rate", "away": "~-0.5"})

    assert seen(child) == [{"rate": 0.25}]


@pytest.mark.parametrize("text", ["a", "'a'"])
def test_the_value_of_a_removed_category_may_be_written_as_in_python(build, text):
    build(space={"x": X, "kind": "choices(['a', 'b'], default_value='a')"})

    child = build(space={"x": X, "kind": f"~-{text}"})

    assert seen(child) == [{"x": 0.25}]


def test_a_value_that_a_removed_dimension_cannot_have_is_refused(build):
    with pytest.raises(ConfigurationError, match="'x': 'often' is not a number"):
        build(space={"x": "~-often", "y": X})


@pytest.mark.parametrize(
    ("branching", "message"),
    [
        ({"enabel": True}, "did you mean 'enable'"),
        ({"enable": "perhaps"}, "enable must be true or false"),
        ({"code_change_type": "huge"}, "one of noeffect, break, unsure"),
    ],
)
def test_settings_of_versions_are_checked(build, branching, message):
    with pytest.raises(ConfigurationError, match=message):
        build(branching=branching)


def test_an_algorithm_is_asked_for_together_with_the_space_that_it_needs(build):
    space = {"x": X, "epochs": "fidelity(1, 9, base=3)"}

    child = build(space=space, algorithm="hyperband", objectives=["loss"])

    assert list(child.configuration["algorithm"]) == ["hyperband"]
    assert seen(child) == [{"epochs": 9, "x": 0.25}]


def test_a_branch_of_an_older_version_gets_a_number_that_nobody_has(build, storage):
    build(seed=4)
    refers = {"root_id": None, "parent_id": None, "adapter": []}
    storage.update_experiment(build(version=2).id, refers=refers)

    child = build(version=1, seed=5)

    assert (child.version, child.refers["parent_id"]) == (3, build(version=1).id)


def test_a_warm_start_is_asked_for_anew_with_each_version(build, storage):
    other = build_experiment("other", space={"x": X}, storage=storage)
    other.insert({"x": 0.75}, results=1.0)

    child = build(seed=4, warm_start=["other"])

    assert child.experiment.warm_start["sources"][0]["fit"] == 1
    assert build(seed=5).experiment.warm_start is None


def test_a_limit_of_time_may_be_given_together_with_a_change(build, storage):
    child = build(seed=4, max_duration=60)

    assert child.configuration["limits"] == {"max_duration": 60}


def test_a_branch_has_one_name_and_one_origin(build):
    with pytest.raises(ConfigurationError, match="three names are given"):
        build(name="third", branching={"branch_from": "demo", "branch_to": "other"})
