"""`orion-like db check|compact|copy|backup|set|rm`: care for the database, also while hunts run."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import yaml

from orion_like.config import default_database_path
from orion_like.storage import setup_storage

PRIOR = "-x~uniform(0, 1)"


def counts(run, *options):
    records = json.loads(run("status", *options, "--format", "json").out)
    return {line["status"]: line["quantity"] for line in records[0]["statuses"]}


def trials(run):
    return json.loads(run("status", "--all", "--format", "json").out)[0]["trials"]


@pytest.fixture
def storage(hunted):
    return setup_storage(str(default_database_path()))


# --- check --------------------------------------------------------------------------------------


def test_check_finds_nothing_wrong_with_what_a_hunt_leaves(run, hunted):
    outcome = run("db", "check")

    assert outcome.code == 0
    assert outcome.out == "1 experiment, 4 trials: nothing wrong\n"


def test_check_says_what_is_wrong_and_what_to_do(run, storage):
    uid = storage.fetch_experiment("demo")["_id"]
    storage.update_experiment(uid, next_number=1)

    outcome = run("db", "check")

    assert outcome.code == 1
    assert outcome.out == (
        "Wrong: demo-v1: its next number is 1, but its trials have numbers up to 3\n"
        "  What to do: --repair corrects it\n"
        "1 experiment, 4 trials: 1 thing wrong\n"
    )


@pytest.mark.parametrize(("format_", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_check_tells_programs_the_same(run, storage, format_, load):
    assert load(run("db", "check", "--format", format_).out) == []
    storage.update_experiment(storage.fetch_experiment("demo")["_id"], next_number=1)

    outcome = run("db", "check", "--format", format_)

    assert outcome.code == 1
    assert load(outcome.out) == [
        {
            "severity": "wrong",
            "place": "demo-v1",
            "problem": "its next number is 1, but its trials have numbers up to 3",
            "remedy": "--repair corrects it",
        }
    ]


def test_check_repairs_what_it_can(run, storage):
    storage.update_experiment(storage.fetch_experiment("demo")["_id"], next_number=1)

    outcome = run("db", "check", "--repair")

    assert outcome.code == 0
    assert outcome.out == "Repaired 1 thing\n1 experiment, 4 trials: nothing wrong\n"


def test_check_sends_those_with_a_damaged_file_to_salvage(run, hunted):
    path = default_database_path()
    with path.open("r+b") as file:
        file.seek(150)
        file.write(b"\xff\x00\xff")

    outcome = run("db", "check")

    assert outcome.code == 1
    assert "Wrong: file: " in outcome.out
    assert f"orion-like db salvage {path} -o NEW" in outcome.out


def test_check_finds_the_trial_of_a_killed_worker_and_release_frees_it(run, start):
    process = start("-v", "hunt", "-n", "demo", "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"
    assert run("db", "check").code == 0
    process.kill()
    process.wait()

    outcome = run("db", "check")
    assert outcome.code == 1
    assert "1 trial reserved by workers that are gone" in outcome.out

    run("db", "release", "demo", "-f")
    assert run("db", "check").code == 0


def test_check_makes_no_file(run):
    outcome = run("db", "check", "--storage", "nothing.pkl")

    assert (outcome.code, "nothing.pkl does not exist" in outcome.err) == (1, True)
    assert not Path("nothing.pkl").exists()


# --- compact and backup -------------------------------------------------------------------------


def test_compact_makes_the_file_smaller_and_keeps_everything(run, hunted):
    before = default_database_path().stat().st_size

    outcome = run("db", "compact")

    assert outcome.out.startswith(f"Rewrote {default_database_path()}: ")
    assert default_database_path().stat().st_size < before
    assert counts(run) == {"completed": 4}


@pytest.mark.mongodb
def test_compact_says_that_a_server_needs_none(run, mongodb_uri):
    outcome = run("db", "compact", "--storage", mongodb_uri)

    assert (outcome.code, outcome.out.startswith("Nothing to do: ")) == (0, True)


def test_a_backup_can_be_opened_and_put_in_place(run, hunted):
    outcome = run("db", "backup", "monday.pkl")
    assert outcome.out == "Saved 1 experiment with 4 trials in monday.pkl\n"
    run("db", "rm", "demo", "-f")

    Path("monday.pkl").replace(default_database_path())

    assert counts(run) == {"completed": 4}
    assert run("db", "check").code == 0
    assert run("hunt", "-n", "demo", "--max-trials", 6).code == 0
    assert counts(run) == {"completed": 6}


def test_a_backup_is_not_overwritten_by_mistake(run, hunted):
    run("db", "backup", "monday.pkl")

    assert run("db", "backup", "monday.pkl").code == 1
    assert run("db", "backup", "monday.pkl", "--force").code == 0


# --- copy ---------------------------------------------------------------------------------------


@pytest.mark.mongodb
def test_copy_goes_from_a_file_to_a_server_and_back(run, hunted, mongodb_uri):
    there = run("db", "copy", default_database_path(), mongodb_uri)
    back = run("db", "copy", mongodb_uri, "back.pkl")

    assert there.out.startswith("Copied demo-v1\nCopied 1 experiment with 4 trials to mongodb://")
    assert "demo-v1: 4 of 4 trials\n" in there.err
    assert back.code == 0
    assert counts(run, "--storage", "back.pkl") == {"completed": 4}
    for storage in (mongodb_uri, "back.pkl"):
        assert run("db", "check", "--storage", storage).code == 0
        assert run("hunt", "-n", "demo", "--max-trials", 5, "--storage", storage).code == 0


def test_copy_copies_nothing_twice(run, hunted):
    run("db", "copy", default_database_path(), "copy.pkl")

    refused = run("db", "copy", default_database_path(), "copy.pkl")
    bumped = run("db", "copy", default_database_path(), "copy.pkl", "-r", "bump")

    assert (refused.code, "demo-v1 is there already" in refused.err) == (1, True)
    assert bumped.out.startswith("Copied demo-v1 as demo-v2\n")


def test_copy_refuses_a_source_that_is_missing_and_a_copy_onto_itself(run, hunted):
    missing = run("db", "copy", "nothing.pkl", "copy.pkl")
    itself = run("db", "copy", default_database_path(), default_database_path())

    assert (missing.code, "nothing.pkl does not exist" in missing.err) == (1, True)
    assert (itself.code, "the same database" in itself.err) == (2, True)
    assert not Path("copy.pkl").exists()


# --- set and rm ---------------------------------------------------------------------------------


def test_set_changes_the_limits_of_an_experiment(run, storage):
    outcome = run("db", "set", "demo", "max_trials=7")
    assert outcome.out == "max_trials of demo-v1 is 7 now\n"
    assert storage.fetch_experiment("demo")["max_trials"] == 7

    run("db", "set", "demo", "max_trials=inf")
    run("db", "set", "demo", "max_broken=5")
    document = storage.fetch_experiment("demo")
    assert (document["max_trials"], document["max_broken"]) == (None, 5)


@pytest.mark.parametrize("limit", ["max_trials=0", "max_trials=many", "max_tirals=3", "seed=1"])
def test_set_refuses_limits_that_make_no_sense(run, hunted, limit):
    assert run("db", "set", "demo", limit).code == 2


def test_set_corrects_a_result_and_keeps_the_old_one(run, storage):
    before = trials(run)[2]

    outcome = run("db", "set", "demo", f"id={before['id']}", "objective=-1.5", "-f")

    assert outcome.code == 0
    assert trials(run)[2]["objective"] == -1.5
    assert (
        json.loads(run("info", "-n", "demo", "--format", "json").out)["stats"]["best_trial"][
            "evaluation"
        ]
        == -1.5
    )
    (stored,) = storage.database.find("trials", {"id": before["id"]})
    (correction,) = stored["corrections"]
    assert correction["results"][0]["value"] == before["objective"]
    assert run("db", "check").code == 0


@pytest.mark.parametrize("words", [("*", "objective=1"), ("id=ID", "objective=nan")])
def test_set_corrects_one_result_with_a_number_only(run, hunted, words):
    assert run("db", "set", "demo", *words, "-f").code == 2


def test_set_corrects_completed_trials_only(run, broken):
    refused = run("db", "set", "demo", f"id={trials(run)[0]['id']}", "objective=1", "-f")

    assert (refused.code, "is broken; only completed" in refused.err) == (1, True)


def test_rm_deletes_one_trial(run, hunted):
    uid = trials(run)[1]["id"]

    assert run("db", "rm", "demo", "--id", uid, "-f").out.endswith("1 trials deleted\n")
    assert counts(run) == {"completed": 3}
    assert "there is no trial" in run("db", "rm", "demo", "--id", uid, "-f").err
    assert run("db", "check").code == 0


# --- while a hunt runs --------------------------------------------------------------------------


def test_a_hunt_stops_with_an_error_when_its_experiment_is_deleted(run, start):
    process = start("-v", "hunt", "-n", "demo", "--n-workers", 2, "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"

    assert run("db", "rm", "demo", "-f").code == 0
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "Error: experiment 'demo' (version 1) was deleted from " in errors
    assert "Traceback" not in errors
    assert run("db", "check").out == "0 experiments, 0 trials: nothing wrong\n"


def test_running_trials_cannot_be_deleted(run, start):
    process = start("-v", "hunt", "-n", "demo", "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"
    uid = trials(run)[0]["id"]

    refused = run("db", "rm", "demo", "--id", uid, "-f")

    assert (refused.code, "is reserved, so it was not deleted" in refused.err) == (1, True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert run("db", "rm", "demo", "--id", uid, "-f").code == 0
