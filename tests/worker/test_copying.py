"""Copies of working directories."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orion_like.trial import Trial
from orion_like.worker import copying
from orion_like.worker.checkpoint import CheckpointPlace
from orion_like.worker.copying import FICLONE, copy_directory
from orion_like.worker.working_dir import prepare_trial_directory


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "source"
    (directory / "model").mkdir(parents=True)
    (directory / "model" / "weights.bin").write_bytes(bytes(range(256)) * 100)
    (directory / "run.sh").write_text("true")
    (directory / "run.sh").chmod(0o750)
    (directory / "latest").symlink_to("model/weights.bin")
    os.mkfifo(directory / "pipe")
    return directory


def test_a_copy_has_files_permissions_and_links_but_no_pipes(source, tmp_path):
    copy_directory(str(source), str(tmp_path / "target"))

    target = tmp_path / "target"
    assert sorted(path.name for path in target.rglob("*")) == [
        "latest", "model", "run.sh", "weights.bin",
    ]  # fmt: skip
    assert (target / "model" / "weights.bin").read_bytes() == bytes(range(256)) * 100
    assert (target / "run.sh").stat().st_mode & 0o777 == 0o750
    assert os.readlink(target / "latest") == "model/weights.bin"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_writing_to_a_copy_leaves_the_original_as_it_is(source, tmp_path):
    copy_directory(str(source), str(tmp_path / "target"))

    (tmp_path / "target" / "run.sh").write_text("false")

    assert (source / "run.sh").read_text() == "true"


def test_blocks_are_shared_where_the_file_system_can(source, tmp_path, monkeypatch):
    requests = []

    def ioctl(target, request, original):
        requests.append(request)
        os.write(target, os.pread(original, 1 << 20, 0))

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(copying.shutil, "copyfile", None)

    copy_directory(str(source), str(tmp_path / "target"))

    assert requests == [FICLONE] * 2
    assert (tmp_path / "target" / "run.sh").read_text() == "true"


def test_a_disk_that_is_full_leaves_nothing_behind(source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copying.shutil, "copyfile", full)
    monkeypatch.setattr(fcntl, "ioctl", full)

    with pytest.raises(OSError, match="No space left"):
        copy_directory(str(source), str(tmp_path / "target"))

    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_of_two_copies_at_the_same_time_the_first_one_counts(source, tmp_path, monkeypatch):
    target = tmp_path / "target"
    copy_file = copying.copy_file

    def overtaken(one, other):
        monkeypatch.setattr(copying, "copy_file", copy_file)
        copy_directory(str(source), str(target))
        (target / "run.sh").write_text("of the first")
        return copy_file(one, other)

    monkeypatch.setattr(copying, "copy_file", overtaken)

    copy_directory(str(source), str(target))

    assert (target / "run.sh").read_text() == "of the first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_copy_that_is_killed_leaves_nothing_half_and_is_cleared_by_the_next(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(300):
        (source / str(number)).write_text(str(number))
    program = "import sys; from orion_like.worker.copying import *; copy_directory(*sys.argv[1:])"

    copier = subprocess.Popen([sys.executable, "-c", program, source, target])
    while copier.poll() is None and not list(tmp_path.glob("target.*.copy/*")):
        time.sleep(0.001)
    copier.send_signal(signal.SIGKILL)
    copier.wait()
    after_kill = sorted(path.name.split(".")[0] for path in tmp_path.iterdir())
    existed = target.exists()
    copy_directory(str(source), str(target))

    assert copier.returncode == -signal.SIGKILL
    assert after_kill == ["source", "target"]
    assert not existed
    assert len(list(target.iterdir())) == 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


class TestPopulations:
    def trial(self, tmp_path, parent=None, **params):
        listed = [{"name": name, "type": "real", "value": v} for name, v in params.items()]
        return Trial(
            params=listed,
            parent=parent,
            exp_working_dir=str(tmp_path),
            experiment_uuid="e" * 32,
            in_population=True,
        )

    def test_checkpoints_are_copied_with_the_working_directory_of_the_parent(self, tmp_path):
        parent = self.trial(tmp_path, x=0.5)
        prepare_trial_directory(parent)
        with CheckpointPlace(parent.checkpoint_dir).saving(3) as (path, _):
            (Path(path) / "model").write_text("at 3")
        child = self.trial(tmp_path, parent.id, x=0.6)

        prepare_trial_directory(child)
        with CheckpointPlace(child.checkpoint_dir).saving(4):
            pass

        assert CheckpointPlace(child.checkpoint_dir).latest().step == 4
        assert CheckpointPlace(parent.checkpoint_dir).latest().step == 3
        assert sorted(os.listdir(child.checkpoint_dir))[0] == os.listdir(parent.checkpoint_dir)[0]

    def test_a_child_that_is_run_again_keeps_what_it_has(self, tmp_path):
        parent = self.trial(tmp_path, x=0.5)
        prepare_trial_directory(parent)
        child = self.trial(tmp_path, parent.id, x=0.6)
        prepare_trial_directory(child)
        (Path(child.working_dir) / "own").touch()
        (Path(parent.working_dir) / "late").touch()

        prepare_trial_directory(child)

        assert os.listdir(child.working_dir) == ["own"]

    def test_a_child_whose_parent_is_elsewhere_starts_anew_with_a_warning(self, tmp_path, caplog):
        child = self.trial(tmp_path, "a" * 32, x=0.6)

        prepare_trial_directory(child)

        assert os.listdir(child.working_dir) == []
        assert "starts anew: the working directory of its parent" in caplog.text

    def test_membership_outlasts_the_document(self, tmp_path):
        trial = self.trial(tmp_path, x=0.5)

        read = Trial.from_document(trial.to_dict())
        read.experiment_uuid = trial.experiment_uuid

        assert read.in_population
        assert read.checkpoint_dir == trial.checkpoint_dir
        assert read.branch(params={"x": 0.6}).in_population

    def test_of_the_checkpoints_of_the_parent_the_latest_is_copied(self, tmp_path):
        parent = self.trial(tmp_path, x=0.5)
        prepare_trial_directory(parent)
        place = CheckpointPlace(parent.checkpoint_dir)
        for step in (1, 10, 2):
            with place.saving(step) as (path, _):
                (Path(path) / "model").write_text(f"at {step}")
        os.mkdir(f"{parent.checkpoint_dir}/.step-000000011-{'0' * 32}.unfinished")
        (Path(parent.checkpoint_dir) / "own-file").touch()
        child = self.trial(tmp_path, parent.id, x=0.6)

        prepare_trial_directory(child)

        names = sorted(os.listdir(child.checkpoint_dir))
        assert [name[:14] for name in names] == ["own-file", "step-000000010"]
