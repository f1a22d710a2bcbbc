"""Completion of commands, options and their values: by the protocol, and in a real bash."""

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from orion_like.algo import available_algorithms


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(run, shell):
    outcome = run("completion", shell)

    assert outcome.code == 0
    assert f"_ORION_LIKE_COMPLETE={shell}_complete" in outcome.out


def completions(*words):
    environment = {
        **os.environ,
        "_ORION_LIKE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["orion-like", *words]),
        "COMP_CWORD": str(len(words)),
    }
    process = subprocess.run(
        [sys.executable, "-m", "orion_like"], env=environment, capture_output=True, text=True
    )
    assert process.stderr == ""
    return [line.partition(",")[2] for line in process.stdout.splitlines() if line]


def test_commands_are_completed():
    assert completions("in") == ["init-only", "insert", "info"]
    assert completions("db", "r") == ["rm", "release"]


def test_options_are_completed():
    assert completions("hunt", "--exp-max") == [
        "--exp-max-trials",
        "--exp-max-broken",
        "--exp-max-duration",
    ]


def test_names_of_experiments_are_completed(run, hunted):
    assert completions("status", "-n", "de") == ["demo"]
    assert completions("db", "rm", "d") == ["demo"]


def test_completion_is_silent_when_the_database_cannot_be_read():
    Path("plain.txt").write_text("no database" * 50)

    completed = completions("status", "--storage", "plain.txt", "-n", "de")

    assert completed == []


def test_versions_of_the_named_experiment_are_completed(run, hunted):
    run("db", "dump", "-o", "copy.pkl")
    run("db", "load", "copy.pkl", "--resolve", "bump")

    assert completions("info", "-n", "demo", "-v", "") == ["1", "2"]


def test_broken_trials_are_completed_where_they_are_tried_again(run, broken):
    ids = [line.split()[0] for line in run("status", "--all").out.splitlines() if "broken" in line]

    assert sorted(completions("retry", "demo", "")) == sorted(ids)
    assert completions("retry", "demo", ids[0][:6]) == [ids[0]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plot", "par"], ["parallel_coordinates", "pareto_front", "partial_dependencies"]),
        (["plot", "regret", "-t", "j"], ["jpg", "jpeg", "json"]),
        (["hunt", "--executor", "d"], ["dask"]),
        (["hunt", "--stopping", "med"], ["median"]),
        (["config", "show", "worker.max_t"], ["worker.max_trials"]),
        (["db", "rm", "demo", "--status", "b"], ["broken"]),
        (["status", "--format", "c"], ["csv"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_what_an_option_or_argument_takes_is_completed(words, expected):
    assert completions(*words) == expected


def test_all_algorithms_are_completed():
    assert completions("hunt", "--algorithm", "") == list(available_algorithms())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_words(run, hunted, shell):
    environment = {
        **os.environ,
        "_ORION_LIKE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "orion-like status -n de",
        "COMP_CWORD": "3" if shell == "zsh" else "de",
    }

    process = subprocess.run(
        [sys.executable, "-m", "orion_like"], env=environment, capture_output=True, text=True
    )

    assert "demo" in process.stdout.replace(",", "\n").split("\n")


def test_a_bash_completes_what_is_typed(run, hunted):
    Path("completion.bash").write_text(run("completion", "bash").out)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PS1": "> ",
    }
    bash = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], env=environment, encoding="utf-8", timeout=30
    )
    bash.sendline("bind 'set enable-bracketed-paste off'; source completion.bash; echo rea''dy")
    bash.expect("ready")

    for typed, completed in (
        ("orion-like stat", "orion-like status "),
        ("orion-like status -n de", "orion-like status -n demo "),
        ("orion-like hunt --algorithm lb", "orion-like hunt --algorithm lbfgs "),
    ):
        bash.send(f"{typed}\t")
        bash.expect_exact(completed)
        bash.sendcontrol("u")

    bash.close(force=True)
