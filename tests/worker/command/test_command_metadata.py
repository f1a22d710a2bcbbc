"""What an experiment remembers of its command."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from orion_like.trial import Trial
from orion_like.worker.command import UserCommand
from orion_like.worker.vcs import vcs_state


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.sh").write_text("#!/bin/sh\n")
    (project / "train.sh").chmod(0o755)
    (project / "c.yaml").write_text(
        "model: {$size.x: 'orion~uniform(0, 1)', m: 'orion~+choices([1])'}"
    )
    monkeypatch.chdir(project)
    return project


WORDS = ["./train.sh", "--lr~uniform(0,1)", "-v", "-v", "--config=c.yaml", "{trial.id}", "--b~-1"]
PARAMS = {"/lr": 0.5, "/model/$size.x": 1, "/model/m": 1}


def test_metadata_has_the_fields_that_users_of_orion_know(project: Path) -> None:
    metadata = UserCommand.parse(WORDS, "config").to_metadata()

    assert metadata["user_script"] == str(project / "train.sh")
    assert metadata["user_args"] == [
        str(project / "train.sh"), "--lr~uniform(0,1)", "-v", "-v",
        f"--config={project / 'c.yaml'}", "{trial.id}", "--b~-1",
    ]  # fmt: skip
    assert metadata["user_script_config"] == "config"
    assert metadata["parser"]["cmd_priors"] == [["/lr", "uniform(0,1)"], ["/b", "-1"]]
    assert metadata["parser"]["file_priors"] == [
        ["/model/$size.x", "uniform(0, 1)"],
        ["/model/m", "+choices([1])"],
    ]


@pytest.mark.parametrize(
    "stored",
    [lambda data: json.loads(json.dumps(data)), lambda data: bson.decode(bson.encode(data))],
)
def test_a_command_is_restored_from_a_database_without_its_files(
    project: Path,
    tmp_path: Path,
    stored: Callable[[dict[str, Any]], dict[str, Any]],
    make_trial: Callable[..., Trial],
    experiment: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = UserCommand.parse(WORDS)
    metadata = stored(command.to_metadata())
    shutil.rmtree(project)
    monkeypatch.chdir(tmp_path)
    trial = make_trial(PARAMS)
    os.makedirs(trial.working_dir)

    restored = UserCommand.from_metadata(metadata)

    assert restored == command
    assert restored is not None
    words = restored.render(trial, experiment)
    assert words[:5] == [str(project / "train.sh"), "--lr", "0.5", "-v", "-v"]
    config = words[5].removeprefix("--config=")
    assert Path(config).read_text() == "model: {$size.x: 1, m: 1}\n"


def test_a_file_that_changed_later_does_not_change_a_resumed_command(project: Path) -> None:
    metadata = UserCommand.parse(WORDS).to_metadata()
    (project / "c.yaml").write_text("model: 3")

    restored = UserCommand.from_metadata(metadata)

    assert restored is not None
    assert "/model/m" in restored.space


def test_metadata_without_a_command_give_none() -> None:
    assert UserCommand.from_metadata({"user": "me"}) is None


def test_metadata_written_by_orion_are_understood(project: Path) -> None:
    restored = UserCommand.from_metadata(
        {
            "user_script": "train.sh",
            "user_args": ["./train.sh", "--config", "c.yaml", "-x~uniform(0, 1)"],
            "user_script_config": "config",
            "priors": {"/x": "uniform(0, 1)"},
            "parser": {"file_config_path": "c.yaml", "converter": None, "cmd_priors": []},
        }
    )

    assert restored is not None
    assert restored.space.keys() == {"/x", "/model/$size.x", "/model/m"}


def test_a_command_can_be_pickled(project: Path) -> None:
    command = UserCommand.parse(WORDS)

    assert pickle.loads(pickle.dumps(command)) == command


# --- version control --------------------------------------------------------------------------


def git(directory: Path, *words: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=trunk"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(project: Path) -> Path:
    git(project, "init", "-q", ".")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "one")
    return project


def test_a_clean_repository_is_described(repository: Path) -> None:
    (repository / "untracked").write_text("")

    state = vcs_state(str(repository / "train.sh"))

    assert state["type"] == "git"
    assert state["is_dirty"] is False
    assert state["HEAD_sha"] == git(repository, "rev-parse", "HEAD")
    assert state["active_branch"] == "trunk"
    assert len(state["diff_sha"]) == 64


def test_changes_show_in_the_state(repository: Path) -> None:
    clean = vcs_state(str(repository))
    (repository / "train.sh").write_text("#!/bin/sh\necho 1\n")

    dirty = vcs_state(str(repository))

    assert dirty["is_dirty"] is True
    assert dirty["HEAD_sha"] == clean["HEAD_sha"]
    assert dirty["diff_sha"] != clean["diff_sha"]
    diff = subprocess.run(["git", "diff"], cwd=repository, capture_output=True, check=True).stdout
    without_its_last_end_of_line = hashlib.sha256(diff[:-1]).hexdigest()
    assert dirty["diff_sha"] == without_its_last_end_of_line  # by Oríon's recipe


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")

    assert vcs_state(str(repository))["active_branch"] is None


def test_outside_a_repository_and_without_git_there_is_no_state(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert vcs_state(str(project)) == {}
    assert vcs_state("/no/such/place/script.py") == {}
    monkeypatch.setenv("PATH", "/nowhere")
    assert vcs_state(str(project)) == {}
    assert capfd.readouterr() == ("", "")


def test_a_repository_without_commits_has_no_head(project: Path) -> None:
    git(project, "init", "-q", ".")

    state = vcs_state(str(project))

    assert (state["HEAD_sha"], state["active_branch"]) == (None, "trunk")
