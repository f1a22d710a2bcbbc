"""Workers that are killed while their scripts report."""

import os
import signal
import subprocess
import sys
import time

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.storage import Storage, setup_storage
from orion_like.storage.check import check

PATIENCE = 60  # seconds
SCRIPT = """\
import os, sys, time
from orion_like.client import report_intermediate, report_objective

gate = sys.argv[2]
attempt = 0
step = 0
while not os.path.exists(gate):
    report_intermediate({"objective": 1.0, "pid": os.getpid()}, step)
    step += 1
    time.sleep(0.001)
report_intermediate({"objective": 1.0, "pid": os.getpid()}, step)
report_objective(1.0)
"""


def wait_until(condition):
    """Poll for what another process does to a database."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def start_hunt(url, tmp_path):
    """Start workers of one experiment with one trial, whose script reports until a gate opens."""
    (tmp_path / "train.py").write_text(SCRIPT)
    workers = []

    def start():
        words = ["hunt", "-n", "demo", "--storage", url, "--max-trials", "1"]
        words += [sys.executable, str(tmp_path / "train.py"), "x~uniform(0, 1)"]
        command = [sys.executable, "-m", "orion_like", *words, str(tmp_path / "gate")]
        workers.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.communicate()


def reports(url, attempt):
    storage = setup_storage(url)
    try:
        return storage.database.find("metrics", {"attempt": attempt}, sort=[("step", 1)])
    finally:
        storage.close()


def test_reports_of_a_killed_worker_stay_and_the_next_attempt_replaces_its_curve(
    url, start_hunt, tmp_path
):
    first = start_hunt()
    wait_until(lambda: len(reports(url, 1)) >= 20)

    first.send_signal(signal.SIGKILL)
    first.wait()
    stored = reports(url, 1)
    second = start_hunt()
    wait_until(lambda: reports(url, 2))
    (tmp_path / "gate").touch()
    assert second.wait() == 0

    assert [report["step"] for report in stored] == list(range(len(stored)))
    assert reports(url, 1)[: len(stored)] == stored
    client = get_experiment("demo", storage=url)
    (trial,) = client.fetch_trials()
    curve = client.fetch_metrics(trial)
    assert (trial.status, trial.attempt) == ("completed", 2)
    assert {report.attempt for report in curve} == {2}
    assert [report.step for report in curve] == list(range(len(curve)))
    assert check(client.storage.database).is_sound
    client.storage.close()


def test_hundreds_of_reports_of_many_workers_are_all_there(url):
    client = build_experiment(
        "demo", space={"x": "uniform(0, 1)"}, storage=url, max_trials=12, seed=1
    )
    command = [sys.executable, "-c", MANY, url]
    workers = [subprocess.Popen(command, env={**os.environ}) for _ in range(4)]
    codes = [worker.wait(timeout=PATIENCE) for worker in workers]

    reported = client.fetch_metrics()
    stats = client.stats
    assert codes == [0] * 4
    assert (stats.trials_finished, stats.trials_stopped > 0) == (12, True)
    for trial in client.fetch_trials():
        steps = [report.step for report in reported if report.trial == trial._id]
        assert steps == list(range(len(steps)))
        assert len(steps) == 50 or trial.is_stopped
    assert check(Storage(client.storage.database).database).is_sound
    client.close()
    client.storage.close()


MANY = """
import sys
from orion_like.client import build_experiment

def train(x, trial):
    for step in range(50):
        trial.report(x, step)
        if x > 0.5 and step > 20 and trial.should_stop():
            return None
    return x

client = build_experiment("demo", storage=sys.argv[1], stopping={"threshold": {"upper": 0.5}})
client.workon(train, trial_arg="trial")
client.close()
"""
