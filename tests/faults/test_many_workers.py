"""Many worker processes on one database: exact counts, even when they are killed at random."""

import random
import subprocess
import sys
import time

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.storage import setup_storage

WORKER = """
import sys
from orion_like.client import build_experiment
client = build_experiment("demo", storage=sys.argv[1])
client.workon(lambda **params: sum(params.values()), idle_timeout=60)
"""
SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}


@pytest.fixture(params=["file", "mongodb"])
def url(request, tmp_path):
    if request.param == "file":
        return str(tmp_path / "db.pkl")
    return request.getfixturevalue("mongodb_uri")


def create(url, max_trials):
    build_experiment(
        "demo", space=SPACE, algorithm="random", seed=5, max_trials=max_trials, storage=url
    )


def start(url):
    return subprocess.Popen([sys.executable, "-c", WORKER, url], stderr=subprocess.PIPE, text=True)


def finish(processes):
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors


def assert_exact(url, max_trials):
    client = get_experiment("demo", storage=url)
    trials = client.fetch_trials()
    assert client.stats.trial_status_count == {"completed": max_trials}
    assert len({trial.id for trial in trials}) == max_trials
    assert sorted(trial.number for trial in trials) == list(range(max_trials))
    assert all(trial.objective.value == sum(trial.params.values()) for trial in trials)
    return {trial.id for trial in trials}


def test_eight_processes_complete_exactly_max_trials(url):
    create(url, 1000)

    finish([start(url) for _ in range(8)])

    assert_exact(url, 1000)


def test_one_and_six_processes_visit_the_same_points(url):
    create(url, 120)
    finish([start(url) for _ in range(6)])
    many = assert_exact(url, 120)

    alone = setup_storage("memory://")
    client = build_experiment(
        "demo", space=SPACE, algorithm="random", seed=5, max_trials=120, storage=alone
    )
    client.workon(lambda **params: sum(params.values()))

    assert {trial.id for trial in client.fetch_trials()} == many


def test_workers_killed_at_random_moments_lose_nothing_and_do_nothing_twice(url):
    create(url, 1000)
    dice = random.Random(1)
    workers = [start(url) for _ in range(8)]
    deadline = time.monotonic() + 200
    kills = 0

    while any(worker.poll() is None for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.2)
        alive = [index for index, worker in enumerate(workers) if worker.poll() is None]
        if alive and kills < 60:
            victim = dice.choice(alive)
            workers[victim].kill()
            workers[victim].communicate()
            workers[victim] = start(url)
            kills += 1
    finish(workers)

    assert kills >= 10
    assert_exact(url, 1000)
