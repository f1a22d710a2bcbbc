"""`orion-like db …`."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import yaml

from orion_like.config import default_database_path, global_files
from orion_like.storage import setup_storage

PRIOR = "-x~uniform(0, 1)"


def titles(run, *options):
    return run("list", *options).out.split()


def counts(run, *options):
    records = json.loads(run("status", *options, "--format", "json").out)
    return {line["status"]: line["quantity"] for line in records[0]["statuses"]}


@pytest.fixture
def answer(monkeypatch):
    """Answer the questions of the next command."""

    def answer(*lines):
        answers = iter(lines)

        def read(*args, **kwargs):
            try:
                return next(answers)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("click.termui.visible_prompt_func", read)

    return answer


# --- setup and test -----------------------------------------------------------------------------


def test_setup_writes_what_it_is_told_for_every_directory(run):
    outcome = run("db", "setup", "--type", "pickleddb", "--host", "hunts.pkl")

    path = global_files()[-1]
    assert outcome.out == f"Configuration written to {path}\n"
    assert yaml.safe_load(path.read_text()) == {
        "storage": {"database": {"type": "pickleddb", "host": str(Path.cwd() / "hunts.pkl")}}
    }
    assert "hunts.pkl" in run("db", "test").out


def test_setup_refuses_the_uri_of_a_server_as_a_file(run):
    uri = "mongodb://ann:s3cret@db.example"

    outcome = run("db", "setup", "--type", "pickleddb", "--host", uri)

    assert outcome.code == 2
    assert "--type mongodb" in outcome.err
    assert "s3cret" not in outcome.err
    assert not global_files()[-1].exists()


def test_setup_asks_for_what_it_is_not_told(run, answer):
    answer("mongodb", "db.example", "hunts", "27018")

    run("db", "setup")

    assert yaml.safe_load(global_files()[-1].read_text())["storage"]["database"] == {
        "type": "mongodb", "host": "db.example", "name": "hunts", "port": 27018,
    }  # fmt: skip


def test_setup_proposes_the_file_database(run, answer):
    answer("", "")

    run("db", "setup")

    assert yaml.safe_load(global_files()[-1].read_text())["storage"]["database"] == {
        "type": "pickleddb", "host": str(default_database_path()),
    }  # fmt: skip


def test_setup_keeps_the_other_settings(run):
    path = global_files()[-1]
    path.parent.mkdir(parents=True)
    path.write_text("worker: {n_workers: 2}\ndatabase: {type: mongodb}\n")

    run("db", "setup", "--type", "ephemeraldb", "--force")

    assert yaml.safe_load(path.read_text()) == {
        "worker": {"n_workers": 2},
        "storage": {"database": {"type": "ephemeraldb"}},
    }


def test_setup_replaces_a_configuration_only_when_allowed_to(run, answer):
    run("db", "setup", "--type", "ephemeraldb")
    before = global_files()[-1].read_text()

    answer("n")
    assert run("db", "setup", "--type", "pickleddb").code != 0
    assert global_files()[-1].read_text() == before

    answer("y")
    assert run("db", "setup", "--type", "pickleddb").code == 0
    assert global_files()[-1].read_text() != before


def test_only_its_owner_can_read_the_configuration(run):
    run("db", "setup", "--type", "mongodb", "--host", "mongodb://ann:s3cret@db.example")

    path = global_files()[-1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_test_runs_all_checks(run):
    outcome = run("db", "test")

    assert outcome.code == 0
    assert [line.partition("..")[0] for line in outcome.out.splitlines()] == [
        "Configuration", "Connection", "Write", "Read", "Count", "Delete",
    ]  # fmt: skip
    assert outcome.out.count("Success") == 6


def test_test_leaves_no_documents(run):
    run("db", "test", "--storage", "db.pkl")

    database = setup_storage("db.pkl").database
    assert all(database.count(name) == 0 for name in database.collections())


def test_test_skips_what_cannot_work_after_a_failure(run):
    Path("db.pkl").write_text("this is no database" * 100)

    outcome = run("db", "test", "--storage", "db.pkl", "--format", "json")

    assert outcome.code == 1
    results = {check["name"]: check["result"] for check in json.loads(outcome.out)}
    assert results == {
        "Configuration": "Success", "Connection": "Failure", "Write": "Skipping",
        "Read": "Skipping", "Count": "Skipping", "Delete": "Skipping",
    }  # fmt: skip


# --- dump and load ------------------------------------------------------------------------------


def test_what_was_dumped_can_be_loaded_and_opened(run, hunted):
    outcome = run("db", "dump", "-o", "dump.pkl")
    assert outcome.out == "Dumped 1 experiment with 4 trials to dump.pkl\n"

    run("db", "load", "dump.pkl", "--storage", "new.pkl")

    for storage in ("dump.pkl", "new.pkl"):
        assert counts(run, "--storage", storage) == {"completed": 4}
    assert run("hunt", "-n", "demo", "--storage", "new.pkl", "--max-trials", 6).code == 0
    assert counts(run, "--storage", "new.pkl") == {"completed": 6}


def test_a_dump_is_not_overwritten_by_mistake(run, hunted):
    run("db", "dump")

    assert run("db", "dump").code == 1
    assert run("db", "dump", "--force").code == 0


@pytest.mark.parametrize(
    ("resolve", "loaded", "there"),
    [
        ("ignore", "Ignored demo-v1, which is there already", ["demo-v1"]),
        ("overwrite", "Loaded demo-v1", ["demo-v1"]),
        ("bump", "Loaded demo-v1 as demo-v2", ["demo-v1", "demo-v2"]),
    ],
)
def test_conflicts_are_resolved_as_asked_for(run, hunted, resolve, loaded, there):
    run("db", "dump")
    assert run("db", "load", "dump.pkl").code == 1

    outcome = run("db", "load", "dump.pkl", "-r", resolve)

    assert loaded in outcome.out
    assert titles(run) == there


# --- rm -----------------------------------------------------------------------------------------


def test_rm_deletes_an_experiment_whose_name_is_retyped(run, hunted, answer):
    answer("demo")

    outcome = run("db", "rm", "demo")

    assert outcome.out.startswith("demo-v1\n")
    assert outcome.out.endswith("4 trials deleted\n1 experiments deleted\n")
    assert run("list").out == "No experiment found\n"


@pytest.mark.parametrize("answers", [("no",), ("",), ()])
def test_rm_deletes_nothing_without_the_name(run, hunted, answer, answers):
    answer(*answers)

    assert run("db", "rm", "demo").code == 1
    assert counts(run) == {"completed": 4}


def test_rm_deletes_only_trials_of_a_status(run, broken):
    outcome = run("db", "rm", "demo", "--status", "broken", "-f")

    assert "3 trials deleted" in outcome.out
    assert titles(run) == ["demo-v1"]


def test_rm_deletes_one_version_with_what_comes_from_it(run, hunted):
    run("db", "dump")
    run("db", "load", "dump.pkl", "-r", "bump")

    run("db", "rm", "demo", "-v", 2, "-f")

    assert titles(run) == ["demo-v1"]


def test_rm_leaves_running_experiments_unless_forced(run, start, answer):
    process = start("-v", "hunt", "-n", "demo", "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"

    answer("demo")
    refused = run("db", "rm", "demo")
    assert (refused.code, "running trials" in refused.err) == (1, True)
    assert run("db", "rm", "demo", "--status", "reserved", "-f").code == 1

    assert run("db", "rm", "demo", "-f").code == 0


# --- set and release ----------------------------------------------------------------------------


def test_set_changes_all_trials_of_a_status(run, broken):
    outcome = run("db", "set", "demo", "status=broken", "status=interrupted", "-f")

    assert outcome.out == "3 trials modified\n"
    assert counts(run) == {"interrupted": 3}


def test_set_changes_one_trial(run, broken):
    trial = json.loads(run("status", "--all", "--format", "json").out)[0]["trials"][0]["id"]

    outcome = run("db", "set", "demo", f"id={trial}", "status=new", "-f")

    assert outcome.out == "1 trials modified\n"
    assert counts(run) == {"broken": 2, "new": 1}


def test_set_changes_only_what_can_change(run, hunted):
    outcome = run("db", "set", "demo", "*", "status=new", "-f")

    assert outcome.out == "0 trials modified\n"
    assert counts(run) == {"completed": 4}


def test_set_asks_first(run, broken, answer):
    answer("dmeo")
    assert run("db", "set", "demo", "status=broken", "status=new").code == 1
    assert counts(run) == {"broken": 3}

    answer("demo")
    assert run("db", "set", "demo", "status=broken", "status=new").code == 0
    assert counts(run) == {"new": 3}


@pytest.mark.parametrize(
    ("query", "update", "message"),
    [
        ("status=completed", "status=new", "completed trials cannot be made new"),
        ("status=broken", "status=completed", "only by being run"),
        ("status=broken", "status=reserved", "only by being run"),
        ("status=borken", "status=new", "did you mean 'broken'?"),
        ("status=broken", "id=3", "update 'id=3' must be status=STATUS"),
        ("broken", "status=new", "query 'broken' must be status=STATUS or id=ID"),
        ("name=demo", "status=new", "must be status=STATUS or id=ID"),
    ],
)
def test_set_refuses_what_the_state_table_does_not_allow(run, broken, query, update, message):
    outcome = run("db", "set", "demo", query, update, "-f")

    assert outcome.code == 2
    assert message in outcome.err
    assert counts(run) == {"broken": 3}


def test_set_says_why_one_trial_cannot_change(run, hunted):
    trial = json.loads(run("status", "--all", "--format", "json").out)[0]["trials"][0]["id"]

    assert "is completed" in run("db", "set", "demo", f"id={trial}", "status=new", "-f").err
    assert "no trial with the id" in run("db", "set", "demo", "id=3", "status=new", "-f").err


def test_release_frees_the_trials_of_a_dead_worker(run, start):
    process = start("-v", "hunt", "-n", "demo", "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"
    process.kill()
    process.wait()

    assert run("db", "release", "demo", "-f").out == "1 trials released\n"
    assert counts(run) == {"interrupted": 1}


def test_release_frees_the_trials_of_living_workers_only_when_told_to(run, start):
    process = start("-v", "hunt", "-n", "demo", "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"

    assert run("db", "release", "demo", "-f").out == "0 trials released\n"
    assert run("db", "release", "demo", "--all", "-f").out == "1 trials released\n"


# --- on a server --------------------------------------------------------------------------------


@pytest.mark.mongodb
def test_commands_work_on_a_server_as_on_a_file(run, mongodb_uri):
    words = ("hunt", "-n", "demo", "--max-trials", 4, "--storage", mongodb_uri)
    assert run(*words, "./good.sh", PRIOR).code == 0

    assert run("db", "test", "--storage", mongodb_uri).code == 0
    assert run("insert", "-n", "demo", "--storage", mongodb_uri, "-x=0.5").code == 0
    assert counts(run, "--storage", mongodb_uri) == {"completed": 4, "new": 1}
    assert run("info", "-n", "demo", "--storage", mongodb_uri, "--format", "json").code == 0

    run("db", "dump", "--storage", mongodb_uri, "-o", "dump.pkl")
    run("db", "load", "dump.pkl", "--storage", mongodb_uri, "-r", "bump")
    assert titles(run, "--storage", mongodb_uri) == ["demo-v1", "demo-v2"]
    assert run("db", "rm", "demo", "-f", "--storage", mongodb_uri).code == 0


def test_what_a_damaged_file_holds_is_salvaged(run, hunted):
    path = default_database_path()
    data = bytearray(path.read_bytes())
    data[-10] ^= 0xFF
    path.write_bytes(bytes(data))
    path.write_bytes(path.read_bytes() + b"\x01" * 40)
    refused = run("status")
    assert (refused.code, "orion-like db salvage" in refused.err) == (1, True)

    outcome = run("db", "salvage", path, "-o", "new.pkl")

    assert outcome.code == 0
    assert outcome.out.startswith("Lost ")
    assert "Salvaged 1 document of experiments\nSalvaged 4 documents of trials\n" in outcome.out
    assert titles(run, "--storage", "new.pkl") == ["demo-v1"]
