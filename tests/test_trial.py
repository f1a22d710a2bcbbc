"""The trial document: identity, values, results and the state table."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_like.errors import InvalidResult
from orion_like.trial import (
    ALLOWED_STATUSES,
    OWNER,
    TRANSITIONS,
    WAITING_STATUSES,
    Trial,
    sources_of,
    to_results,
)

PARAMS = [
    {"name": "/x", "type": "real", "value": 1e-05},
    {"name": "/y", "type": "integer", "value": 3},
    {"name": "/z", "type": "categorical", "value": "relu"},
    {"name": "/e", "type": "fidelity", "value": 10},
]


def real(name, value):
    return {"name": name, "type": "real", "value": value}


@pytest.fixture
def trial():
    return Trial(experiment=1, params=PARAMS)


def test_hashes_equal_the_published_vectors(trial):
    child = trial.branch(params={"/e": 20})

    assert trial.id == trial.hash_name == "3390683499e5abc4b4f47e708201497e"
    assert trial.hash_params == "032e82c69bb4eccb0863fc7a030662bd"
    assert trial.legacy_id == "a76131733aec3d3ce51818485788bcaa"
    assert child.id == "9e9c5693de9fc676768a8c9985ca4bd1"
    assert Trial(params=[real("a", 0.1)]).id == "cdf3e5e740a02105515e34f14b4c9602"


def test_a_lie_is_part_of_the_identity_but_not_of_the_document():
    lie = {"name": "lie", "type": "lie", "value": 12.0}

    trial = Trial(params=[real("x", 0.5)], results=[lie])

    assert trial.id == "0fc260d70056c5aaf3b97aea1d339ba1"
    assert trial.to_dict()["results"] == []


def test_the_lineage_shares_hash_params_whatever_the_fidelity_and_parent(trial):
    child = trial.branch(params={"/e": 20})

    assert child.hash_params == trial.hash_params
    assert child.parent == trial.id
    assert child.params["/e"] == 20


def test_branching_refuses_parameters_that_do_not_exist(trial):
    with pytest.raises(ValueError, match=r"no parameter \['/nope'\]; it has /x"):
        trial.branch(params={"/nope": 1})


@given(
    st.dictionaries(
        st.text("abc/._", min_size=1),
        st.one_of(st.floats(allow_nan=False), st.integers(), st.text(), st.booleans()),
        min_size=1,
    )
)
def test_a_document_read_back_is_the_same_trial(params):
    trial = Trial(
        params=[{"name": k, "type": "categorical", "value": v} for k, v in params.items()]
    )

    again = Trial.from_document(trial.to_dict())

    assert again == trial
    assert again.to_dict() == trial.to_dict()
    assert Trial(**trial.to_dict()).to_dict() == trial.to_dict()


def test_numpy_values_become_plain_python_so_that_hashes_do_not_depend_on_them():
    plain = Trial(params=[real("x", 0.1), real("y", [1.0, 2.0])])
    numpy = Trial(params=[real("x", np.float64(0.1)), real("y", np.array([1.0, 2.0]))])

    assert numpy.id == plain.id
    assert type(numpy.flat_params["x"]) is float


def test_params_are_nested_at_the_dots():
    trial = Trial(params=[real("model.lr", 1.0), real("model.opt.beta", 2.0), real("z", 3.0)])

    assert trial.params == {"model": {"lr": 1.0, "opt": {"beta": 2.0}}, "z": 3.0}
    assert trial.flat_params["model.opt.beta"] == 2.0


def test_names_for_people_and_files(trial):
    assert trial.full_name == ".x:1e-05-.y:3-.z:relu-.e:10"
    assert trial.params_repr() == "/x:1e-05,/y:3,/z:relu,/e:10"
    assert Trial.format_params(trial._params, ignore_fidelity=True) == "/x:1e-05,/y:3,/z:relu"
    assert repr(trial) == "Trial(experiment=1, status='new', params=/x:1e-05,/y:3,/z:relu,/e:10)"


def test_trials_are_equal_by_id_and_live_in_sets(trial):
    other = Trial(experiment=2, status="completed", params=PARAMS)

    assert trial == other
    assert len({trial, other, trial.branch(params={"/y": 4})}) == 2


def test_unknown_fields_types_and_statuses_are_refused():
    with pytest.raises(AttributeError, match="'nope'"):
        Trial(nope=1)
    with pytest.raises(ValueError, match="unknown type 'nope'"):
        Trial(params=[{"name": "x", "type": "nope", "value": 1}])
    with pytest.raises(ValueError, match="'done' is unknown"):
        Trial(status="done")
    with pytest.raises(ValueError, match="no identity"):
        _ = Trial().id


def test_results_are_found_by_type():
    trial = Trial(
        params=[real("x", 1.0)],
        results=[
            {"name": "loss", "type": "objective", "value": 1},
            {"name": "g", "type": "gradient", "value": {"x": 2.0}},
            {"name": "c", "type": "constraint", "value": -1.0},
            {"name": "s", "type": "statistic", "value": "anything"},
        ],
    )

    assert trial.objective.value == 1
    assert trial.gradient.value == {"x": 2.0}
    assert [c.name for c in trial.constraints] == ["c"]
    assert [s.value for s in trial.statistics] == ["anything"]
    assert trial.lie is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1.0", None, True, [1.0]])
def test_an_objective_must_be_a_finite_number(bad):
    with pytest.raises(InvalidResult, match="objective"):
        to_results([{"name": "loss", "type": "objective", "value": bad}])


@pytest.mark.parametrize(
    "bad", [None, "x", {}, {"name": "a"}, [], [1], [{"name": "a", "type": "statistic", "value": 1}]]
)
def test_results_of_another_form_are_refused(bad):
    with pytest.raises(InvalidResult):
        to_results(bad)


@pytest.mark.parametrize("bad", ["abc", 3.0, None, True, ["a"], {"x": "a"}, {"x": [1.0, "a"]}])
def test_a_gradient_must_be_made_of_numbers(bad):
    results = [
        {"name": "loss", "type": "objective", "value": 1.0},
        {"name": "g", "type": "gradient", "value": bad},
    ]

    with pytest.raises(InvalidResult, match="gradient 'g'"):
        to_results(results)


@pytest.mark.parametrize("good", [[1.0, None], {"x": 1, "w": [[1.0], [2.0]]}, {"a": {"b": 1.0}}])
def test_a_gradient_may_be_nested_and_incomplete(good):
    results = to_results(
        [
            {"name": "loss", "type": "objective", "value": 1.0},
            {"name": "g", "type": "gradient", "value": good},
        ]
    )

    assert results[1].value == good


def test_refused_results_leave_the_trial_as_it_was(trial):
    with pytest.raises(InvalidResult):
        trial.results = [Trial.Result(name="s", type="statistic", value=1)]

    assert trial.results == []
    trial.results = to_results(1.0)
    assert trial.objective.value == 1.0


def test_duration_lasts_from_start_to_end_or_last_heartbeat(trial):
    start = datetime(2020, 1, 1, tzinfo=timezone.utc)
    assert trial.duration == timedelta()

    trial.start_time = start
    trial.heartbeat = start + timedelta(seconds=5)
    assert trial.duration == timedelta(seconds=5)

    trial.end_time = start + timedelta(seconds=9)
    assert trial.execution_interval == (start, trial.end_time)


def test_working_directories_need_that_of_the_experiment(trial):
    with pytest.raises(RuntimeError, match="exp_working_dir"):
        _ = trial.working_dir

    trial.exp_working_dir = "/base"
    assert trial.working_dir == f"/base/{trial.id}"
    assert trial.get_working_dir(ignore_fidelity=True) == "/base/" + trial.hash_params


def test_the_state_table_knows_only_statuses_and_completed_trials_never_change():
    statuses = {status for pair in TRANSITIONS for status in pair} - {None}

    assert statuses == set(ALLOWED_STATUSES)
    assert {to for source, to in TRANSITIONS if source == "completed"} == {None}
    assert sources_of("broken", OWNER) == ("reserved",)
    assert set(WAITING_STATUSES) == {"new", "suspended", "interrupted"}
    assert ("reserved", None) not in TRANSITIONS
