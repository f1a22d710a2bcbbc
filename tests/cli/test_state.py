"""`orion-like pause`, `resume` and `stop`."""

import json

import pytest

PRIOR = "-x~uniform(0, 1)"


def state(run):
    return json.loads(run("status", "-n", "demo", "--format", "json").out)[0]["state"]


@pytest.fixture
def registered(run):
    run("init-only", "-n", "demo", "--max-trials", 4, "./good.sh", PRIOR)


def test_the_state_is_set_and_shown(run, registered):
    outcomes = [run(word, "-n", "demo").out for word in ("pause", "resume", "stop")]

    assert outcomes == ["Paused demo-v1\n", "Resumed demo-v1\n", "Stopped demo-v1\n"]
    assert state(run) == "stopping"
    assert "stopping" in run("status", "-n", "demo").out.splitlines()


def test_a_paused_hunt_waits_until_it_is_resumed(run, start, registered):
    run("pause", "-n", "demo")
    hunt = start("hunt", "-n", "demo", "--idle-timeout", 1)
    for line in hunt.stderr:
        if "waiting" in line:
            break

    assert run("status", "-n", "demo").out.splitlines()[2:4] == ["paused", "empty"]
    run("resume", "-n", "demo")

    assert hunt.wait(60) == 0
    assert state(run) == "active"
    assert run("status", "-n", "demo", "--format", "csv").out.count("completed") == 1


def test_a_stopped_hunt_ends_as_a_success_and_says_how_to_go_on(run, registered):
    run("stop", "-n", "demo")

    outcome = run("hunt", "-n", "demo")

    assert outcome.code == 0
    assert "orion-like resume --name demo" in outcome.err


def test_an_experiment_that_does_not_exist_is_an_error(run, registered):
    outcome = run("pause", "-n", "demos")

    assert outcome.code == 1
    assert "demo" in outcome.err
