"""`orion-like doctor`."""

import json
import shlex
from pathlib import Path


def test_a_healthy_experiment_ends_with_success(run, hunted):
    outcome = run("doctor", "-n", "demo")

    assert (outcome.code, outcome.out) == (0, "1 experiment: nothing wrong\n")


def test_what_is_wrong_is_told_with_commands_that_can_be_typed(run, broken):
    outcome = run("doctor")

    assert outcome.code == 1
    assert "Wrong: demo-v1: 3 of 3 trials that ended broke" in outcome.out
    commands = [line.split()[1:] for line in outcome.out.splitlines() if "    orion-like" in line]
    assert commands[0] == ["status", "-n", "demo", "-v", "1", "--all"]
    assert run(*commands[0]).code == 0
    assert outcome.out.endswith("1 experiment: 1 thing wrong\n")


def test_commands_lead_to_the_same_storage(run):
    prior = "-x~uniform(0, 1)"
    run("hunt", "-n", "demo", "--storage", "here.pkl", "--worker-max-broken", 3, "./bad.sh", prior)

    (finding,) = json.loads(run("doctor", "--storage", "here.pkl", "--format", "json").out)

    assert finding["severity"] == "wrong"
    assert all(command.endswith("--storage here.pkl") for command in finding["commands"])


def test_notes_alone_are_a_success(run):
    prior = "-x~uniform(0, 1)"
    run("hunt", "-n", "demo", "--algorithm", "sobol", "--max-trials", 64, "./good.sh", prior)

    outcome = run("doctor", "--format", "json")

    assert outcome.code == 0
    (finding,) = json.loads(outcome.out)
    assert (finding["severity"], finding["check"]) == ("note", "optimum-at-bound")
    (command,) = finding["commands"]
    assert command == f"orion-like hunt -n demo {Path.cwd()}/good.sh '-x~+uniform(-1, 1)'"
    assert "Made a new version, demo-v2" in run(*shlex.split(command)[1:]).err


def test_an_experiment_that_does_not_exist_is_an_error(run, hunted):
    assert run("doctor", "-n", "dmeo").code == 1


def test_without_a_database_there_is_nothing_wrong(run):
    outcome = run("doctor")

    assert outcome.code == 0
    assert outcome.out == "0 experiments: nothing wrong\n"
