"""`orion-like workers`: who is at work, on both databases."""

import json
import os
from pathlib import Path

import pytest

from orion_like.cli.application import main
from orion_like.client import get_experiment

PRIOR = "-x~uniform(0, 1)"


@pytest.fixture(params=["file", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def storage(request, tmp_path):
    if request.param == "mongodb":
        return request.getfixturevalue("mongodb_uri")
    return str(tmp_path / "hunts.pkl")


def seen(run, *words):
    outcome = run("workers", *words, "--format", "json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


@pytest.fixture
def at_work(start, storage):
    """Start a hunt, and wait until it runs its first trial."""

    os.mkfifo("started")
    Path("signals.sh").write_text("#!/bin/sh\necho > started; exec sleep 60\n")
    Path("signals.sh").chmod(0o755)

    def at_work():
        hunt = start("hunt", "-n", "demo", "--storage", storage, "./signals.sh", PRIOR)
        Path("started").read_text()  # waits for the script
        return hunt

    return at_work


def test_a_worker_is_shown_with_its_host_process_and_trials(run, storage, at_work):
    hunt = at_work()

    (worker,) = seen(run, "--storage", storage)

    (running,) = get_experiment("demo", storage=storage).fetch_trials_by_status("reserved")
    assert (worker["pid"], worker["state"]) == (hunt.pid, "running")
    assert (worker["name"], worker["version"]) == ("demo", 1)
    assert worker["host"] == os.uname().nodename
    assert [trial["id"] for trial in worker["trials"]] == [running.id]
    assert worker["orion_like_version"]


def test_a_worker_without_a_trial_is_shown_while_it_waits(run, storage):
    run("init-only", "-n", "demo", "--max-trials", 1, "--storage", storage, "./good.sh", PRIOR)
    run("pause", "-n", "demo", "--storage", storage)
    client = get_experiment("demo", mode="x", storage=storage)
    reports = []

    def look(progress):
        if progress.waiting:
            reports.extend(seen(run, "--storage", storage))
            client.resume()

    client.workon(lambda **params: params["/x"], on_progress=look)

    assert [(worker["state"], worker["trials"]) for worker in reports] == [("paused", [])]


def test_nobody_is_at_work_when_a_hunt_has_ended(run, storage):
    run("hunt", "-n", "demo", "--max-trials", 2, "--storage", storage, "./good.sh", PRIOR)

    assert run("workers", "--storage", storage).out == "Nobody is at work\n"


def test_what_a_worker_has_done_is_counted(run, storage):
    reports = []

    def look(progress):
        if progress.trial is not None:
            reports.append(seen(run, "--storage", storage)[0])

    run("init-only", "-n", "demo", "--max-trials", 3, "--storage", storage, "./good.sh", PRIOR)
    client = get_experiment("demo", mode="x", storage=storage)
    client.workon(lambda **params: params["/x"], on_progress=look)

    assert [report["completed"] for report in reports] == [1, 2, 3]
    assert reports[-1]["pid"] == os.getpid()


def test_a_killed_worker_is_lost_until_its_trials_are_released(run, storage, at_work):
    hunt = at_work()
    hunt.kill()
    hunt.wait()

    states = [worker["state"] for worker in seen(run, "--storage", storage)]
    run("db", "release", "demo", "--force", "--storage", storage)

    assert states == ["lost"]
    assert seen(run, "--storage", storage) == []


def test_a_program_that_asks_for_trials_itself_is_shown_by_its_trials(run, storage):
    run("init-only", "-n", "demo", "--storage", storage, "./good.sh", PRIOR)
    client = get_experiment("demo", mode="x", storage=storage)
    trial = client.suggest()

    (worker,) = seen(run, "-n", "demo", "--storage", storage)
    client.release(trial)

    assert (worker["pid"], worker["state"]) == (os.getpid(), "running")
    assert worker["completed"] is None


def test_the_table_has_a_line_for_each_worker(run, storage, at_work):
    at_work()

    header, _, line = run("workers", "-n", "demo", "--storage", storage).out.splitlines()

    assert header.split()[:6] == ["host", "pid", "experiment", "state", "trial", "for"]
    assert line.split()[2:4] == ["demo-v1", "running"]


def test_workers_of_experiments_that_do_not_exist_are_an_error(run, hunted):
    outcome = run("workers", "-n", "dmeo")

    assert outcome.code == 1
    assert "did you mean 'demo'" in outcome.err


def test_watching_looks_again_until_it_is_interrupted(run, hunted, monkeypatch, capfd):
    looks = []

    def pause(seconds):
        looks.append(seconds)
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("orion_like.cli.workers.time.sleep", pause)

    code = main(["workers", "--watch"])

    assert code == 130
    assert capfd.readouterr().out.count("Nobody is at work") == 2


def test_watching_is_for_people(run):
    assert run("workers", "--watch", "--format", "json").code == 2
