"""`orion-like status`, `info` and `list`."""

from __future__ import annotations

import csv
import io
import json

import pytest
import yaml

from orion_like.config import default_database_path
from orion_like.storage import setup_storage
from orion_like.trial import Trial


@pytest.fixture
def storage():
    path = default_database_path()
    path.parent.mkdir(parents=True)
    return setup_storage(str(path))


def add_experiment(storage, name, version=1, parent=None, values=(), new=0, **fields):
    refers = {"root_id": None, "parent_id": None, "adapter": []}
    if parent is not None:
        refers |= {"root_id": parent["refers"]["root_id"], "parent_id": parent["_id"]}
    document = storage.create_experiment(
        {
            "name": name, "version": version, "refers": refers, "space": {"x": "uniform(0, 9)"},
            "algorithm": {"random": {}}, "max_trials": 10, "max_broken": 3, "seed": 1,
            "metadata": {"user": "ann"}, **fields,
        }
    )  # fmt: skip
    for number, value in enumerate((*values, *[None] * new)):
        trial = Trial(
            experiment=document["_id"],
            number=number,
            params=[{"name": "x", "type": "real", "value": version + number / 100}],
            results=[]
            if value is None
            else [{"name": "objective", "type": "objective", "value": value}],
        )
        storage.register_trial(trial, "new" if value is None else "completed")
    return document


@pytest.fixture
def family(storage):
    """Two versions of `a`, a branch `b` of the second one, and an unrelated `c`."""
    first = add_experiment(storage, "a", values=[3.0, 1.5])
    second = add_experiment(storage, "a", 2, parent=first, values=[2.0], new=1)
    add_experiment(storage, "b", parent=second, values=[0.5])
    add_experiment(storage, "c")


def blocks(text):
    """Return the titles of `status` with the cells of their tables."""
    found = {}
    title = None
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if following.strip() and set(following.strip()) == {"="}:
            title = line
            found[title] = []
        elif title and line.strip() and not set(line.strip()) <= set("=─"):
            found[title].append(line.split())
    return found


# --- status -------------------------------------------------------------------------------------


def test_status_counts_the_trials_of_all_versions_under_the_latest(run, family):
    outcome = run("status")

    assert blocks(outcome.out) == {
        "a-v2": [
            ["status", "quantity", "min", "objective"],
            ["completed", "3", "1.5"],
            ["new", "1"],
        ],
        "  b-v1": [["status", "quantity", "min", "objective"], ["completed", "1", "0.5"]],
        "c-v1": [["empty"]],
    }


def test_status_counts_branches_with_their_root_when_collapsed(run, family):
    found = blocks(run("status", "--collapse").out)

    assert list(found) == ["a-v2", "c-v1"]
    assert found["a-v2"][1:] == [["completed", "4", "0.5"], ["new", "1"]]


def test_status_shows_each_version_when_expanded(run, family):
    found = blocks(run("status", "--expand-versions").out)

    assert list(found) == ["a-v1", "  a-v2", "    b-v1", "c-v1"]
    assert found["  a-v2"][1:] == [["completed", "1", "2"], ["new", "1"]]


def test_status_of_one_version_counts_only_its_trials(run, family):
    found = blocks(run("status", "-n", "a", "-v", 1).out)

    assert found == {
        "a-v1": [["status", "quantity", "min", "objective"], ["completed", "2", "1.5"]]
    }


def test_status_of_one_name_leaves_the_others_out(run, family):
    assert list(blocks(run("status", "-n", "b").out)) == ["b-v1"]


def test_status_shows_every_trial_by_status(run, family):
    rows = blocks(run("status", "-n", "a", "--all").out)["a-v2"]

    assert rows[0] == ["id", "status", "objective"]
    assert [row[1:] for row in rows[1:]] == [
        ["completed", "3"], ["completed", "1.5"], ["completed", "2"], ["new"],
    ]  # fmt: skip


def test_status_shows_the_maximum_of_what_is_maximized(run, storage):
    objectives = [{"name": "accuracy", "direction": "maximize"}]
    add_experiment(storage, "a", values=[0.5, 0.9], objectives=objectives)

    rows = blocks(run("status").out)["a-v1"]

    assert rows == [["status", "quantity", "max", "accuracy"], ["completed", "2", "0.9"]]


def test_status_for_programs(run, family):
    records = json.loads(run("status", "-n", "b", "--format", "json").out)

    assert records == [
        {
            "name": "b",
            "version": 1,
            "state": "active",
            "objective": "objective",
            "direction": "minimize",
            "objectives": [{"name": "objective", "direction": "minimize"}],
            "pareto_front": None,
            "statuses": [
                {
                    "status": "completed",
                    "quantity": 1,
                    "best": 0.5,
                    "feasible": 1,
                    "bests": {"objective": 0.5},
                }
            ],
        }
    ]
    assert yaml.safe_load(run("status", "-n", "b", "--format", "yaml").out) == records


def test_status_as_csv_has_a_row_per_status(run, family):
    rows = list(csv.DictReader(io.StringIO(run("status", "--format", "csv").out)))

    assert rows[0] == {
        "name": "a", "version": "2", "status": "completed", "quantity": "3", "best": "1.5",
        "feasible": "3", "bests.objective": "1.5",
    }  # fmt: skip
    assert [row["name"] for row in rows] == ["a", "a", "b"]


def test_status_of_every_trial_as_csv_has_a_row_per_trial(run, family):
    rows = list(csv.DictReader(io.StringIO(run("status", "--all", "--format", "csv").out)))

    assert len(rows) == 5
    assert list(rows[0]) == [
        "name", "version", "id", "number", "status", "objective", "reason", "submit_time",
        "start_time", "end_time", "params.x", "objectives.objective", "feasible",
    ]  # fmt: skip
    assert [row["params.x"] for row in rows if row["name"] == "b"] == ["1.0"]


def test_status_of_every_trial_tells_why_trials_broke(run, broken):
    rows = blocks(run("status", "--all").out)["demo-v1"]

    assert rows[0][-1] == "reason"
    assert " ".join(rows[1][2:]).startswith("out of luck (the script exited with code 3")


@pytest.mark.parametrize(
    "options", [("--collapse", "--expand-versions"), ("--version", "1"), ("-v", "0", "-n", "a")]
)
def test_status_refuses_options_that_make_no_sense(run, family, options):
    assert run("status", *options).code == 2


def test_experiments_of_others_can_be_left_out(run, family):
    assert list(blocks(run("status", "--user", "ann").out)) == ["a-v2", "  b-v1", "c-v1"]
    assert run("status", "--user", "bob").out == "No experiment found\n"
    assert run("list", "--user", "bob").out == "No experiment found\n"


# --- list ---------------------------------------------------------------------------------------


def test_list_draws_trees(run, family):
    assert run("list").out == "a-v1\n└── a-v2\n    └── b-v1\nc-v1\n"


def test_list_for_programs_tells_the_parents(run, family):
    records = json.loads(run("list", "--format", "json").out)

    assert [(r["name"], r["version"], r["parent"]) for r in records] == [
        ("a", 1, None), ("a", 2, "a-v1"), ("b", 1, "a-v2"), ("c", 1, None),
    ]  # fmt: skip
    assert records[0]["user"] == "ann"


# --- constraints, objectives, gradients ----------------------------------------------------------


def add_trial(storage, document, number, results, status="completed"):
    trial = Trial(
        experiment=document["_id"],
        number=number,
        params=[{"name": "x", "type": "real", "value": float(number)}],
        results=[dict(zip(("type", "name", "value"), result, strict=True)) for result in results],
    )
    storage.register_trial(trial, status)
    return trial.id


@pytest.fixture
def limited(storage):
    """An experiment `limited`, whose trial with the least loss misses a constraint."""
    document = add_experiment(
        storage, "limited", objectives=[{"name": "loss", "direction": "minimize"}],
        constraints=[{"name": "memory", "lower": 1, "upper": 8, "tolerance": 0.5}],
    )  # fmt: skip
    for number, (loss, memory) in enumerate([(1.0, 9.0), (2.0, 8.5), (3.0, 1.0)]):
        results = [("objective", "loss", loss), ("constraint", "memory", memory)]
        add_trial(storage, document, number, results)
    return document


@pytest.fixture
def front(storage):
    """An experiment `front` with two objectives, of whose trials two are in the front."""
    document = add_experiment(
        storage, "front", objectives=[
            {"name": "loss", "direction": "minimize"}, {"name": "gain", "direction": "maximize"},
        ],
    )  # fmt: skip
    return [
        add_trial(
            storage,
            document,
            number,
            [
                ("objective", "gain", gain),
                ("objective", "loss", loss),
                ("gradient", "loss", {"x": 0.5}),
            ],
        )
        for number, (loss, gain) in enumerate([(3.0, 6.0), (1.0, 4.0), (3.0, 5.0)])
    ]


def test_status_shows_the_best_feasible_objective_and_how_many_are_feasible(run, limited):
    shown = blocks(run("status").out)["limited-v1"]

    assert shown == [
        ["status", "quantity", "feasible", "min", "loss"],
        ["completed", "3", "2", "2"],
    ]


def test_status_shows_the_best_of_each_objective_and_the_front(run, front):
    shown = blocks(run("status").out)["front-v1"]

    assert shown[:2] == [
        ["status", "quantity", "min", "loss", "max", "gain"],
        ["completed", "3", "1", "6"],
    ]
    assert " ".join(shown[2]) == "Pareto front: 2 trials, hypervolume 0.84"


def test_status_of_every_trial_has_columns_for_objectives_and_constraints(run, front, limited):
    shown = blocks(run("status", "--all").out)

    assert shown["limited-v1"][0] == ["id", "status", "loss", "memory", "feasible"]
    assert [row[2:] for row in shown["limited-v1"][1:]] == [
        ["1", "9", "no"], ["2", "8.5", "yes"], ["3", "1", "yes"],
    ]  # fmt: skip
    assert shown["front-v1"][0] == ["id", "status", "loss", "gain"]
    assert shown["front-v1"][1][2:] == ["3", "6"]


def test_status_tells_programs_all_results(run, front, limited):
    of_front, of_limited = json.loads(run("status", "--all", "--format", "json").out)

    assert of_front["trials"][0]["objectives"] == {"loss": 3.0, "gain": 6.0}
    assert of_front["trials"][0]["gradients"] == {"loss": {"x": 0.5}}
    assert [trial["id"] for trial in of_front["pareto_front"]["trials"]] == [front[1], front[0]]
    assert of_limited["pareto_front"] is None
    assert [trial["constraints"] for trial in of_limited["trials"]] == [
        {"memory": 9.0}, {"memory": 8.5}, {"memory": 1.0},
    ]  # fmt: skip
    assert [trial["feasible"] for trial in of_limited["trials"]] == [False, True, True]


def test_info_shows_the_best_feasible_trial_and_the_bounds(run, limited):
    out = run("info", "-n", "limited").out

    assert "1 <= memory <= 8 (tolerance 0.5)" in out
    assert "trials feasible: 2" in out
    assert "evaluation: 2.0" in out


def test_info_shows_the_front_and_the_gradients(run, front):
    out = run("info", "-n", "front").out
    record = json.loads(run("info", "-n", "front", "--format", "json").out)["stats"]

    assert "Pareto front\n============\ntrials: 2\nhypervolume: 0.84" in out
    assert "reference point: loss 3.2, gain 3.8" in out
    assert f"{front[1]}: loss 1, gain 4\n{front[0]}: loss 3, gain 6\n" in out
    assert "  gradients:\n    loss:\n      x: 0.5\n" in out
    assert record["best_trial"]["gradients"] == {"loss": {"x": 0.5}}
    assert record["pareto_front"]["reference_point"] == pytest.approx({"loss": 3.2, "gain": 3.8})


def test_info_tells_of_a_constraint_that_is_never_reported(run, storage):
    add_experiment(
        storage, "silent", values=[3.0, 1.0],
        constraints=[{"name": "memory", "lower": 2, "upper": 2, "tolerance": 0.0}],
    )  # fmt: skip

    out = run("info", "-n", "silent").out

    assert "memory == 2\n" in out
    assert "constraints never reported: memory (so that no trial is feasible)" in out
    assert "evaluation: 1.0\n  feasible: no" in out


# --- info ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("next_number", "max_trials", "shown"),
    [
        (3, 100, ["now: gp, since", "trial number 200: cmaes", "not reached with 100 trials)"]),
        (3, 500, ["now: gp, since", "trial number 200: cmaes, since an evolution strategy"]),
        (200, 500, ["now: cmaes, since"]),
    ],
)
def test_info_tells_which_algorithm_is_in_use_why_and_what_follows(
    run, storage, next_number, max_trials, shown
):
    add_experiment(
        storage, "demo", algorithm={"auto": {}}, next_number=next_number, max_trials=max_trials
    )

    text = run("info", "-n", "demo").out
    record = json.loads(run("info", "-n", "demo", "--format", "json").out)["algorithm_in_use"]

    for words in shown:
        assert words in text
    assert ("not reached" in text) == (max_trials < 200)
    assert record["algorithm"] == ("gp" if next_number < 200 else "cmaes")
    assert [stage["first"] for stage in record["next"]] == ([200] if next_number < 200 else [])


def test_info_has_its_sections(run, family):
    out = run("info", "-n", "a").out

    titles = [
        line for line, below in zip(out.splitlines(), out.splitlines()[1:], strict=False)
        if below and set(below) == {"="}
    ]  # fmt: skip
    assert titles == [
        "Identification", "Config", "Objectives", "Algorithm", "Space", "Meta-data",
        "Parent experiment", "Stats",
    ]  # fmt: skip
    assert "x: uniform(0, 9)" in out
    assert "parent: a-v1" in out
    assert "evaluation: 2.0" in out


def test_info_shows_the_command_and_how_constraints_bound(run):
    run("init-only", "-n", "demo", "--constraint", "x <= 0.5", "./good.sh", "-x~uniform(0, 1)")

    out = run("info", "-n", "demo").out
    assert "Commandline\n===========\n" in out
    assert "good.sh '-x~uniform(0, 1)'" in out
    assert "Constraints\n===========\nx <= 0.5\n" in out
    assert "No trials executed" in out


def test_info_as_csv_has_a_row_per_field(run, family):
    rows = dict(csv.reader(io.StringIO(run("info", "-n", "a", "--format", "csv").out)))

    assert rows["field"] == "value"
    assert rows["config.max_trials"] == "10"
    assert rows["stats.trials.completed"] == "1"


def test_a_version_beyond_the_latest_is_the_latest_with_a_warning(run, family):
    outcome = run("info", "-n", "a", "-v", 7)

    assert "version: 2" in outcome.out
    assert "using the latest, 2" in outcome.err
    assert outcome.code == 0


# --- nothing there ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "list"])
def test_an_empty_database_is_no_error(run, storage, command):
    outcome = run(command)

    assert (outcome.code, outcome.out, outcome.err) == (0, "No experiment found\n", "")


@pytest.mark.parametrize("command", ["status", "list"])
def test_a_database_that_does_not_exist_is_not_created_by_looking(run, tmp_path, command):
    outcome = run(command)

    assert (outcome.code, outcome.out) == (0, "No experiment found\n")
    assert "does not exist yet" in outcome.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("format_", "text"), [("json", "[]\n"), ("yaml", "[]\n"), ("csv", "")])
def test_programs_read_nothing_as_an_empty_list(run, storage, format_, text):
    assert run("status", "--format", format_).out == text


@pytest.mark.parametrize("command", ["status", "list", "info"])
def test_an_unknown_name_is_an_error_with_the_closest_one(run, hunted, command):
    outcome = run(command, "-n", "dmeo")

    assert outcome.code == 1
    assert "No experiment found with the name 'dmeo'" in outcome.err
    assert "did you mean 'demo'?" in outcome.err


@pytest.mark.parametrize("command", ["status", "list"])
def test_an_unknown_version_is_an_error_that_names_the_others(run, family, command):
    outcome = run(command, "-n", "a", "-v", 7)

    assert outcome.code == 1
    assert "version 7" in outcome.err
    assert "it has version 1, 2" in outcome.err
