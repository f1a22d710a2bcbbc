"""Which word of a command is its script, and whether it can be run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orion_like.errors import InexecutableUserScript
from orion_like.worker.command import UserCommand


@pytest.fixture(autouse=True)
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("train.sh", "tool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    for name in ("train.py", "train.R"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["./train.sh", "--a"], "train.sh"),
        (["train.sh"], "train.sh"),
        (["python", "train.py", "--a"], "train.py"),
        (["python3", "-u", "-W", "ignore", "-X", "dev", "train.py"], "train.py"),
        (["python", "-uB", "-Wignore", "./train.py"], "train.py"),
        (["bash", "-e", "train.sh"], "train.sh"),
        (["bash", "-o", "pipefail", "train.sh"], "train.sh"),
        (["env", "-u", "A", "B=1", "python", "train.py"], "train.py"),
        (["env", "X=1", "./train.sh"], "train.sh"),
        (["nice", "-n", "5", "python", "-u", "train.py"], "train.py"),
        (["timeout", "9", "./train.sh"], "train.sh"),
        (["nice", "train.R"], "train.R"),
    ],
)
def test_the_script_is_found_and_named_by_its_absolute_path(
    words: list[str], script: str, scripts: Path
) -> None:
    command = UserCommand.parse(words)

    assert command.script == str(scripts / script)
    assert [os.path.basename(word) for word in command.words] == [
        os.path.basename(word) for word in words
    ]
    assert str(scripts / script) in command.words


@pytest.mark.parametrize(
    "words",
    [
        ["python", "-c", "x~uniform(0,1)", "--lr~uniform(0,1)"],
        ["python", "-uc", "x~uniform(0,1)", "--lr~uniform(0,1)"],
        ["python", "-m", "json.tool", "--lr~uniform(0,1)"],
        ["python", "-mjson.tool", "--lr~uniform(0,1)"],
        ["bash", "-c", "x~uniform(0,1)", "--lr~uniform(0,1)"],
        ["bash", "-ec", "x~uniform(0,1)", "--lr~uniform(0,1)"],
        ["bash", "-c", "-e", "x~uniform(0,1)", "--lr~uniform(0,1)"],
        ["env", "A=1", "bash", "-c", "x~uniform(0,1)", "--lr~uniform(0,1)"],
        ["python", "-", "--lr~uniform(0,1)"],
        ["tool", "--lr~uniform(0,1)"],
    ],
)
def test_code_is_left_alone_and_the_words_after_it_may_be_priors(words: list[str]) -> None:
    command = UserCommand.parse(words)

    assert command.space == {"/lr": "uniform(0,1)"}


def test_an_environment_variable_may_be_a_prior() -> None:
    command = UserCommand.parse(["env", "LR~uniform(0,1)", "B=orion~choices([1])", "./train.sh"])

    assert command.space == {"/LR": "uniform(0,1)", "/B": "choices([1])"}
    assert command.script.endswith("/train.sh")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no command to run"),
        ([""], "no command to run"),
        (["./trian.sh"], r"no such file in .*Did you mean './train.sh'"),
        (["python", "trian.py"], r"cannot run 'trian.py'.*Did you mean 'train.py'"),
        (["bash", "trian.sh"], r"Did you mean 'train.sh'"),
        (["env", "A=1", "./trian.sh"], r"Did you mean './train.sh'"),
        (["train.shh"], r"or on the PATH.*Did you mean 'train.sh'"),
        (["bahs", "-c", "true"], r"Did you mean 'bash'"),
        (["./train.py"], r"chmod \+x ./train.py` , or run it as `python ./train.py`"),
        (["train.py"], r"chmod \+x ./train.py` , or run it as `python train.py`"),
        (["./train.R"], r"run it as `Rscript ./train.R`"),
        (["./"], "it is a directory"),
    ],
)
def test_what_cannot_be_run_is_an_error_with_a_way_out(words: list[str], message: str) -> None:
    with pytest.raises(InexecutableUserScript, match=message.replace("` ,", "`,")):
        UserCommand.parse(words)


def test_without_a_check_a_missing_script_is_accepted_and_can_be_checked_later(
    scripts: Path,
) -> None:
    command = UserCommand.parse(["./new.sh"], check=False)

    with pytest.raises(InexecutableUserScript):
        command.check()
    (scripts / "new.sh").write_text("#!/bin/sh\n")
    (scripts / "new.sh").chmod(stat.S_IRWXU)
    command.check()


def test_a_word_that_no_database_could_store_is_an_error() -> None:
    with pytest.raises(Exception, match="not valid UTF-8"):
        UserCommand.parse(["echo", "\udcff"])
