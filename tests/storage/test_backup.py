"""Backups are whole, whatever goes on meanwhile."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from orion_like.errors import CorruptedDatabaseError, DatabaseError
from orion_like.storage import PickledDB, Storage
from orion_like.storage.backup import backup
from orion_like.trial import Trial


def add_trials(storage, uid, numbers):
    for number in numbers:
        params = [{"name": "x", "type": "real", "value": float(number)}]
        storage.register_trial(Trial(experiment=uid, number=number, params=params))


@pytest.fixture
def storage(database):
    return Storage(database)


@pytest.fixture
def uid(storage):
    return storage.create_experiment({"name": "demo", "version": 1, "space": {}})["_id"]


@pytest.fixture
def file_storage(tmp_path):
    return Storage(PickledDB(tmp_path / "db.pkl"))


def test_a_backup_holds_everything(storage, uid, tmp_path):
    add_trials(storage, uid, range(20))

    made = backup(storage, tmp_path / "backup.pkl")

    assert (made.experiments, made.trials) == (1, 20)
    assert made.size == (tmp_path / "backup.pkl").stat().st_size
    opened = Storage(PickledDB(tmp_path / "backup.pkl"))
    again = opened.fetch_experiment("demo")["_id"]
    assert {t.id for t in opened.fetch_trials(again)} == {t.id for t in storage.fetch_trials(uid)}


def test_a_backup_of_a_file_that_is_written_is_its_state_at_one_moment(file_storage, tmp_path):
    uid = file_storage.create_experiment({"name": "demo", "version": 1})["_id"]
    stopped = threading.Event()

    def write():
        number = 0
        while not stopped.is_set():
            add_trials(file_storage, uid, [number])
            number += 1
            if number % 50 == 0:
                file_storage.database.compact()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for name in "abcdef":
            made = backup(file_storage, tmp_path / name)
            opened = Storage(PickledDB(tmp_path / name))
            numbers = sorted(trial.number for trial in opened.fetch_trials(uid))
            assert numbers == list(range(made.trials))
    finally:
        stopped.set()
        writer.join()


def test_the_unfinished_record_at_the_end_is_left_out(file_storage, tmp_path):
    uid = file_storage.create_experiment({"name": "demo", "version": 1})["_id"]
    path = file_storage.database.path
    complete = path.stat().st_size
    add_trials(file_storage, uid, [0])
    os.truncate(path, (complete + path.stat().st_size) // 2)

    made = backup(file_storage, tmp_path / "backup.pkl")

    assert (made.trials, made.size) == (0, complete)


def test_a_damaged_database_is_told_and_makes_no_backup(file_storage, tmp_path):
    uid = file_storage.create_experiment({"name": "demo", "version": 1})["_id"]
    path = file_storage.database.path
    middle = path.stat().st_size
    add_trials(file_storage, uid, range(3))
    with path.open("r+b") as file:
        file.seek(middle + 30)
        file.write(b"\xff\x00\xff")

    with pytest.raises(CorruptedDatabaseError, match=f"damaged at byte {middle}"):
        backup(file_storage, tmp_path / "backup.pkl")

    assert sorted(os.listdir(tmp_path)) == ["db.pkl", "db.pkl.lock"]


def test_an_existing_file_is_replaced_only_when_asked_for(storage, uid, tmp_path):
    path = tmp_path / "backup.pkl"
    path.write_text("precious")

    with pytest.raises(DatabaseError, match="exists already"):
        backup(storage, path)
    assert path.read_text() == "precious"

    assert backup(storage, path, overwrite=True).experiments == 1


def test_the_database_is_never_replaced_by_its_backup(file_storage):
    file_storage.create_experiment({"name": "demo", "version": 1})

    with pytest.raises(DatabaseError, match="the database itself"):
        backup(file_storage, file_storage.database.path, overwrite=True)


def test_only_its_owner_can_read_a_backup(file_storage, tmp_path):
    file_storage.create_experiment({"name": "demo", "version": 1})

    backup(file_storage, tmp_path / "backup.pkl")

    assert stat.S_IMODE((tmp_path / "backup.pkl").stat().st_mode) == 0o600


def test_a_restored_backup_is_read_anew_by_those_who_knew_the_database(file_storage, tmp_path):
    uid = file_storage.create_experiment({"name": "demo", "version": 1})["_id"]
    add_trials(file_storage, uid, range(3))
    backup(file_storage, tmp_path / "backup.pkl")
    add_trials(file_storage, uid, range(3, 6))
    _, token = file_storage.changed_trials(uid, None)

    os.replace(tmp_path / "backup.pkl", file_storage.database.path)
    changed, _ = file_storage.changed_trials(uid, token)

    assert sorted(document["number"] for document in changed) == [0, 1, 2]
