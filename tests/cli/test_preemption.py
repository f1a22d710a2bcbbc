"""Scripts that save checkpoints, and go on from them after they had to end."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
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


class Slurm:
    """Runs a batch script as Slurm does: in the queue, told to end, killed, and requeued."""

    def __init__(self, script, directory):
        self.script, self.directory = script, directory
        self.job = f"job-{os.getpid()}-{directory.name}"
        self.requeued = directory / "requeued"
        programs = directory / "bin"
        programs.mkdir()
        (programs / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {self.requeued}\n')
        (programs / "scontrol").chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "SLURM_JOB_ID": self.job,
        }

    def start(self):
        return subprocess.Popen(
            ["bash", self.script],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self):
        """All processes of the job, whatever session they are in; Slurm has a cgroup for that."""
        mark = f"SLURM_JOB_ID={self.job}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def signal_all(self, *numbers):
        for process in self.processes():
            for number in numbers:
                with suppress(ProcessLookupError):
                    os.kill(process, number)

    def preempt(self, batch):
        """SIGCONT and SIGTERM to everything; SIGKILL to what is left after the grace."""
        self.signal_all(signal.SIGCONT, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            batch.communicate(timeout=PATIENCE)
        self.signal_all(signal.SIGKILL)

    def preempt_scripts_first(self, batch):
        """The same, as it may come to the script of a trial before it comes to its worker."""
        for process in self.processes():
            with suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if b"examples/perceptron.py" in words[1] and b"hunt" not in words:
                    os.kill(process, signal.SIGTERM)
        time.sleep(0.2)
        self.preempt(batch)

    def end_at_the_time_limit(self, batch):
        """--signal=B:TERM@120: only the script is told."""
        batch.send_signal(signal.SIGTERM)
        batch.communicate(timeout=PATIENCE)
        self.signal_all(signal.SIGKILL)


@pytest.mark.parametrize(
    "end", [Slurm.preempt, Slurm.preempt_scripts_first, Slurm.end_at_the_time_limit]
)
def test_a_job_that_slurm_ends_goes_on_from_its_checkpoint_when_it_is_requeued(tmp_path, end):
    root = Path(__file__).parents[2]
    text = (root / "examples/slurm.sh").read_text().replace("--max-trials 30", "--max-trials 1")
    (tmp_path / "slurm.sh").write_text(text)
    (tmp_path / "examples").symlink_to(root / "examples")
    slurm = Slurm("slurm.sh", tmp_path)

    batch = slurm.start()
    deadline = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("work/checkpoints/*/*/step-000000003-*")):
        assert time.monotonic() < deadline
        assert batch.poll() is None, batch.communicate()[0]
        time.sleep(0.005)
    end(slurm, batch)
    left = slurm.processes()
    requeued = slurm.requeued.read_text()
    client = get_experiment("perceptron", storage=str(tmp_path / "hunt.pkl"))
    (interrupted,) = client.fetch_trials()
    output, _ = slurm.start().communicate(timeout=PATIENCE)
    (resumed,) = client.fetch_trials()

    assert left == []
    assert requeued == f"requeue {slurm.job}\n"
    assert interrupted.status == "interrupted"
    assert "Search finished successfully" in output
    assert (resumed.status, resumed.attempt) == ("completed", 2)
    saved = [(c.step, c.attempt) for c in client.fetch_checkpoints(resumed)]
    assert [step for step, _ in saved] == list(range(1, 10))  # none is lost, none is done twice
    assert {attempt for _, attempt in saved} == {1, 2}
