"""Scripts that report while they run, and are told to stop."""

import json
import sys
from pathlib import Path

import pytest

from orion_like.client import get_experiment

PYTHON = """\
import sys
from orion_like.client import report_intermediate, report_objective, should_stop

x = float(sys.argv[1].partition("=")[2])
for epoch in range(4):
    report_intermediate({"objective": x + epoch, "epoch_time": 2.5}, epoch)
    report_intermediate(10 * x, epoch, "training")
    if should_stop():
        sys.exit(3)  # whatever its exit code
report_objective(x)
"""
BASH = """\
#!/usr/bin/env bash
set -e
for epoch in 1 2; do
    orion-like report "$2" --step $epoch
    orion-like report error="$2" size=-1e3 --group training
    if orion-like should-stop; then echo told > told; exit 0; fi
done
echo "$2"
"""
CHILDREN = """\
import subprocess, sys

x = float(sys.argv[1].partition("=")[2])
report = "from orion_like.client import report_intermediate; report_intermediate({}, {})"
for step in range(2):
    subprocess.run([sys.executable, "-c", report.format(x, step)], check=True)
print(x)
"""


@pytest.fixture
def hunt(run):
    """Tune a script of which the file is written here."""

    def hunt(name, text, *options, trials=3):
        path = Path(name)
        path.write_text(text)
        path.chmod(0o755)
        words = [sys.executable, name, "x~uniform(0, 1)"]
        if name.endswith(".sh"):
            words = [f"./{name}", "-x~uniform(0, 1)"]
        outcome = run("hunt", "-n", "demo", "--seed", 1, "--max-trials", trials, *options, *words)
        return outcome, get_experiment("demo")

    return hunt


def x_of(trial):
    (x,) = trial.flat_params.values()
    return x


def curve(client, trial, group="validation"):
    return [(report.step, dict(report.values)) for report in client.fetch_metrics(trial, group)]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_python_script_reports_and_ends_when_it_is_told_to(hunt, n_workers):
    rule = '{"threshold": {"upper": 1.5}}'

    outcome, client = hunt("train.py", PYTHON, "--stopping", rule, "--n-workers", n_workers)

    assert outcome.code == 0
    assert "Search finished successfully" in outcome.out
    assert "trials stopped: 3" in outcome.out
    for trial in client.fetch_trials():
        x = x_of(trial)
        reported = 2 if x > 0.5 else 3  # x + epoch above 1.5
        expected = [
            (epoch, {"objective": x + epoch, "epoch_time": 2.5}) for epoch in range(reported)
        ]
        assert curve(client, trial) == expected
        assert len(curve(client, trial, "training")) == reported
        assert trial.is_stopped
        assert trial.objective.value == expected[-1][1]["objective"]


def test_a_bash_script_reports_and_asks_by_commands(hunt):
    outcome, client = hunt(
        "train.sh", BASH, "--stopping", '{"threshold": {"upper": 0.5}}', trials=2
    )

    assert outcome.code == 0
    for trial in client.fetch_trials():
        x = x_of(trial)
        steps = 1 if x > 0.5 else 2
        assert [step for step, _ in curve(client, trial)] == list(range(1, steps + 1))
        assert curve(client, trial, "training") == [
            (step, {"error": x, "size": -1000.0}) for step in range(steps)
        ]
        assert trial.status == ("suspended" if x > 0.5 else "completed")
        assert trial.objective.value == x


def test_processes_that_a_script_starts_report_for_its_trial(hunt):
    _, client = hunt("train.py", CHILDREN, trials=1)

    (trial,) = client.fetch_trials()
    x = x_of(trial)
    assert curve(client, trial) == [(0, {"objective": x}), (1, {"objective": x})]


def test_names_that_nni_uses_do_the_same(hunt):
    script = """\
import sys
from orion_like.client import report_final_result, report_intermediate_result

x = float(sys.argv[1].partition("=")[2])
report_intermediate_result(x)
report_intermediate_result({"default": 2 * x, "loss": 0.5})
report_final_result({"default": x, "size": 7})
"""
    _, client = hunt("train.py", script, trials=1)

    (trial,) = client.fetch_trials()
    x = x_of(trial)
    assert curve(client, trial) == [(0, {"objective": x}), (1, {"objective": 2 * x, "loss": 0.5})]
    assert {r.name: (r.type, r.value) for r in trial.results} == {
        "objective": ("objective", x), "size": ("statistic", 7),
    }  # fmt: skip


def test_rules_come_from_a_configuration_file_too_and_an_option_ends_them(hunt, run):
    Path("settings.yaml").write_text("experiment: {stopping: {median: {min_trials: 2}}}\n")

    _, client = hunt("train.sh", 'echo "$2"', "-c", "settings.yaml", trials=1)
    configured = client.configuration["stopping"]
    told = run("info", "-n", "demo").out
    run("hunt", "-n", "demo", "--stopping", "none", "--max-trials", 1)

    assert configured == {"median": {"group": "validation", "warmup_steps": 0, "min_trials": 2}}
    assert "Stopping rules\n==============\nmedian:" in told
    assert "Stopping rules" not in run("info", "-n", "demo").out
    assert get_experiment("demo").configuration["stopping"] == {}


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        ("medain", 2, "did you mean 'median'?"),
        ("{median: {trials: 3}}", 2, "has no parameter 'trials'"),
        ("[median]", 2, "--stopping: '[median]' must be a name, or one name with its parameters"),
        ("{median: ", 2, "is neither a name nor valid JSON or YAML"),
    ],
)
def test_a_wrong_rule_is_refused_before_anything_is_stored(hunt, rule, code, message, run):
    Path("train.sh").write_text("#!/bin/sh\n")
    Path("train.sh").chmod(0o755)

    outcome = run("hunt", "-n", "demo", "--stopping", rule, "./train.sh", "-x~uniform(0, 1)")

    assert outcome.code == code
    assert message in outcome.err
    assert "demo" not in run("list").out


def test_by_hand_a_script_prints_what_it_would_report(run):
    number = run("report", "-0.5")
    named = run("report", "loss=0.25", "a=b=1", "--step", 3, "--group", "training")
    asked = run("should-stop")

    assert json.loads(number.out) == {
        "step": None, "group": "validation", "values": {"objective": -0.5},
    }  # fmt: skip
    assert json.loads(named.out) == {
        "step": 3, "group": "training", "values": {"loss": 0.25, "a=b": 1.0},
    }  # fmt: skip
    assert asked.code == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["one"], "'one' is not a number"),
        (["0.5", "loss=1"], "'0.5' must be NAME=VALUE, or the only VALUE"),
        (["loss=high"], "'high' is not a number"),
        ([], "Missing argument"),
        (["0.5", "--step", "x"], "--step"),
    ],
)
def test_what_cannot_be_reported_is_wrong_usage(run, words, message):
    outcome = run("report", *words)

    assert outcome.code == 2
    assert message in outcome.err


def test_a_step_below_zero_is_refused(run):
    outcome = run("report", "0.5", "--step", "-1")

    assert outcome.code == 1
    assert "the step of a report must be a whole number from 0 on, not -1" in outcome.err


NEVER_ASKS = """\
import signal, sys, time
from orion_like.client import report_intermediate, report_objective

signal.signal(signal.SIGTERM, {handler})
x = float(sys.argv[1].partition("=")[2])
for epoch in range({epochs}):
    report_intermediate({{"objective": x + epoch, "size": 1.0}}, epoch)
    time.sleep({pause})
report_objective(x)
"""
UPPER = '{"threshold": {"upper": 1.5}}'


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("handler", ["signal.SIG_DFL", "signal.SIG_IGN"])
def test_a_script_that_never_asks_is_ended_when_a_rule_stops_it(hunt, n_workers, handler):
    text = NEVER_ASKS.format(handler=handler, epochs=600, pause=0.1)

    outcome, client = hunt(
        "train.py", text, "--stopping", UPPER, "--n-workers", n_workers, "--grace", 0.5, trials=2
    )

    assert outcome.code == 0
    assert "trials stopped: 2" in outcome.out
    for trial in client.fetch_trials():
        (last_step, last_values) = curve(client, trial)[-1]
        assert trial.status == "suspended"
        assert "above" in trial.reason or "1.5" in trial.reason
        assert trial.objective.value == last_values["objective"]
        assert last_step < 599


def test_a_script_that_never_asks_nor_reports_again_is_ended_after_the_grace(hunt):
    text = NEVER_ASKS.format(handler="signal.SIG_DFL", epochs=1, pause=600)

    outcome, client = hunt(
        "train.py", text, "--stopping", '{"threshold": {"upper": 0}}', "--grace", 0.5, trials=1
    )

    (trial,) = client.fetch_trials()
    assert outcome.code == 0
    assert trial.status == "suspended"
    assert curve(client, trial) == [(0, {"objective": x_of(trial), "size": 1.0})]


def test_a_script_that_never_asks_may_be_let_finish(hunt):
    text = NEVER_ASKS.format(handler="signal.SIG_DFL", epochs=10, pause=0.1)

    outcome, client = hunt(
        "train.py", text, "--stopping", UPPER, "--let-stopped-finish", "--grace", 0.1, trials=1
    )

    (trial,) = client.fetch_trials()
    assert outcome.code == 0
    assert (trial.status, trial.objective.value) == ("completed", x_of(trial))


def test_a_script_that_asks_is_left_to_end_in_its_own_time(hunt):
    text = (
        "import sys, time\n"
        "from orion_like.client import report_intermediate, report_objective, should_stop\n"
        "report_intermediate(2.0, 1)\n"
        "should_stop()\n"
        "report_intermediate(3.0, 2)\n"
        "time.sleep(2)\n"
        "report_objective(4.0)\n"
    )

    outcome, client = hunt("train.py", text, "--stopping", UPPER, "--grace", 0.1, trials=1)

    (trial,) = client.fetch_trials()
    assert outcome.code == 0
    assert (trial.status, trial.objective.value) == ("suspended", 4.0)
