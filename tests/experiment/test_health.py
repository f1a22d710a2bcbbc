"""What an examination of experiments finds, and that it finds nothing in healthy ones."""

from __future__ import annotations

import math
import os
from datetime import datetime, timedelta, timezone

import pytest

from orion_like.client import build_experiment
from orion_like.errors import BrokenExperiment
from orion_like.experiment.health import examine
from orion_like.storage import PickledDB, Storage, new_worker_id
from orion_like.storage.database.filesystem import Locking, Mount, Reach
from orion_like.storage.workers import WORKERS, WorkerRecord, sign_on
from orion_like.trial import Result, Trial
from orion_like.version import __version__

ELSEWHERE = "node7.1a2b3c4d-4711-9f8e7d6c"


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, space=None, **changes):
    options = {"algorithm": "random", "seed": 1, "max_trials": 30, "storage": storage, **changes}
    return build_experiment("demo", space=space or {"x": "uniform(0, 1)"}, **options)


def found(storage):
    documents = storage.fetch_experiments()
    return {finding.check: finding for finding in examine(storage, documents, 240.0)}


def record(client, worker=ELSEWHERE, **changes):
    fields = {"version": __version__, "n_workers": 1, "lost_threshold": 240.0, **changes}
    return WorkerRecord(worker=worker, experiment=client.id, **fields)


def add_trial(client, number, status, started, took=None, **fields):
    """Store a trial that was started, and perhaps ended, some time ago."""
    start = datetime.now(timezone.utc) - started
    trial = client.experiment.new_trial({"x": number / 100}, number)
    trial = Trial.from_document({**trial.to_dict(), "attempt": 1, **fields})
    trial.status, trial.start_time, trial.heartbeat = status, start, start
    if took is not None:
        trial.end_time = start + took
        trial.results = [Result("objective", "objective", float(number))]
    client.storage.register_trials([trial])
    return trial


def test_nothing_is_found_in_a_healthy_experiment(storage):
    build(storage).workon(lambda x: (x - 0.4) ** 2)

    assert found(storage) == {}


def test_nothing_is_found_in_an_experiment_without_trials(storage):
    build(storage)

    assert found(storage) == {}


# --- results ------------------------------------------------------------------------------------


def test_an_objective_that_never_changes_is_wrong(storage):
    build(storage).workon(lambda x: 3.0)

    finding = found(storage)["constant-objective"]

    assert (finding.severity, finding.place) == ("wrong", "demo-v1")
    assert "objective is 3 in all 30 completed trials" in finding.problem
    assert finding.commands == ("status -n demo -v 1 --all",)


def test_best_trials_at_a_bound_are_noted_with_a_wider_prior(storage):
    space = {"lr": "loguniform(1e-5, 1)", "momentum": "uniform(0, 1)"}
    words = ["./train.py", "--lr~loguniform(1e-5, 1)", "--momentum~uniform(0, 1)"]
    client = build(storage, space, algorithm="tpe", max_trials=40, metadata={"user_args": words})
    client.workon(lambda lr, momentum: (math.log(lr) - 2) ** 2)

    finding = found(storage)["optimum-at-bound"]

    assert finding.severity == "note"
    assert "upper bound of lr, 1" in finding.problem
    (command,) = finding.commands
    assert command.startswith("hunt -n demo ./train.py '--lr~+loguniform(1e-05, 10)'")


def test_an_optimum_within_the_bounds_of_integers_is_none_at_a_bound(storage):
    client = build(storage, {"x": "uniform(0, 9, discrete=True)", "y": "uniform(0, 1)"})

    client.workon(lambda x, y: (x - 5) ** 2 + (y - 0.5) ** 2)

    assert found(storage) == {}


def with_gradient(sign):
    def function(x, y):
        return [
            {"name": "objective", "type": "objective", "value": x**2 + y**2},
            {"name": "g", "type": "gradient", "value": {"x": sign * 2 * x, "y": sign * 2 * y}},
        ]

    return function


PLANE = {"x": "uniform(-1, 1)", "y": "uniform(-1, 1)"}


def test_gradients_that_the_algorithm_does_not_use_are_noted(storage):
    build(storage, PLANE, metadata={"user_args": ["./train.py"]}).workon(with_gradient(1))

    finding = found(storage)["unused-gradients"]

    assert finding.severity == "note"
    assert finding.commands == ("hunt -n demo --enable-evc --algorithm lbfgs",)


def test_what_a_later_version_has_made_better_is_not_noted(storage):
    build(storage, PLANE).workon(with_gradient(1))
    build(storage, PLANE, algorithm="lbfgs", branching={"enable": True})

    assert found(storage) == {}


@pytest.mark.parametrize("algorithm", ["lbfgs", "gp", "auto"])
def test_gradients_that_are_used_and_right_are_well(storage, algorithm):
    build(storage, PLANE, algorithm=algorithm, max_trials=15).workon(with_gradient(1))

    assert not {"unused-gradients", "contradicting-gradients"} & found(storage).keys()


def test_gradients_with_the_wrong_sign_are_wrong(storage):
    build(storage, PLANE, algorithm="lbfgs").workon(with_gradient(-1))

    finding = found(storage)["contradicting-gradients"]

    assert finding.severity == "wrong"
    assert "their sign is probably wrong" in finding.problem


def test_the_gradient_of_an_objective_that_is_maximized_is_well_as_the_user_sees_it(storage):
    def function(x, y):
        return [
            {"name": "score", "type": "objective", "value": -(x**2) - y**2},
            {"name": "score", "type": "gradient", "value": {"x": -2 * x, "y": -2 * y}},
        ]

    build(storage, PLANE, algorithm="lbfgs", objectives=["score:maximize"]).workon(function)

    assert found(storage) == {}


def test_a_constraint_that_nobody_reports_is_wrong(storage):
    build(storage, constraints=["memory <= 8"], max_trials=6).workon(lambda x: x)

    assert "no trial has reported memory" in found(storage)["constraint-not-reported"].problem


# --- trials -------------------------------------------------------------------------------------


def test_trials_that_broke_alike_are_wrong_and_may_be_retried_by_their_reason(storage):
    client = build(storage)

    def function(x, trial):
        raise RuntimeError(f"CUDA out of memory: tried {trial.number} MiB")

    with pytest.raises(BrokenExperiment):
        client.workon(function, trial_arg="trial")

    finding = found(storage)["broken-trials"]

    assert "3 of 3 trials that ended broke, 3 of them because" in finding.problem
    assert finding.commands == (
        "status -n demo -v 1 --all",
        "retry demo -v 1 --reason 'RuntimeError: CUDA out of memory: tried'",
        "db set demo -v 1 max_broken=6",
    )


def test_a_few_broken_trials_among_many_are_well(storage):
    client = build(storage, max_broken=10)

    def function(x, trial):
        if trial.number in (3, 7, 12):
            raise RuntimeError("bad luck")
        return (x - 0.4) ** 2

    client.workon(function, trial_arg="trial", max_broken=10)

    assert found(storage) == {}


def test_a_trial_that_is_begun_again_and_again_is_wrong(storage):
    client = build(storage)
    for _ in range(4):
        client.release(client.suggest())

    assert "is interrupted after 4 attempts" in found(storage)["many-attempts"].problem


def test_a_trial_that_runs_much_longer_than_others_is_wrong(storage):
    client = build(storage)
    for number in range(5):
        add_trial(client, number, "completed", timedelta(hours=9), timedelta(minutes=1))
    sign_on(storage.database, record(client))
    stuck = add_trial(client, 5, "reserved", timedelta(hours=2), worker=ELSEWHERE)

    finding = found(storage)["stuck-trial"]

    assert f"trial {stuck.id} has been running for 2:00:00 on node7" in finding.problem
    assert finding.commands == (
        f"db set demo -v 1 id={stuck.id} status=interrupted --force",
        "hunt -n demo -v 1 --trial-timeout 600",
    )


def test_suggestions_that_take_longer_than_trials_are_noted(storage):
    client = build(storage)
    for number in range(12):
        began = timedelta(seconds=1000 - 30 * number)
        add_trial(client, number, "completed", began, timedelta(seconds=2), worker=ELSEWHERE)

    finding = found(storage)["slow-suggestions"]

    assert "workers spend 28.0 seconds between two trials, which run for 2.0" in finding.problem


def test_a_worker_that_runs_several_trials_at_once_has_no_gaps_between_them(storage):
    client = build(storage)
    for number in range(24):
        began = timedelta(seconds=2000 - 30 * (number // 2) - number % 2)
        add_trial(client, number, "completed", began, timedelta(seconds=28), worker=ELSEWHERE)

    assert "slow-suggestions" not in found(storage)


# --- workers ------------------------------------------------------------------------------------


def test_a_host_whose_clock_differs_is_wrong(storage):
    client = build(storage)
    sign_on(storage.database, record(client, clock_ahead=-90.0))

    finding = found(storage)["clock-skew"]

    assert "the clock of node7 is 90.0 seconds behind the database's" in finding.problem


def test_this_host_is_told_if_its_own_clock_differs(storage, monkeypatch):
    monkeypatch.setattr(type(storage.database), "clock_ahead", lambda _: 5.0)

    finding = found(storage)["clock-skew"]

    assert finding.place == "database"
    assert "5.0 seconds ahead of" in finding.problem


def test_workers_with_different_versions_are_wrong(storage):
    client = build(storage)
    sign_on(storage.database, record(client, version="0.0.1"))

    finding = found(storage)["version-drift"]

    assert "0.0.1 on node7" in finding.problem
    assert finding.commands == ("stop -n demo -v 1", "resume -n demo -v 1")


def dead_worker():
    """Return the id of a worker of this machine whose process is gone."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return new_worker_id().replace(f"-{os.getpid()}-", f"-{child}-")


def test_dead_workers_that_hold_trials_are_wrong_unless_others_take_them_over(storage):
    client = build(storage)
    dead = dead_worker()
    sign_on(storage.database, record(client, dead))
    add_trial(client, 0, "reserved", timedelta(seconds=1), worker=dead)

    alone = found(storage)["dead-workers"]
    storage.database.insert(WORKERS, {**storage.database.find(WORKERS)[0], "_id": ELSEWHERE})
    with_others = found(storage)["dead-workers"]

    assert alone.severity == "wrong"
    assert alone.commands == ("db release demo -v 1 --force",)
    assert (with_others.severity, with_others.commands) == ("note", ())


# --- the place ----------------------------------------------------------------------------------


def test_locks_that_do_not_hold_are_wrong(tmp_path, monkeypatch):
    storage = Storage(PickledDB(host=str(tmp_path / "hunts.pkl")))
    build(storage)
    locking = Locking(Reach.HOST, Mount("/shared", "nfs", "server:/export", {}))
    monkeypatch.setattr("orion_like.experiment.health.place.locking_at", lambda _: locking)

    finding = found(storage)["locks"]

    assert finding.commands == (f"db copy {tmp_path}/hunts.pkl mongodb://HOST/orion_like",)
    assert "/shared" in finding.problem


def test_a_disk_that_is_nearly_full_is_wrong(tmp_path, monkeypatch):
    storage = Storage(PickledDB(host=str(tmp_path / "hunts.pkl")))
    build(storage)
    usage = type("Usage", (), {"total": 10**12, "free": 10**6})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    assert found(storage)["disk-space"].commands == ("db compact",)
