"""`orion-like insert`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from orion_like.cli.insert import parse_value, read_words

PRIORS = (
    "-x~uniform(-1, 1)",
    "--model.depth~uniform(1, 10, discrete=True, default_value=3)",
    "--optimizer~choices(['sgd', 'adam'], default_value='sgd')",
)


@pytest.fixture
def demo(run):
    assert run("init-only", "-n", "demo", "./good.sh", *PRIORS).code == 0


def trials(run):
    return json.loads(run("status", "-n", "demo", "--all", "--format", "json").out)[0]["trials"]


def test_a_trial_is_inserted_with_the_defaults_of_what_is_left_out(run, demo):
    outcome = run("insert", "-n", "demo", "--format", "json", "-x=0.5")

    record = json.loads(outcome.out)
    assert record["params"] == {"/x": 0.5, "/model.depth": 3, "/optimizer": "sgd"}
    assert record["status"] == "new"
    assert [(trial["id"], trial["status"]) for trial in trials(run)] == [(record["id"], "new")]


@pytest.mark.parametrize(
    "words",
    [
        ("./good.sh", "-x=0.5", "--optimizer=adam"),
        ("python", "train.py", "-x", "0.5", "--optimizer", "adam"),
        ("x=0.5", "optimizer=adam"),
        ("/x=0.5", "/optimizer='adam'"),
        ("--", "-x=0.5", "--optimizer=adam"),
    ],
)
def test_values_may_be_written_in_many_ways(run, demo, words):
    record = json.loads(run("insert", "-n", "demo", "--format", "json", *words).out)

    assert (record["params"]["/x"], record["params"]["/optimizer"]) == (0.5, "adam")


def test_negative_numbers_are_values(run, demo):
    record = json.loads(run("insert", "-n", "demo", "--format", "json", "-x", "-0.5").out)

    assert record["params"]["/x"] == -0.5


@pytest.mark.parametrize(
    "words", [("--objective", "3.5", "-x=0.5"), ("-x=0.5", "--objective", "3.5"),
              ("s.sh", "-x=0.5", "--objective=objective=3.5")]
)  # fmt: skip
def test_a_trial_may_come_with_its_objective(run, demo, words):
    outcome = run("insert", "-n", "demo", *words)

    assert outcome.code == 0, outcome.err
    assert [(t["status"], t["objective"]) for t in trials(run)] == [("completed", 3.5)]


def test_an_inserted_trial_is_run_by_the_next_hunt(run, demo):
    run("insert", "-n", "demo", "-x=0.5")

    run("hunt", "-n", "demo", "--worker-max-trials", 1)

    assert [(t["status"], t["objective"]) for t in trials(run)] == [("completed", 0.5)]


def test_values_are_taken_from_a_configuration_file_where_they_are_marked(run, demo):
    Path("model.yaml").write_text("x: orion=0.25\noptimizer: orion=adam\nother: 3\n")

    outcome = run("insert", "-n", "demo", "--format", "json", "s.sh", "--config=model.yaml")

    assert json.loads(outcome.out)["params"]["/x"] == 0.25
    assert json.loads(outcome.out)["params"]["/optimizer"] == "adam"


def test_the_same_trial_is_not_inserted_twice(run, demo):
    run("insert", "-n", "demo", "-x=0.5")

    outcome = run("insert", "-n", "demo", "-x=0.5")

    assert outcome.code == 1
    assert "has a trial at" in outcome.err
    assert len(trials(run)) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-x=2"], "'/x'"),
        (["-x=nonsense"], "'/x'"),
        (["-x=0.1", "--modle.depth=3"], "did you mean 'model.depth'?"),
        (["-x=0.1", "-x=0.2"], "given twice"),
        (["-x=0.1", "0.2"], "is not a value of a dimension"),
        (["--optimizer=adam"], "'/x'"),
        (["-x"], "-x needs a value"),
        (["-x=0.1", "--objective", "good"], "'good' is not a number"),
        (["-x=0.1", "--objective", "accuracy=1"], "no objective 'accuracy'"),
    ],
)
def test_wrong_values_are_refused_and_nothing_is_inserted(run, demo, words, message):
    outcome = run("insert", "-n", "demo", *words)

    assert outcome.code == 2
    assert message in outcome.err
    assert trials(run) == []


def test_an_option_behind_the_values_is_told_its_place(run, demo):
    outcome = run("insert", "-n", "demo", "-x=0.5", "--format", "json")

    assert outcome.code == 2
    assert "--format is an option of insert: put it first" in outcome.err
    assert trials(run) == []


@pytest.mark.parametrize("objective", ["nan", "inf"])
def test_an_objective_must_be_finite(run, demo, objective):
    outcome = run("insert", "-n", "demo", "-x=0.1", "--objective", objective)

    assert outcome.code == 1
    assert "finite" in outcome.err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 1e-3),
        ("[1, 2]", [1, 2]),
        ("(1, 2)", (1, 2)),
        ("true", True),
        ("False", False),
        ("null", None),
        ('"1"', "1"),
        ("'a b'", "a b"),
        ("relu", "relu"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        ("[" * 5000, "[" * 5000),
        ("", ""),
    ],
)
def test_values_are_read_and_never_run(text, value):
    read = parse_value(text)

    assert read == value
    assert type(read) is type(value)


def test_a_dimension_called_objective_keeps_its_option():
    given = read_words(["--objective=1", "-x=2"], ["/objective", "/x"])

    assert (given.params, given.objectives) == ({"/objective": 1, "/x": 2}, [])


def test_a_word_without_a_name_is_no_value():
    with pytest.raises(click.UsageError):
        read_words(["-x=1", "=3"], ["/x"])
