"""The programs in ``examples/`` run, with the command lines that they show."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orion_like.client import get_experiment
from orion_like.trial import Trial
from orion_like.worker.checkpoint import CheckpointPlace

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PROGRAMS = Path(sys.executable).parent


def shown_command(example: str) -> str:
    """Return the command line of ``orion-like hunt`` in the head of an example, in one line."""
    text = (EXAMPLES / example).read_text(encoding="utf-8")
    lines = [re.sub(r"^#? *", "", line) for line in text.split("\n")]
    start = next(i for i, line in enumerate(lines) if line.startswith("orion-like hunt"))
    command = ""
    for line in lines[start:]:
        command += line.removesuffix("\\")
        if not line.endswith("\\"):
            break
    return command


def hunt(
    example: str, storage: str, max_trials: int, working_dir: Path, config: Path | None = None
) -> subprocess.Popen[str]:
    """Start the command line that an example shows, with another storage and a smaller budget."""
    command = re.sub(r"--(max-trials|working-dir) \S+ ", "", shown_command(example))
    if config is not None:
        command = re.sub(r"--config \S+ ", f"--config '{config}' ", command)
    options = (
        f"--storage '{storage}' --max-trials {max_trials} --seed 1 --working-dir '{working_dir}'"
    )
    return subprocess.Popen(
        ["bash", "-c", command.replace("orion-like hunt", f"exec orion-like hunt {options}")],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    return output


def trials_of(name: str, storage: str) -> list[Trial]:
    return get_experiment(name, storage=storage).fetch_trials()


def value(trial: Trial) -> float:
    assert trial.objective is not None
    return float(trial.objective.value)


def test_the_script_for_rosenbrock_is_hunted_in_its_space(tmp_path: Path) -> None:
    storage = str(tmp_path / "db.pkl")

    wait_for(hunt("rosenbrock.py", storage, 5, tmp_path))

    trials = trials_of("rosenbrock", storage)
    assert [trial.status for trial in trials] == ["completed"] * 5
    for trial in trials:
        x, y = (next(v for k, v in trial.flat_params.items() if k.strip("/") == n) for n in "xy")
        assert value(trial) == pytest.approx((1 - x) ** 2 + 100 * (y - x**2) ** 2)


def test_the_shell_script_is_hunted_to_its_last_combination(tmp_path: Path) -> None:
    storage = str(tmp_path / "db.pkl")

    wait_for(hunt("compress.sh", storage, 100, tmp_path))

    trials = trials_of("compress", storage)
    assert len(trials) == 27  # nine levels in three orders
    assert {trial.status for trial in trials} == {"completed"}


def test_the_python_example_comes_near_a_minimum_of_branin() -> None:
    run = subprocess.run(
        [sys.executable, EXAMPLES / "branin.py", "--max-trials", "25"],
        capture_output=True,
        text=True,
        check=True,
    )

    completed, best = re.match(r"(\d+) trials, best: (\S+)", run.stdout).groups()  # type: ignore[union-attr]
    assert int(completed) == 25
    assert 0.397 < float(best) < 8


@pytest.fixture(params=["file", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def shared_storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "mongodb":
        return str(request.getfixturevalue("mongodb_uri"))
    return str(tmp_path / "db.pkl")


def test_four_hunts_share_the_digits_and_complete_exactly_what_was_asked(
    shared_storage: str, tmp_path: Path
) -> None:
    max_trials = 10

    hunts = [hunt("digits.py", shared_storage, max_trials, tmp_path) for _ in range(4)]
    for process in hunts:
        wait_for(process)

    trials = trials_of("digits", shared_storage)
    assert [trial.status for trial in trials] == ["completed"] * max_trials
    assert len({trial.id for trial in trials}) == max_trials
    assert sorted(trial.number for trial in trials) == list(range(max_trials))
    for trial in trials:
        names = {name.strip("/") for name in trial.flat_params}
        kernel = next(v for name, v in trial.flat_params.items() if name.strip("/") == "kernel")
        expected = {"components", "kernel", "C"}
        expected |= {"gamma"} if kernel != "linear" else set()
        expected |= {"degree"} if kernel == "poly" else set()
        assert names == expected
        assert 0 <= value(trial) < 1
        assert {statistic.name for statistic in trial.statistics} == {"deviation", "seconds"}


def test_networks_report_each_epoch_and_bad_ones_are_stopped(tmp_path: Path) -> None:
    storage = str(tmp_path / "db.pkl")

    wait_for(hunt("perceptron.py", storage, 5, tmp_path))

    experiment = get_experiment("perceptron", storage=storage)
    assert experiment.stats.trials_finished == 5
    assert experiment.stats.trials_stopped > 0
    for trial in experiment.fetch_trials():
        errors = [
            report.values["objective"] for report in experiment.fetch_metrics(trial, "validation")
        ]
        saved = [checkpoint.step for checkpoint in experiment.fetch_checkpoints(trial)]
        assert saved == list(range(1, len(errors) + 1))
        assert value(trial) == errors[-1]
        assert len(errors) == 9 or trial.is_stopped


def test_promoted_configurations_go_on_from_their_checkpoints(tmp_path: Path) -> None:
    storage = str(tmp_path / "db.pkl")

    wait_for(hunt("asha.py", storage, 6, tmp_path))

    experiment = get_experiment("asha", storage=storage)
    trials = experiment.fetch_trials()
    epochs = {trial.id: trial.params["/epochs"] for trial in trials}
    assert [trial.status for trial in trials] == ["completed"] * 6
    assert 3 in epochs.values()
    for trial in trials:
        steps = [report.step for report in experiment.fetch_metrics(trial)]
        before = epochs[trial.parent] if trial.parent else 0
        assert steps == list(range(before + 1, epochs[trial.id] + 1))
    (kept,) = experiment.fetch_checkpoints()
    best = min(trials, key=value)
    assert trials[[t._id for t in trials].index(kept.trial)].hash_params == best.hash_params


def test_a_shell_script_that_is_killed_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    storage = str(tmp_path / "db.pkl")
    whole_storage = str(tmp_path / "whole.pkl")

    killed = hunt("regression.sh", storage, 1, tmp_path / "work")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "work").glob("checkpoints/*/*/step-000000002-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    wait_for(hunt("regression.sh", storage, 1, tmp_path / "work"))
    wait_for(hunt("regression.sh", whole_storage, 1, tmp_path / "other"))

    (resumed,), (whole,) = (trials_of("regression", place) for place in (storage, whole_storage))
    experiment = get_experiment("regression", storage=storage)
    again = [c.step for c in experiment.fetch_checkpoints(resumed) if c.attempt == 2]
    assert value(resumed) == value(whole)
    assert again == list(range(again[0], 5))
    assert again[0] > 2


def test_a_network_that_is_trained_in_two_parts_is_the_same_as_in_one(tmp_path: Path) -> None:
    def train(directory: str, epochs: int) -> str:
        (tmp_path / directory).mkdir(exist_ok=True)
        words = ["--units", "20", "--lr", "0.01", "--alpha", "0.001", "--epochs", str(epochs)]
        return subprocess.run(
            [sys.executable, EXAMPLES / "perceptron.py", *words],
            cwd=tmp_path / directory,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    train("parts", 2)
    resumed = train("parts", 4).splitlines()
    whole = train("whole", 4).splitlines()

    assert len(whole) == 4 * 2 + 1  # two reports an epoch, and the result
    assert resumed == whole[4:]


class TestPyTorch:
    """The example that trains a network of PyTorch."""

    WORDS = ("--lr", "0.1", "--momentum", "0.9", "--dropout", "0.3", "--decay", "1e-4")

    def train(self, directory: Path, epochs: int) -> subprocess.Popen[bytes]:
        directory.mkdir(exist_ok=True)
        words = [*self.WORDS, "--epochs", str(epochs)]
        return subprocess.Popen(
            [sys.executable, EXAMPLES / "pytorch_pbt.py", *words],
            cwd=directory,
            stdout=subprocess.DEVNULL,
        )

    def state(self, directory: Path) -> dict[str, Any]:
        import torch

        saved = CheckpointPlace(str(directory / "checkpoints")).latest()
        assert saved is not None
        loaded: dict[str, Any] = torch.load(Path(saved) / "training.pt", weights_only=True)
        return {"epoch": saved.step, **loaded}

    def test_a_training_that_is_killed_and_resumed_is_the_same_to_the_last_bit(
        self, tmp_path: Path
    ) -> None:
        whole = self.train(tmp_path / "whole", 12)
        killed = self.train(tmp_path / "parts", 12)
        while killed.poll() is None:
            saved = CheckpointPlace(str(tmp_path / "parts" / "checkpoints")).latest()
            if saved is not None and saved.step >= 2:
                killed.kill()
                killed.wait()
            time.sleep(0.01)
        assert whole.wait(timeout=240) == 0
        reached = self.state(tmp_path / "parts")["epoch"]
        assert self.train(tmp_path / "parts", 12).wait(timeout=240) == 0

        assert killed.returncode == -signal.SIGKILL
        assert 2 <= reached < 12
        assert_same(self.state(tmp_path / "parts"), self.state(tmp_path / "whole"))

    def test_children_go_on_from_the_network_of_their_parent(self, tmp_path: Path) -> None:
        storage = str(tmp_path / "db.pkl")

        config = tmp_path / "small.yaml"
        shown = (EXAMPLES / "pytorch_pbt.yaml").read_text()
        config.write_text(shown.replace("population_size: 12", "population_size: 1"))

        wait_for(hunt("pytorch_pbt.py", storage, 2, tmp_path, config))

        experiment = get_experiment("pytorch", storage=storage)
        first, second = experiment.fetch_trials()
        assert second.parent == first.id
        epochs = [
            [report.step for report in experiment.fetch_metrics(trial)] for trial in (first, second)
        ]
        assert epochs == [[1, 2, 3, 4], [5, 6, 7, 8]]
        assert value(second) < value(first)


def assert_same(one: Any, other: Any) -> None:
    """Check that two nested values are the same, tensors to the last bit."""
    import torch

    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other
