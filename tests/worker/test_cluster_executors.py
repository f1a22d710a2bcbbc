"""Workers whose trials run in the processes of joblib, Dask or Ray: counts stay exact."""

import json
import os
import signal
import subprocess

import pytest

from orion_like.client import build_experiment
from orion_like.worker.executor import executor_factory

SPACE = {"x": "uniform(0, 1)"}


@pytest.fixture(params=["joblib", "dask", "ray"], scope="module")
def executor(request):
    with executor_factory.create(request.param, n_workers=2) as executor:
        yield executor


@pytest.fixture
def kind():
    return "pickled"


@pytest.fixture
def client(kind, make_database, executor):
    with make_database(kind) as database:
        yield build_experiment(
            "demo", space=SPACE, algorithm="random", storage=database, executor=executor,
            max_trials=12,
        )  # fmt: skip


def test_every_trial_is_executed_once_elsewhere(client, tmp_path):
    def function(x, trial):
        (tmp_path / f"{trial.id}-{os.getpid()}").touch()
        return x

    executed = client.workon(function, n_workers=2, trial_arg="trial")

    runs = [path.name.rpartition("-") for path in tmp_path.iterdir() if "-" in path.name]
    assert executed == 12
    assert client.stats.trial_status_count == {"completed": 12}
    assert sorted(run[0] for run in runs) == sorted(t.id for t in client.fetch_trials())
    assert str(os.getpid()) not in {run[2] for run in runs}


@pytest.mark.parametrize("kind", ["pickled", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def test_trials_whose_process_is_killed_are_tried_again_and_none_is_lost(client, tmp_path):
    def function(x):
        for mark in ("first", "second"):
            try:
                (tmp_path / mark).touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    client.workon(function, n_workers=2)

    trials = client.fetch_trials()
    assert client.stats.trial_status_count == {"completed": 12}
    assert sorted(trial.number for trial in trials) == list(range(12))
    assert sum(trial.attempt - 1 for trial in trials) >= 2


# Dask does not always start processes again that die one right after the other.
@pytest.mark.parametrize("executor", ["joblib", "ray"], indirect=True, scope="module")
def test_a_trial_that_kills_every_process_is_broken_in_the_end(client):

    def function(x, trial):
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    client.workon(function, n_workers=2, trial_arg="trial")

    (broken,) = client.fetch_trials_by_status("broken")
    assert broken.number == 1
    assert broken.attempt == 6
    assert "lost" in broken.reason
    assert client.stats.trial_status_count == {"broken": 1, "completed": 12}


@pytest.mark.parametrize("executor_name", ["thread", "joblib", "dask"])
def test_hunt_runs_commands_with_any_executor(tmp_path, executor_name):
    script = tmp_path / "script.sh"
    script.write_text('#!/bin/sh\necho "{\\"objective\\": $2}"\n')
    script.chmod(0o755)
    command = [
        "orion-like", "hunt", "-n", "demo", "--max-trials", "6", "--n-workers", "2",
        "--executor", executor_name, "--algorithm", "random", str(script), "-x~uniform(0, 1)",
    ]  # fmt: skip
    environment = {**os.environ, "ORION_LIKE_DB_ADDRESS": str(tmp_path / "db.pkl")}

    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["orion-like", "status", "-n", "demo", "--format", "json"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    (experiment,) = json.loads(listed.stdout)
    assert [(s["status"], s["quantity"]) for s in experiment["statuses"]] == [("completed", 6)]


@pytest.mark.parametrize("host", ["", "127.0.0.1"])
def test_what_trials_report_from_a_cluster_arrives(executor, host, monkeypatch):
    monkeypatch.setenv("ORION_LIKE_REPORT_HOST", host)
    client = build_experiment(
        "demo", space=SPACE, algorithm="random", storage="memory://", executor=executor,
        max_trials=4,
    )  # fmt: skip

    def function(x, trial):
        trial.report(x, 1)
        assert not trial.should_stop()
        return x

    client.workon(function, n_workers=2, trial_arg="trial")

    reported = {report.trial: report.values["objective"] for report in client.fetch_metrics()}
    assert reported == {trial._id: trial.params["x"] for trial in client.fetch_trials()}
