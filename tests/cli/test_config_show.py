"""`orion-like config show`, and options of the command line in the table of settings."""

import json

import click
import pytest

from orion_like.cli.application import root
from orion_like.cli.options import BRANCHING, EXPERIMENT, WORKER
from orion_like.config import OF_ARGUMENTS


def shown(run, *words):
    outcome = run("config", "show", *words, "--format", "json")
    assert outcome.code == 0, outcome.err
    return {row.pop("key"): row for row in json.loads(outcome.out)["settings"]}


def test_each_value_is_shown_with_where_it_came_from(run, hunted, tmp_path, monkeypatch):
    monkeypatch.setenv("ORION_HEARTBEAT", "30")
    (tmp_path / "mine.yaml").write_text("worker: {n_workers: 2}")

    settings = shown(run, "-n", "demo", "-c", tmp_path / "mine.yaml", "--retry", 1)

    sources = {
        key: (settings[key]["value"], settings[key]["source"], settings[key]["where"])
        for key in (
            "worker.grace",
            "worker.heartbeat",
            "worker.n_workers",
            "worker.max_retries",
            "experiment.max_trials",
        )
    }
    assert sources == {
        "worker.grace": (5, "default", None),
        "worker.heartbeat": (30, "environment", "ORION_HEARTBEAT"),
        "worker.n_workers": (2, "file", str(tmp_path / "mine.yaml")),
        "worker.max_retries": (1, "argument", "--retry"),
        "experiment.max_trials": (4, "experiment", "demo-v1"),
    }


def test_settings_and_sections_are_shown_by_any_of_their_names(run):
    assert list(shown(run, "worker.retry", "database.host")) == [
        "worker.max_retries",
        "storage.database.host",
    ]
    assert {key.rpartition(".")[0] for key in shown(run, "database")} == {"storage.database"}


def test_an_unknown_setting_is_answered_with_the_closest_one(run):
    outcome = run("config", "show", "wroker")

    assert outcome.code == 2
    assert outcome.err == "Error: unknown setting 'wroker' (did you mean 'worker'?)\n"


def test_only_what_was_changed_is_shown_if_asked_for(run):
    assert run("config", "show", "--changed").out == "Everything has its default\n"

    lines = run("config", "show", "--changed", "--n-workers", 2).out.splitlines()

    assert [line.split() for line in lines[2:]] == [
        ["worker.n_workers", "2", "argument", "--n-workers"]
    ]


def test_an_experiment_that_does_not_exist_is_an_error_only_if_it_was_typed(run, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: later")

    assert run("config", "show", "-n", "later").code == 1
    assert shown(run, "-c", tmp_path / "mine.yaml")["experiment.name"]["value"] == "later"


def test_every_option_of_a_hunt_is_in_the_table_of_settings():
    hunt = root.get_command(click.Context(root), "hunt")
    ours = [p for p in hunt.params if getattr(p, "section", "") in (EXPERIMENT, WORKER, BRANCHING)]

    missing = [word for option in ours for word in option.opts if word not in OF_ARGUMENTS]

    assert ours
    assert missing == []


@pytest.mark.parametrize("word", [w for w in OF_ARGUMENTS if w not in ("-d", "--debug")])
def test_every_option_in_the_table_of_settings_exists(word):
    hunt = root.get_command(click.Context(root), "hunt")

    assert any(word in option.opts for option in hunt.params)
