"""Oríon's data on the command line: looking at it, `db upgrade`, and `db dump --format orion`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import bson.json_util
import pytest
from pymongo import MongoClient

from orion_like.storage.orion_file import is_orion_file, read_orion_file

ASSETS = Path(__file__).parent.parent / "assets" / "orion-0.2.7"


@pytest.fixture
def file(tmp_path):
    """A file of Oríon's PickledDB."""
    path = tmp_path / "orion_db.pkl"
    path.write_bytes(gzip.decompress((ASSETS / "orion_db.pkl.gz").read_bytes()))
    return path


def test_a_file_of_orion_is_listed_as_a_tree(run, file):
    outcome = run("list", "--storage", file)

    assert outcome.code == 0
    assert outcome.out.split("promoted-v1\n")[1] == (
        "script-v1\n└── script-v2\n    └── branch-v1\nwarmed-v1\n"
    )


def test_what_orion_did_is_shown_without_a_byte_written(run, file):
    before = file.read_bytes()

    status = run("status", "--storage", file, "--format", "json")
    info = run("info", "-n", "population", "--storage", file, "--format", "json")

    assert (status.code, info.code) == (0, 0)
    assert json.loads(info.out)["algorithm"]["pbt"]["population_size"] == 3
    assert json.loads(info.out)["stats"]["trials_completed"] == 7
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.glob("orion_db*")] == ["orion_db.pkl"]


def test_a_hunt_on_a_file_of_orion_says_how_to_go_on(run, file):
    outcome = run("hunt", "-n", "new", "--storage", file, "./good.sh", "-x~uniform(0, 1)")

    assert outcome.code == 1
    assert f"orion-like db upgrade --storage {file}" in outcome.err


def test_upgrade_asks_first_and_refusing_changes_nothing(run_process, start, file):
    before = file.read_bytes()
    process = start("db", "upgrade", "--storage", file, stdin=-1)

    out, err = process.communicate("n\n", timeout=60)

    assert process.returncode == 1
    assert "Convert" in out
    assert "nothing was changed" in err
    assert file.read_bytes() == before


def test_upgrade_converts_keeps_a_backup_and_has_nothing_to_do_again(run, file):
    before = file.read_bytes()

    first = run("db", "upgrade", "--storage", file, "--force")
    second = run("db", "upgrade", "--storage", file)

    assert first.code == 0
    assert first.out == (
        f"Converted 7 experiments with 36 trials\nEverything as it was is in {file}.orion-backup\n"
    )
    assert Path(f"{file}.orion-backup").read_bytes() == before
    assert (second.code, second.out) == (
        0,
        "Nothing to do: this database holds nothing that Oríon made\n",
    )
    assert "script-v2" in run("list", "--storage", file).out


def test_upgrade_keeps_the_backup_where_it_is_told_to(run, file, tmp_path):
    outcome = run("db", "upgrade", "--storage", file, "-f", "--backup", tmp_path / "kept.pkl")

    assert outcome.code == 0
    assert is_orion_file(tmp_path / "kept.pkl")
    assert not is_orion_file(file)


def test_upgrade_of_a_missing_file_is_an_error_and_makes_none(run, tmp_path):
    outcome = run("db", "upgrade", "--storage", tmp_path / "nothing.pkl", "-f")

    assert outcome.code == 1
    assert "does not exist" in outcome.err
    assert list(tmp_path.glob("nothing*")) == []


@pytest.mark.mongodb
def test_upgrade_of_a_mongodb_writes_its_backup_into_the_current_directory(run, mongodb_uri):
    content = bson.json_util.loads(gzip.decompress((ASSETS / "orion_mongodb.json.gz").read_bytes()))
    with MongoClient(mongodb_uri) as client:
        for name, collection in content.items():
            client.get_default_database()[name].insert_many(collection["documents"])

    first = run("db", "upgrade", "--storage", mongodb_uri, "--force")
    second = run("db", "upgrade", "--storage", mongodb_uri, "--force")

    assert "Converted 4 experiments with 20 trials" in first.out
    (backup,) = Path.cwd().glob("orion-backup-*.pkl")
    assert len(read_orion_file(backup)["trials"]) == 20
    assert "Nothing to do" in second.out


def test_a_dump_for_orion_is_a_file_of_orion_that_can_be_loaded_again(run, hunted, tmp_path):
    target = tmp_path / "back.pkl"

    dumped = run("db", "dump", "--format", "orion", "-o", target)
    again = run("db", "dump", "--format", "orion", "-o", target)
    loaded = run("db", "load", target, "--storage", tmp_path / "new.pkl")

    assert dumped.out == f"Dumped 1 experiment with 4 trials to {target}\n"
    assert "exists already" in again.err
    assert is_orion_file(target)
    assert loaded.code == 0
    assert "demo-v1" in run("list", "--storage", tmp_path / "new.pkl").out
