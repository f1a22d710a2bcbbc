"""The program on a real terminal."""

from __future__ import annotations

import re
import sys

import pexpect
import pytest

PRIOR = "-x~uniform(0, 1)"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def terminal(monkeypatch):
    """Start the program on a terminal of its own."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    children = []

    def terminal(*words, columns=100):
        child = pexpect.spawn(
            sys.executable, ["-m", "orion_like", *words],
            dimensions=(30, columns), encoding="utf-8", timeout=30,
        )  # fmt: skip
        children.append(child)
        return child

    yield terminal
    for child in children:
        child.close(force=True)


def finish(child):
    """Return all that is printed up to the end, and the exit code."""
    child.expect(pexpect.EOF)
    child.close()
    return child.before, child.exitstatus


def test_progress_is_shown_live_while_a_hunt_runs(terminal):
    child = terminal("hunt", "-n", "demo", "--max-trials", "5", "./good.sh", PRIOR)

    output, code = finish(child)

    assert code == 0
    assert "━" in output
    assert re.search(r"\x1b\[\d*A", output)  # drawn over again
    plain = ESCAPES.sub("", output)
    assert "5/5 trials" in plain
    assert re.search(r"best 0\.\d+ · [\d.]+ trials/", plain)
    assert "Search finished successfully" in plain


def test_the_live_display_counts_the_running_trial(terminal):
    child = terminal("hunt", "-n", "demo", "--max-trials", "5", "./slow.sh", PRIOR)

    child.expect("0/5 trials")
    child.expect("1 running")


def test_broken_trials_are_told_above_the_live_display(terminal):
    output, code = finish(terminal("hunt", "-n", "demo", "./bad.sh", PRIOR))

    assert code == 1
    plain = ESCAPES.sub("", output)
    assert plain.count("out of luck") == 4  # three trials, and the error at the end
    assert "3 broken" in plain


def test_ctrl_c_ends_a_hunt_within_seconds_and_leaves_a_tidy_terminal(terminal):
    child = terminal("hunt", "-n", "demo", "./slow.sh", PRIOR)
    child.expect("1 running")

    child.sendintr()
    output, code = finish(child)

    assert code == 130
    assert "Go on with: orion-like hunt --name demo --version 1" in ESCAPES.sub("", output)
    assert "Traceback" not in output
    assert not re.search(r"\x1b\[\?25l(?!.*\x1b\[\?25h)", output, re.DOTALL)  # cursor hidden


def test_the_screen_belongs_to_the_scripts_when_they_are_shown(terminal):
    child = terminal("-v", "hunt", "-n", "demo", "--max-trials", "2", "./chatty.sh", PRIOR)

    output, code = finish(child)

    assert code == 0
    assert output.count("hello from the script") == 2
    assert "\x1b[1A" not in output


def test_tables_have_colours_on_a_terminal_and_keep_its_width(terminal, hunted):
    output, _ = finish(terminal("status", "--all", columns=60))

    assert "\x1b[32mcompleted" in output
    assert max(len(ESCAPES.sub("", line)) for line in output.splitlines()) <= 60


def test_ctrl_c_at_a_question_is_an_interruption(terminal, hunted):
    child = terminal("db", "rm", "demo")
    child.expect("to go on")

    child.sendintr()
    output, code = finish(child)

    assert code == 130
    assert "Interrupted." in output


def test_the_name_can_be_retyped(terminal, hunted):
    child = terminal("db", "rm", "demo")
    child.expect("to go on")

    child.sendline("demo")
    output, code = finish(child)

    assert code == 0
    assert "1 experiments deleted" in output
