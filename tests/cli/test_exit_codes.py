"""The exit codes that the guide documents, each in a real process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "cli.rst"
PRIOR = "-x~uniform(0, 1)"


@pytest.fixture
def running(start):
    """Start a hunt, and wait until it runs a trial."""
    os.mkfifo("started")
    Path("signals.sh").write_text("#!/bin/sh\necho > started; exec sleep 60\n")
    Path("signals.sh").chmod(0o755)

    def running():
        hunt = start("hunt", "-n", "running", "--grace", 0, "./signals.sh", PRIOR)
        Path("started").read_text()  # waits for the script
        return hunt

    return running


@pytest.fixture
def ending(run_process, start, running):
    """Ways to end, by their exit code."""

    def ended_by(signum):
        hunt = running()
        hunt.send_signal(signum)
        return hunt.wait(60)

    def without_a_reader():
        reader, writer = os.pipe()
        os.close(reader)
        process = start("--help", stdout=writer)
        os.close(writer)
        return process.wait(60)

    def with_a_defect():
        program = (
            "import orion_like.cli.list as module, sys; module.build_forest = None;"
            "from orion_like.cli import main; sys.exit(main(['list']))"
        )
        environment = {**os.environ, "TMPDIR": os.getcwd()}  # where the traceback is kept
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True).returncode

    def code_of(*words):
        return run_process(*words).code

    return {
        0: [lambda: code_of("list"), lambda: code_of("hunt", "--help"), lambda: code_of()],
        1: [
            lambda: code_of("info", "-n", "nobody"),
            lambda: code_of("hunt", "-n", "demo", "./bad.sh", PRIOR),
            lambda: code_of("doctor"),
        ],
        2: [
            lambda: code_of("hunt", "--no-such-option"),
            lambda: code_of("status", "--format", "xml"),
            lambda: code_of("list", "-c", "missing.yaml"),
            lambda: code_of("no-such-command"),
        ],
        70: [with_a_defect],
        129: [lambda: ended_by(signal.SIGHUP)],
        130: [
            lambda: ended_by(signal.SIGINT),
            lambda: code_of("hunt", "-n", "script", "./interrupts.sh", PRIOR),
        ],
        141: [without_a_reader],
        143: [lambda: ended_by(signal.SIGTERM)],
    }


def documented():
    table = GUIDE.read_text(encoding="utf-8").partition("Code  Meaning")[2]
    return [int(code) for code in re.findall(r"^(\d+) ", table, re.MULTILINE)]


@pytest.mark.parametrize("code", documented())
def test_a_command_ends_with_the_documented_code(ending, code):
    assert [end() for end in ending[code]] == [code] * len(ending[code])
