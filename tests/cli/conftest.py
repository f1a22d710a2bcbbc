"""The program in this process, as a process of its own, and scripts to tune."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from orion_like.cli import main

SCRIPTS = {
    "good.sh": 'echo "$2"',  # called as ./good.sh -x VALUE
    "bad.sh": "echo first >&2; echo 'out of luck' >&2; exit 3",
    "silent.sh": "true",
    "nan.sh": "echo nan",
    "interrupts.sh": "exit 130",
    "slow.sh": 'echo started; sleep 60; echo "$2"',
    "chatty.sh": 'echo "hello from the script"; echo "$2"',
}


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """Run every test in its own directory, with its own configuration and data."""
    for variable in list(os.environ):
        if variable.startswith("ORION_"):
            monkeypatch.delenv(variable)
    for kind in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setenv("COLUMNS", "100")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name, text in SCRIPTS.items():
        (work / name).write_text(f"#!/bin/sh\n{text}\n")
        (work / name).chmod(0o755)


@pytest.fixture(autouse=True)
def _logging_as_before():
    """Undo what the program does to logging in this process."""
    logger = logging.getLogger("orion_like")
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture
def run(capfd):
    """Run the program in this process."""

    def run(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def start():
    """Start the program as a process of its own, which ends with the test."""
    processes = []

    def start(*words, **options):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = [sys.executable, "-m", "orion_like", *map(str, words)]
        process = subprocess.Popen(command, text=True, **streams)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def run_process(start):
    """Run the program as a process of its own."""

    def run_process(*words, **options):
        process = start(*words, stdin=subprocess.DEVNULL, **options)
        out, err = process.communicate(timeout=60)
        return Outcome(process.returncode, out, err)

    return run_process


@pytest.fixture
def hunted(run):
    """An experiment `demo` with four completed trials in the default database."""
    outcome = run(
        "hunt", "-n", "demo", "--max-trials", 4, "--seed", 1, "./good.sh", "-x~uniform(0, 1)"
    )
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.fixture
def broken(run):
    """An experiment `demo` with three broken trials in the default database."""
    outcome = run("hunt", "-n", "demo", "--seed", 1, "./bad.sh", "-x~uniform(0, 1)")
    assert outcome.code == 1
    return outcome
