"""The Python API: suggest, observe, insert, look, and let go."""

import fractions
import json
import multiprocessing

import numpy
import pytest

from orion_like.algo import Problem, judge
from orion_like.client import ExperimentClient, build_experiment, get_experiment, workon
from orion_like.errors import (
    AlreadyReleased,
    BrokenExperiment,
    CompletedExperiment,
    ConfigurationError,
    DuplicateKeyError,
    FailedUpdate,
    InvalidResult,
    LeaseLost,
    MissingArguments,
    TrialNotFound,
    UnsupportedOperation,
    WaitingForTrials,
)
from orion_like.storage import PickledDB, Storage
from orion_like.trial import Trial


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, **changes) -> ExperimentClient:
    options = {
        "space": {"x": "uniform(0, 1)", "n": "uniform(1, 9, discrete=True, default_value=2)"},
        "algorithm": "random",
        "seed": 1,
        "max_trials": 3,
        **changes,
    }
    return build_experiment("demo", storage=storage, **options)


@pytest.fixture
def client(storage):
    return build(storage)


def test_suggest_and_observe_until_done(client):
    for _ in range(3):
        trial = client.suggest()
        assert trial.status == "reserved"
        client.observe(trial, trial.params["x"])
        assert trial.status == "completed"

    assert client.is_done
    with pytest.raises(CompletedExperiment):
        client.suggest()
    best = min(client.fetch_trials(), key=lambda t: t.objective.value)
    assert client.stats.best_trials_id == best.id


def test_results_of_every_type_are_stored(client):
    trial = client.suggest()
    results = [
        {"name": "loss", "type": "objective", "value": 1.0},
        {"name": "slack", "type": "constraint", "value": 0.5},
        {"name": "gradient", "type": "gradient", "value": {"x": 0.1}},
        {"name": "epochs", "type": "statistic", "value": 7},
    ]

    client.observe(trial, results)

    assert [r.to_dict() for r in client.get_trial(trial).results] == results


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"xx": 1.0}, r"gradient 'slope': there is no dimension 'xx' \(did you mean 'x'\?\)"),
        ({"x": [1.0, 2.0]}, r"gradient 'slope': 'x' has 1 derivative\(s\), not 2"),
        ([1.0, 2.0, 3.0], r"gradient 'slope': a list has one derivative for each real dimension"),
        ({"x": "1.0"}, "gradient 'slope' must be a dict"),
    ],
)
def test_a_gradient_that_is_not_of_the_space_is_refused_at_once(client, value, message):
    trial = client.suggest()
    results = [
        {"name": "loss", "type": "objective", "value": 1.0},
        {"name": "slope", "type": "gradient", "value": value},
    ]

    with pytest.raises(InvalidResult, match=message):
        client.observe(trial, results)

    assert client.get_trial(trial).status == "reserved"


@pytest.mark.parametrize("bad", [None, float("nan"), "1", [], [{"name": "a"}], True])
def test_an_invalid_result_leaves_the_trial_to_be_observed_again(client, bad):
    trial = client.suggest()

    with pytest.raises(InvalidResult):
        client.observe(trial, bad)

    assert client.get_trial(trial).status == "reserved"
    client.observe(trial, 1.0)
    assert client.get_trial(trial).status == "completed"


@pytest.mark.parametrize(
    "reported", [1.0, [{"name": "loss", "type": "objective", "value": 1.0}]], ids=["number", "list"]
)
def test_every_declared_objective_must_be_reported(storage, reported):
    client = build(storage, objectives=["loss", "size:maximize"])
    trial = client.suggest()

    with pytest.raises(InvalidResult, match=r"results lack .* 'demo' .* size"):
        client.observe(trial, reported)
    with pytest.raises(InvalidResult, match="size"):
        client.insert({"x": 0.5}, results=reported)

    assert client.stats.trial_status_count == {"reserved": 1}


def test_numbers_of_any_kind_are_objectives(storage):
    client = build(storage, max_trials=4)
    values = [fractions.Fraction(1, 4), 2**80, numpy.float32(0.5), numpy.array(3)]

    client.workon(lambda x, n, trial: values[trial.number], trial_arg="trial")

    stored = [trial.objective.value for trial in client.fetch_trials()]
    assert stored == [0.25, 2.0**80, 0.5, 3]


def test_a_number_beyond_the_floats_is_not_finite(client):
    with pytest.raises(InvalidResult, match="objective 'objective' is inf"):
        client.observe(client.suggest(), 10**400)


@pytest.mark.parametrize("value", [object(), {1: 2}, 2**70, {"$key": 1}])
def test_a_value_that_no_database_keeps_is_no_result(client, value):
    trial = client.suggest()
    results = [
        {"name": "loss", "type": "objective", "value": 1.0},
        {"name": "odd", "type": "statistic", "value": value},
    ]

    with pytest.raises(InvalidResult, match=r"a statistic cannot be stored: field 'odd.*'"):
        client.observe(trial, results)

    client.observe(trial, 1.0)
    assert client.get_trial(trial).status == "completed"


def test_an_only_objective_is_known_under_another_name_unless_there_are_several(storage):
    client = build(storage, objectives=["loss:maximize"])
    several = [{"name": name, "type": "objective", "value": 1.0} for name in ("acc", "size")]

    client.observe(client.suggest(), 0.5)
    with pytest.raises(InvalidResult, match="their objectives are acc, size"):
        client.observe(client.suggest(), several)

    assert client.stats.best_evaluation == 0.5


def test_a_trial_in_a_block_is_never_left_behind(client):
    with client.suggest() as observed:
        client.observe(observed, 1.0)
    with client.suggest() as forgotten:
        pass
    with pytest.raises(ZeroDivisionError), client.suggest() as failed:
        _ = 1 / 0

    assert observed.status == "completed"
    assert failed.id == forgotten.id
    stored = client.get_trial(failed)
    assert stored.status == "broken"
    assert stored.reason == "ZeroDivisionError: division by zero"


def test_a_block_left_by_an_interrupt_leaves_the_trial_to_others(client):
    with pytest.raises(KeyboardInterrupt), client.suggest() as trial:
        raise KeyboardInterrupt

    assert client.get_trial(trial).status == "interrupted"


def test_a_block_may_release_its_trial_itself(client):
    with client.suggest() as trial:
        client.release(trial, "suspended")

    assert client.get_trial(trial).status == "suspended"


@pytest.mark.parametrize("status", ["finished", "completed", "new"])
def test_a_trial_that_cannot_be_released_like_this_stays_ones_own(client, status):
    trial = client.suggest()

    with pytest.raises(ValueError, match="must be one of"):
        client.release(trial, status)

    client.observe(trial, 1.0)
    assert client.get_trial(trial).status == "completed"


def test_only_trials_of_ones_own_can_be_observed_or_released(storage, client):
    other = build(storage)
    trial = client.suggest()
    waiting = client.insert({"x": 0.5})
    absent = Trial(experiment=client.id, params=[{"name": "x", "type": "real", "value": 2.0}])

    with pytest.raises(FailedUpdate, match="has reserved it"):
        other.observe(trial, 1.0)
    with pytest.raises(AlreadyReleased, match="use reserve first"):
        other.observe(waiting, 1.0)
    with pytest.raises(TrialNotFound):
        other.release(absent)
    assert client.get_trial(trial).status == "reserved"


def test_a_late_observation_is_told_and_does_not_overwrite(storage, client):
    other = build(storage)
    trial = client.suggest()
    taken = other.storage.reserve_lost_trial(other.id, other.worker, lost_threshold=-1)

    with pytest.raises(LeaseLost):
        client.observe(trial, 1.0)

    assert client.get_trial(trial).worker == taken.worker == other.worker
    client.close()


def test_reserving_makes_a_waiting_trial_ones_own(storage, client):
    trial = client.insert({"x": 0.5})
    assert trial.status == "new"

    client.reserve(trial)
    client.reserve(trial)  # harmless

    with pytest.raises(FailedUpdate, match="cannot be reserved: it is reserved by"):
        build(storage).reserve(trial)
    client.observe(trial, 1.0)
    with pytest.raises(TrialNotFound):
        client.reserve(Trial(params=[{"name": "x", "type": "real", "value": 3.0}]))


def test_inserted_points_get_defaults_and_count(client):
    done = client.insert({"x": 0.25}, results=[{"name": "o", "type": "objective", "value": 3}])
    waiting = client.insert({"x": 0.5, "n": 3})

    assert done.params == {"x": 0.25, "n": 2}
    assert client.get_trial(done).objective.value == 3
    assert [t.id for t in client.fetch_pending_trials()] == [waiting.id]
    assert client.suggest().id == waiting.id
    client.suggest()
    with pytest.raises(WaitingForTrials):
        client.suggest()


def test_inserting_refuses_what_cannot_be(client):
    client.insert({"x": 0.5})

    with pytest.raises(DuplicateKeyError, match="has a trial at"):
        client.insert({"x": 0.5})
    with pytest.raises(ValueError, match="x"):
        client.insert({"x": 7})
    with pytest.raises(ValueError, match="x"):
        client.insert({"n": 3})
    with pytest.raises(ValueError, match="y"):
        client.insert({"x": 0.1, "y": 3})
    with pytest.raises(ValueError, match="cannot be reserved too"):
        client.insert({"x": 0.1}, results=1.0, reserve=True)
    with pytest.raises(InvalidResult):
        client.insert({"x": 0.1}, results=[{"name": "s", "type": "statistic", "value": 1}])
    assert client.stats.nb_trials == 1
    assert client.storage.fetch_budget(client.id)["free_numbers"] == []


def test_inserting_can_reserve(client):
    trial = client.insert({"x": 0.5}, reserve=True)

    client.observe(trial, 1.0)

    assert client.get_trial(trial).status == "completed"


def test_a_pool_registers_more_trials_than_it_reserves(client):
    client.suggest(pool_size=2)

    assert client.stats.trial_status_count == {"new": 1, "reserved": 1}


def test_trials_are_found_by_status_and_id(client):
    done, running = client.suggest(), client.suggest()
    client.observe(done, 1.0)

    assert [t.id for t in client.fetch_trials()] == [done.id, running.id]
    assert [t.id for t in client.fetch_trials_by_status("completed")] == [done.id]
    assert [t.id for t in client.fetch_noncompleted_trials()] == [running.id]
    assert client.get_trial(uid=done.id) == done
    assert client.get_trial(uid="nope") is None
    with pytest.raises(MissingArguments):
        client.get_trial()
    with pytest.raises(AssertionError):
        client.get_trial(done, uid=running.id)
    with pytest.raises(ValueError, match="complete"):
        client.fetch_trials_by_status("complete")


def test_the_frame_has_a_row_a_trial(client):
    assert client.to_pandas().empty
    trial = client.suggest()
    client.observe(trial, 2.0)
    client.suggest()

    frame = client.to_pandas()

    times = ["suggested", "reserved", "completed"]
    assert list(frame.columns) == ["id", "experiment_id", "status", *times, "objective", "n", "x"]
    assert frame["status"].tolist() == ["completed", "reserved"]
    assert frame["objective"].tolist()[0] == 2.0
    assert frame["x"][0] == trial.params["x"]


def test_statistics_follow_the_trials_of_all_workers(storage, client):
    other = build(storage)
    for each in (client, other):
        trial = each.suggest()
        each.observe(trial, 5.0 if each is client else 2.0)

    stats = client.stats

    assert (stats.trials_completed, stats.best_evaluation, stats.max_trials) == (2, 2.0, 3)
    assert stats.progress == pytest.approx(2 / 3)
    assert stats.finish_time >= stats.start_time
    assert stats.eta is not None
    assert stats.to_json()["trial_status_count"] == {"completed": 2}


def test_the_best_trial_is_feasible_and_in_the_direction_asked_for(storage):
    client = build(
        storage,
        objectives=["accuracy:maximize"],
        constraints=[{"name": "latency", "upper": 10}],
    )
    for accuracy, latency in [(0.9, 11), (0.5, 9), (0.7, 10)]:
        results = [
            {"name": "accuracy", "type": "objective", "value": accuracy},
            {"name": "latency", "type": "constraint", "value": latency},
        ]
        client.observe(client.suggest(), results)

    assert client.stats.best_evaluation == 0.7


def results_of(objectives, constraints=()) -> list[dict]:
    kinds = {"objective": dict(objectives), "constraint": dict(constraints)}
    return [
        {"name": name, "type": kind, "value": value}
        for kind, values in kinds.items()
        for name, value in values.items()
    ]


def report(client, *reports) -> list[str]:
    """Report these results, one trial each; return the ids of the trials."""
    ids = []
    for results in reports:
        trial = client.suggest()
        client.observe(trial, results)
        ids.append(trial.id)
    return ids


def test_until_a_trial_is_feasible_the_least_infeasible_one_is_the_best(storage):
    client = build(storage, constraints="0 <= slack <= 1", max_trials=9)
    first = report(
        client,
        results_of({"objective": 1.0}, {"slack": 5.0}),
        results_of({"objective": 3.0}, {"slack": -0.5}),
    )

    assert (client.best_trial.id, client.stats.best_is_feasible) == (first[1], False)
    assert client.pareto_front() == []

    (feasible,) = report(client, results_of({"objective": 9.0}, {"slack": 1.0}))
    report(client, results_of({"objective": 2.0}, {"slack": 1.1}))

    assert (client.best_trial.id, client.stats.best_is_feasible) == (feasible, True)
    assert client.stats.trials_feasible == 1
    assert [trial.id for trial in client.pareto_front()] == [feasible]


def test_a_constraint_that_is_never_reported_makes_trials_infeasible_and_is_told(storage, caplog):
    client = build(storage, constraints=["memory <= 8", "seconds <= 9"], max_trials=9)
    ids = report(
        client,
        results_of({"objective": 2.0}, {"seconds": 1.0}),
        results_of({"objective": 1.0}, {"seconds": 1.0}),
    )

    stats = client.stats

    assert stats.unreported_constraints == ("memory",)
    assert (stats.best_trials_id, stats.best_is_feasible) == (ids[1], False)
    (warning,) = [r.getMessage() for r in caplog.records if "memory" in r.getMessage()]
    assert "counts as infeasible" in warning


def test_a_constraint_reported_as_something_else_is_explained(client, storage, caplog):
    client = build(storage, constraints="memory <= 8")

    report(
        client, [*results_of({"objective": 1}), {"name": "memory", "type": "statistic", "value": 1}]
    )

    assert "what was reported as 'memory' is a statistic" in caplog.text


def test_a_constraint_that_is_reported_with_its_gradient_is_not_missed(storage, caplog):
    client = build(storage, constraints="memory <= 8")

    gradient = {"name": "memory", "type": "gradient", "value": {"x": 1.0}}
    report(client, [*results_of({"objective": 1}, {"memory": 2}), gradient])

    assert not caplog.records
    assert client.stats.best_is_feasible


def test_statistics_judge_trials_as_algorithms_do(storage):
    client = build(storage, constraints="memory <= 8", max_trials=9)
    report(
        client,
        results_of({"objective": 1.0}, {"memory": 8.5}),
        results_of({"objective": 2.0}),
        results_of({"objective": 3.0}, {"memory": 8, "other": -1}),
        results_of({"objective": 4.0}, {"memory": 8, "other": 0}),
    )
    problem = Problem.build(client.space, constraints=client.experiment.outcome_constraints)

    outcomes = [judge(trial, problem) for trial in client.fetch_trials()]

    assert [outcome.violation for outcome in outcomes] == [0.5, float("inf"), 1.0, 0.0]
    assert client.to_pandas()["violation"].tolist() == [0.5, float("inf"), 1.0, 0.0]
    assert client.stats.best_evaluation == 4.0
    assert client.stats.trials_feasible == 1


def test_objectives_that_are_not_finite_never_become_the_best(storage):
    client = build(storage)
    (number,) = report(client, 1.0)
    for value in (float("nan"), float("-inf")):
        trial = client.suggest()
        stored = {"name": "objective", "type": "objective", "value": value}
        storage.database.update(
            "trials", {"id": trial.id}, {"$set": {"status": "completed", "results": [stored]}}
        )

    stats = build(storage).stats

    assert (stats.trials_completed, stats.trials_feasible) == (3, 1)
    assert (stats.best_trials_id, stats.best_evaluation) == (number, 1.0)


def test_the_best_trial_follows_corrections_of_results(storage, client):
    ids = report(client, 1.0, 2.0)
    assert client.stats.best_trials_id == ids[0]

    storage.correct_objective(client.get_trial(uid=ids[0]), 3.0)

    assert (client.stats.best_trials_id, client.stats.best_evaluation) == (ids[1], 2.0)
    assert client.stats.trials_feasible == 2


@pytest.fixture
def of_two(storage):
    """A client that minimizes a loss and maximizes an accuracy, below a limit of memory."""
    return build(
        storage,
        objectives=["loss", "accuracy:maximize"],
        constraints="memory <= 8",
        max_trials=20,
    )


def test_the_pareto_front_has_the_feasible_trials_that_none_dominates(of_two):
    ids = report(
        of_two,
        results_of({"loss": 3.0, "accuracy": 0.75}, {"memory": 1}),
        results_of({"accuracy": 0.5, "loss": 1.0}, {"memory": 1}),
        results_of({"loss": 3.0, "accuracy": 0.5}, {"memory": 1}),  # dominated
        results_of({"loss": 1.0, "accuracy": 0.5}, {"memory": 1}),  # equal to another one
        results_of({"loss": 0.0, "accuracy": 1.0}, {"memory": 9}),  # infeasible
    )

    front = of_two.stats.pareto_front

    assert [trial.id for trial in of_two.pareto_front()] == [ids[1], ids[0]]
    assert front.trial_ids == (ids[1], ids[0])
    assert front.values == ((1.0, 0.5), (3.0, 0.75))
    assert of_two.stats.best_trials_id == ids[1]
    assert of_two.hypervolume([3.0, 0.25]) == 2 * 0.25
    assert front.reference_point == pytest.approx((3.2, 0.475))
    assert of_two.hypervolume() == pytest.approx(2 * 0.025 + 0.2 * 0.275)


def test_statistics_of_several_objectives_are_plain_values(of_two):
    (uid,) = report(of_two, results_of({"loss": 3.0, "accuracy": 0.75}, {"memory": 1}))

    document = json.loads(json.dumps(of_two.stats.to_json()))

    assert document["pareto_front"] == {
        "trials": [{"id": uid, "objectives": {"loss": 3.0, "accuracy": 0.75}}],
        "hypervolume": pytest.approx(0.01),
        "reference_point": {"loss": 3.1, "accuracy": 0.65},
    }
    assert document["unreported_constraints"] == []
    assert (document["trials_feasible"], document["best_is_feasible"]) == (1, True)


@pytest.mark.parametrize("bad", [[1.0], [1.0, "a"], [1.0, float("nan")], 3.0])
def test_a_reference_point_has_a_number_for_each_objective(of_two, bad):
    with pytest.raises(ValueError, match="one number for each of loss, accuracy"):
        of_two.hypervolume(bad)


def test_the_reference_of_a_hypervolume_can_be_declared(storage):
    client = build(storage, objectives=[{"name": "loss", "reference": 4}, "gain:maximize"])
    report(client, results_of({"loss": 1.0, "gain": 4.0}), results_of({"loss": 3.0, "gain": 6.0}))

    assert storage.fetch_experiments()[0]["objectives"][0] == {
        "name": "loss", "direction": "minimize", "reference": 4,
    }  # fmt: skip
    assert client.stats.pareto_front.reference_point == pytest.approx((4.0, 3.8))
    assert client.hypervolume() == pytest.approx(client.hypervolume([4.0, 3.8]))
    (history,) = client.plot.hypervolume_history().data
    assert history.y[-1] == pytest.approx(client.hypervolume())


def test_one_objective_has_no_hypervolume(client):
    assert client.stats.pareto_front is None
    with pytest.raises(ValueError, match="one objective"):
        client.hypervolume()


def test_the_frame_has_columns_for_each_objective_and_constraint(of_two):
    report(
        of_two,
        results_of({"accuracy": 0.5, "loss": 1.0}, {"memory": 1}),
        results_of({"loss": 3.0, "accuracy": 0.75}, {"memory": 9, "extra": 0.5}),
    )
    of_two.suggest()

    frame = of_two.to_pandas()

    assert list(frame.columns)[6:] == [
        "objective", "n", "x", "objective.loss", "objective.accuracy",
        "constraint.memory", "constraint.extra", "feasible", "violation",
    ]  # fmt: skip
    assert frame["objective"].tolist()[:2] == frame["objective.loss"].tolist()[:2] == [1.0, 3.0]
    assert frame["objective.accuracy"].tolist()[:2] == [0.5, 0.75]
    assert frame["constraint.memory"].tolist()[:2] == [1, 9]
    assert frame["feasible"].tolist() == [True, False, None]
    assert frame["violation"].tolist()[:2] == [0.0, 1.0]


def test_an_experiment_with_too_many_broken_trials_suggests_no_more(storage):
    client = build(storage, max_broken=1)
    client.release(client.suggest(), "broken")

    assert client.is_broken
    with pytest.raises(BrokenExperiment, match="max_broken"):
        client.suggest()


def test_closing_needs_all_trials_back(client):
    trial = client.suggest()

    with pytest.raises(FailedUpdate, match=trial.id):
        client.close()

    client.release(trial)
    client.close()


def test_a_forgotten_client_leaves_its_trials_to_others(storage):
    client = build(storage)
    trial_id = client.suggest().id
    del client

    assert build(storage).get_trial(uid=trial_id).status == "interrupted"


def test_an_executor_may_be_given_by_its_name(storage):
    client = build(storage, executor="single")

    assert client.workon(lambda x, n: x) == 3
    assert client.executor.in_process


@pytest.mark.parametrize("wrong", [{"executor": "pol"}, {"heartbeat": -1}, {"heartbeat": "1m"}])
def test_a_client_is_not_made_from_what_makes_no_sense(storage, wrong):
    with pytest.raises(ConfigurationError, match=r"executor 'pol'|heartbeat must be"):
        build(storage, **wrong)


def test_reading_needs_no_rights_to_change(storage, client):
    reader = get_experiment("demo", storage=storage)

    for forbidden in (reader.suggest, lambda: reader.insert({"x": 0.1})):
        with pytest.raises(UnsupportedOperation):
            forbidden()


def _observe_in_child(client, connection):
    trial = client.suggest()
    client.observe(trial, 1.0)
    connection.send((client.worker, trial.id))


def test_a_forked_child_is_a_worker_of_its_own(tmp_path):
    client = build(Storage(PickledDB(host=str(tmp_path / "db.pkl"))))
    mine = client.suggest()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_observe_in_child, args=(client, there))
    child.start()
    child_worker, child_trial = here.recv()
    child.join()

    assert child_worker != client.worker
    assert child_trial != mine.id
    client.observe(mine, 1.0)
    assert client.stats.trial_status_count == {"completed": 2}


def test_workon_without_storage_optimizes_in_memory():
    client = workon(lambda x: (x - 0.5) ** 2, {"x": "uniform(0, 1)"}, max_trials=20, seed=1)

    assert client.stats.trials_completed == 20
    assert client.stats.best_evaluation < 0.05
