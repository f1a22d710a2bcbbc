"""The worker's loop, through `workon`."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import (
    BrokenExperiment,
    ConfigurationError,
    DatabaseError,
    InvalidResult,
    LazyWorkers,
)
from orion_like.storage import PickledDB, Storage


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, **changes):
    options = {
        "space": {"x": "uniform(0, 1)", "net": {"depth": "uniform(1, 100, discrete=True)"}},
        "algorithm": "random",
        "seed": 1,
        "max_trials": 6,
        **changes,
    }
    return build_experiment("demo", storage=storage, **options)


def test_the_function_gets_nested_parameters_constants_and_the_trial(storage):
    client = build(storage)
    seen = []

    def function(x, net, constant, trial):
        seen.append((x, net["depth"], constant, trial.id, os.path.isdir(trial.working_dir)))
        return x

    executed = client.workon(function, constant=3, trial_arg="trial")

    trials = client.fetch_trials()
    expected = [(t.params["x"], t.params["net"]["depth"], 3, t.id, True) for t in trials]
    assert executed == 6
    assert sorted(seen) == sorted(expected)
    assert client.is_done


def test_a_pool_of_processes_executes_each_trial_once(storage):
    client = build(storage, max_trials=12)

    executed = client.workon(lambda x, net: x, n_workers=3)

    assert executed == 12
    assert client.stats.trial_status_count == {"completed": 12}


def test_temporary_working_directories_are_outside_of_the_current_one_and_go_away(
    storage, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    client = build(storage)
    seen = []

    def function(x, net, trial):
        seen.append(trial.working_dir)
        return x

    client.workon(function, trial_arg="trial")
    client.close()

    assert len(set(seen)) == 6
    assert list((tmp_path / "here").iterdir()) == []
    assert not any(os.path.exists(path) for path in seen)


def test_a_given_working_directory_stays(storage, tmp_path):
    client = build(storage, working_dir=str(tmp_path / "work"))

    client.workon(lambda x, net, trial: x, trial_arg="trial")
    client.close()

    assert {p.name for p in (tmp_path / "work").iterdir()} == {t.id for t in client.fetch_trials()}


def test_it_stops_at_limits_of_its_own(storage):
    client = build(storage, max_trials=20)

    assert client.workon(lambda x, net: x, max_trials_per_worker=2) == 2
    assert client.workon(lambda x, net: x, max_trials=5) == 3
    assert client.stats.trials_completed == 5
    assert client.max_trials == 20


def test_a_failing_trial_is_broken_with_its_reason_and_replaced(storage):
    client = build(storage)
    calls = []

    def function(x, net):
        calls.append(x)
        if len(calls) == 2:
            raise RuntimeError("out of luck")
        return x

    client.workon(function)

    (broken,) = client.fetch_trials_by_status("broken")
    assert broken.reason == "RuntimeError: out of luck"
    assert broken.end_time is not None
    assert client.stats.trial_status_count == {"broken": 1, "completed": 6}


def test_too_many_broken_trials_end_it_with_the_last_reason(storage):
    client = build(storage, max_broken=10)

    def function(x, net):
        raise RuntimeError("always")

    with pytest.raises(BrokenExperiment, match="RuntimeError: always"):
        client.workon(function, max_broken=2)
    assert client.stats.trial_status_count == {"broken": 2}


def test_a_callback_can_leave_failures_out_of_the_count(storage):
    client = build(storage, max_broken=100)
    told = []

    def on_error(client, trial, error, n_broken):
        told.append((trial.status, str(error), n_broken))
        return False

    def function(x, net):
        if len(told) < 5:
            raise RuntimeError("unlucky")
        return x

    client.workon(function, max_broken=2, on_error=on_error)

    assert told == [("broken", "unlucky", 0)] * 5
    assert client.stats.trials_completed == 6


def test_broken_trials_are_tried_again_as_often_as_allowed(storage):
    client = build(storage, max_trials=1)
    attempts = []

    def function(x, net):
        attempts.append(x)
        if len(attempts) < 3:
            raise RuntimeError("not yet")
        return x

    client.workon(function, retries=2)

    assert len(set(attempts)) == 1
    assert client.stats.trial_status_count == {"completed": 1}


@pytest.mark.parametrize("bad", [None, "text", {}, []])
def test_a_result_of_another_form_ends_it_and_says_which(storage, bad):
    client = build(storage)

    with pytest.raises(InvalidResult, match="returned for trial"):
        client.workon(lambda x, net: bad)

    assert client.stats.trial_status_count == {"broken": 1}


def test_what_is_no_function_is_refused_before_any_trial(storage):
    client = build(storage)

    with pytest.raises(TypeError, match="needs a function, not 3"):
        client.workon(3)

    assert client.fetch_trials() == []


@pytest.mark.parametrize(
    "limit", [{"trial_timeout": -1}, {"trial_timeout": "1"}, {"idle_timeout": "x"}, {"retries": -1}]
)
def test_a_limit_that_makes_no_sense_is_refused_before_any_trial(storage, limit):
    client = build(storage)

    with pytest.raises(ConfigurationError, match=next(iter(limit))):
        client.workon(lambda x, net: x, **limit)

    assert client.fetch_trials() == []


def test_results_without_a_declared_objective_end_it(storage):
    client = build(storage, objectives=["loss", "size:maximize"])

    with pytest.raises(InvalidResult, match=r"results lack .*: size"):
        client.workon(lambda x, net: [{"name": "loss", "type": "objective", "value": x}])

    assert client.stats.trial_status_count == {"broken": 1}


def test_a_result_that_is_not_finite_breaks_only_its_trial(storage):
    client = build(storage)
    values = iter([float("nan"), float("inf"), *range(10)])

    client.workon(lambda x, net: next(values))

    assert client.stats.trial_status_count == {"broken": 2, "completed": 6}
    assert all("finite number" in t.reason for t in client.fetch_trials_by_status("broken"))


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_trial_that_takes_too_long_is_broken(storage, n_workers):
    client = build(storage, max_trials=2, max_broken=5)

    def function(x, net, trial):
        if trial.number == 0:
            time.sleep(60)
        return x

    client.workon(function, n_workers=n_workers, trial_timeout=1.5, trial_arg="trial")

    (broken,) = client.fetch_trials_by_status("broken")
    assert "timeout of 1.5 seconds" in broken.reason
    assert client.stats.trials_completed == 2


def test_a_process_that_dies_breaks_its_trial_only(storage):
    client = build(storage)

    def function(x, net, trial):
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    client.workon(function, n_workers=2, trial_arg="trial")

    (broken,) = client.fetch_trials_by_status("broken")
    assert "SIGKILL" in broken.reason
    assert client.stats.trials_completed == 6


def test_without_anything_to_do_it_gives_up_after_the_idle_timeout(storage):
    other = build(storage, max_trials=1)
    trial = other.suggest()

    with pytest.raises(LazyWorkers, match="are running"):
        build(storage, max_trials=1).workon(lambda x, net: x, idle_timeout=0.2)

    other.release(trial)


def test_it_waits_without_spinning(storage):
    other = build(storage, max_trials=1)
    trial = other.suggest()
    told = []

    with pytest.raises(LazyWorkers):
        build(storage, max_trials=1).workon(
            lambda x, net: x, idle_timeout=1, on_progress=told.append
        )

    other.release(trial)
    assert 1 <= len(told) < 20
    assert all(progress.waiting for progress in told)


def test_progress_is_told_after_each_trial(storage):
    client = build(storage, max_trials=3)
    told = []

    client.workon(lambda x, net: x, on_progress=told.append)

    after = [progress for progress in told if progress.trial is not None]
    assert [progress.executed for progress in after] == [1, 2, 3]
    assert after[-1].stats.trials_completed == 3


def test_a_heartbeat_keeps_a_long_trial_ones_own(storage):
    client = build(storage, max_trials=1, heartbeat=0.2)
    other = build(storage, max_trials=1, heartbeat=0.2)
    stolen = []

    def function(x, net):
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            stolen.append(storage.reserve_lost_trial(client.id, other.worker, 0.4))
            time.sleep(0.05)
        return x

    client.workon(function)

    assert not any(stolen)
    assert client.fetch_trials()[0].attempt == 1


def test_a_result_that_cannot_be_stored_is_kept_beside_the_trial(storage, tmp_path, monkeypatch):
    client = build(storage, working_dir=str(tmp_path), max_trials=1)

    def unavailable(*args, **kwargs):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(client.storage, "complete_trial", unavailable)

    with pytest.raises(DatabaseError, match="was kept in") as failure:
        client.workon(lambda x, net, trial: 0.125, trial_arg="trial")

    path = Path(str(failure.value).rpartition("kept in ")[2])
    assert '"value": 0.125' in path.read_text()


SCRIPT = """
import os, sys, time
from orion_like.client import build_experiment

def function(x):
    os.write(1, b"started\\n")
    time.sleep(60)
    return x

if __name__ == "__main__":
    client = build_experiment("demo", space={"x": "uniform(0, 1)"}, storage=sys.argv[1])
    client.workon(function, n_workers=int(sys.argv[2]))
"""


def start(tmp_path, n_workers):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    path = str(tmp_path / "db.pkl")
    process = subprocess.Popen(
        [sys.executable, str(script), path, str(n_workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "started\n"
    return process, path


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_releases_running_trials(tmp_path, n_workers, signum, code):
    process, path = start(tmp_path, n_workers)

    process.send_signal(signum)
    process.communicate(timeout=30)

    assert process.returncode == code
    client = get_experiment("demo", storage=Storage(PickledDB(host=path)))
    trials = client.fetch_trials()
    assert {trial.status for trial in trials} == {"interrupted"}
    assert all(signal.Signals(signum).name in trial.reason for trial in trials)


def test_a_killed_worker_loses_its_trial_to_the_next_at_once(tmp_path):
    process, path = start(tmp_path, 1)
    process.kill()
    process.communicate()
    client = build_experiment("demo", storage=Storage(PickledDB(host=path)))

    trial = client.suggest()

    assert (trial.number, trial.attempt) == (0, 2)
    client.release(trial)


def test_it_runs_outside_of_the_main_thread(storage):
    client = build(storage)
    thread = threading.Thread(target=client.workon, args=(lambda x, net: x,))

    thread.start()
    thread.join()

    assert client.is_done
