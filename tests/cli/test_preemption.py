"""Scripts that save checkpoints, and go on from them after they had to end."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from orion_like.client import get_experiment

SCRIPT = """\
import json, os, signal, sys
from orion_like.client import latest_checkpoint, report_objective, save_checkpoint

x = float(sys.argv[1].partition("=")[2])
start, total = 0, 0.0
checkpoint = latest_checkpoint()
if checkpoint is not None:
    with open(os.path.join(checkpoint, "state.json")) as file:
        total = json.load(file)
    start = checkpoint.step + 1
with open("attempts", "a") as file:
    file.write(f"{start}\\n")

must_end = False
def on_sigterm(*_):
    global must_end
    must_end = True
signal.signal(signal.SIGTERM, on_sigterm)

for step in range(start, 10):
    total = total / 3 + x * step
    if step == 4 and start == 0 and not os.path.exists("uninterrupted"):
        open("waiting", "w").close()
        while not must_end:
            signal.pause()
        with save_checkpoint(step) as path, open(os.path.join(path, "state.json"), "w") as file:
            json.dump(total, file)
        sys.exit(1)
report_objective(total)
"""
PATIENCE = 60  # seconds


def wait_for(path):
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_preempted_script_saves_and_another_worker_goes_on_to_the_same_result(
    start, run_process, n_workers
):
    Path("train.py").write_text(SCRIPT)
    words = ["--seed", 1, "--max-trials", 1, sys.executable, "train.py", "x~uniform(0, 1)"]

    first = start(
        "hunt", "-n", "demo", "--working-dir", "work", "--grace", "30s",
        "--n-workers", n_workers, *words,
    )  # fmt: skip
    wait_for("waiting")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=PATIENCE)
    client = get_experiment("demo")
    (interrupted,) = client.fetch_trials()
    (saved,) = client.fetch_checkpoints(interrupted)
    second = run_process("hunt", "-n", "demo")
    Path("uninterrupted").touch()
    whole = run_process("hunt", "-n", "whole", "--working-dir", "other", *words)

    assert first.returncode == 143
    assert interrupted.status == "interrupted"
    assert saved.step == 4
    assert (second.code, whole.code) == (0, 0), second.err + whole.err
    (resumed,) = client.fetch_trials()
    (expected,) = get_experiment("whole").fetch_trials()
    assert Path("attempts").read_text().split() == ["0", "5", "0"]
    assert (resumed.status, resumed.attempt) == ("completed", 2)
    assert resumed.objective.value == expected.objective.value


def test_by_hand_checkpoints_are_below_the_current_directory(run_process):
    Path("train.py").write_text(
        "from orion_like.client import latest_checkpoint, save_checkpoint\n"
        "with save_checkpoint(3) as path:\n"
        "    open(path + '/model', 'w').close()\n"
        "print(latest_checkpoint().step)\n"
    )

    done = os.popen(f"{sys.executable} train.py").read()

    assert json.loads(done) == 3
    (checkpoint,) = Path("checkpoints").iterdir()
    assert (checkpoint / "model").exists()
