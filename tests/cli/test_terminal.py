"""The program on a real terminal."""

from __future__ import annotations

import json
import re
import signal
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
            # The tests themselves may run where interruptions are ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
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


# --- how a new version comes from the one there is ------------------------------------------------


@pytest.fixture
def asked(terminal, run, hunted):
    """Ask about the experiment `demo`, whose -x becomes --rate, with a new --b."""
    prior = "--b~uniform(0, 1, default_value=0.5)"
    child = terminal(
        "init-only", "-n", "demo", "--manual-resolution", "--algorithm", "random",
        "./good.sh", "--rate~uniform(0, 1)", prior,
    )  # fmt: skip
    child.expect("demo-v1 differs from what is asked for in 4 points")
    child.expect("Not resolved:")
    answer(child, None)
    return child


def answer(child, line):
    """Give a command to the prompt, and return what it says until it asks again."""
    if line is not None:
        child.sendline(line)
    child.expect_exact("(orion-like) ")
    return ESCAPES.sub("", child.before)


def test_every_difference_can_be_resolved_by_hand(asked, run):
    assert "everything is resolved" not in answer(asked, "status").lower()
    assert "- None\r\n  + uniform(0, 1)" in answer(asked, "diff")
    assert "-x~'>rate'" in answer(asked, "rename x rate")
    assert "--algorithm-change" in answer(asked, "algo")
    said = answer(asked, "add b --default-value 0.25")

    assert "with default value 0.25" in said
    assert "Everything is resolved: 'commit' makes the new version" in said
    asked.sendline("commit")
    output, code = finish(asked)
    assert code == 0, output
    assert "Made a new version, demo-v2" in output
    adapters = json.loads(run("info", "-n", "demo", "--format", "json").out)["adapter"]
    assert adapters == [
        {"of_type": "dimensionaddition", "param": {"name": "/b", "type": "real", "value": 0.25}},
        {"of_type": "dimensionrenaming", "old_name": "/x", "new_name": "/rate"},
        {"of_type": "algorithmchange"},
    ]


def test_the_prompt_resolves_the_rest_by_itself_and_takes_back_what_was_said(asked):
    assert "Not resolved" not in answer(asked, "auto")
    assert "-x~-" in answer(asked, "status")
    said = answer(asked, "reset x")

    assert "dimension /x is missing" in said
    assert "Not everything is resolved yet" in answer(asked, "commit")
    assert "Not resolved" not in answer(asked, "remove x --default-value 0.5")


def test_the_branch_can_get_a_name_of_its_own_at_the_prompt(asked, run):
    assert "There is an experiment 'demo' already" in answer(asked, "name demo")
    assert "The branch will be other-v1" in answer(asked, "name other")
    answer(asked, "auto")

    asked.sendline("commit")
    output, code = finish(asked)

    assert code == 0, output
    assert run("list").out == "demo-v1\n└── other-v1\n"


@pytest.mark.parametrize("word", ["abort", "\x04"])
def test_nothing_is_stored_when_the_prompt_is_left(asked, run, word):
    answer(asked, "auto")
    asked.send(word if word == "\x04" else f"{word}\n")
    output, code = finish(asked)

    assert code == 1
    assert "no new version was made" in output
    assert run("list").out == "demo-v1\n"


def test_mistakes_at_the_prompt_are_told_and_it_asks_again(asked):
    assert "did you mean 'status'" in answer(asked, "staus")
    assert "OLD NEW" in answer(asked, "rename x")
    assert "rate" in answer(asked, "rename x rte")
    assert "the code did not change" in answer(asked, "code noeffect")
    assert "'often' is not a number" in answer(asked, "add b --default-value often")
    assert "nothing was resolved as 'b'" in answer(asked, "reset b")
    help_ = answer(asked, "help")
    known = "status diff auto add remove rename reset code commandline config algo name commit"
    for word in (*known.split(), "abort", "help"):
        assert f"  {word} " in help_
    assert answer(asked, "").strip() == ""


def test_ctrl_c_at_the_prompt_is_an_interruption(asked):
    asked.sendintr()
    output, code = finish(asked)

    assert code == 130
    assert "Traceback" not in output
