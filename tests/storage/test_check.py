"""What a check of a database finds, and what can be repaired."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from orion_like.storage import PickledDB, Storage
from orion_like.storage.check import check, repair
from orion_like.storage.setup import open_database
from orion_like.trial import Trial


@pytest.fixture
def storage(database):
    return Storage(database)


@pytest.fixture
def uid(storage):
    """An experiment with three completed trials and two that wait."""
    uid = storage.create_experiment(
        {"name": "demo", "version": 1, "space": {"x": "uniform(0, 10)"}, "next_number": 5}
    )["_id"]
    for number in range(5):
        done = number < 3
        storage.register_trial(
            Trial(
                experiment=uid,
                number=number,
                params=[{"name": "x", "type": "real", "value": float(number)}],
                results=[{"name": "loss", "type": "objective", "value": 1.0}] if done else [],
            ),
            "completed" if done else "new",
        )
    return uid


def change(storage, uid, number, **fields):
    """Change a trial as no verb of the storage would."""
    storage.database.update("trials", {"experiment": uid, "number": number}, {"$set": fields})


def problems(storage):
    return [finding.problem for finding in check(storage.database).findings]


def test_a_sound_database_is_called_sound(storage, uid):
    report = check(storage.database)

    assert report.is_sound
    assert (report.experiments, report.trials, report.findings) == (1, 5, [])


def test_an_empty_database_is_sound(database):
    assert check(database).is_sound


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"status": "done"}, "1 trial whose status is none of new, reserved, "),
        ({"results": []}, "1 trial completed without an objective: "),
        (
            {"results": [{"name": "loss", "type": "objective", "value": "1.0"}]},
            "1 trial completed without an objective: ",
        ),
        ({"id": "0" * 32}, "1 trial whose id does not belong to its parameters: 00000"),
        ({"params": [{"name": "y", "type": "real", "value": 1.0}]}, "1 trial whose id does not"),
        ({"end_time": 12.5}, "1 trial with a time that is none: "),
        ({"status": "reserved", "worker": None}, "1 trial reserved by nobody: "),
    ],
)
def test_what_no_trial_may_be_like_is_found(storage, uid, fields, problem):
    change(storage, uid, 1, **fields)

    report = check(storage.database)

    assert not report.is_sound
    assert report.findings[0].place == "demo-v1"
    assert report.findings[0].problem.startswith(problem)
    assert report.findings[0].remedy


def test_trials_with_parameters_of_another_space_are_found(storage, uid):
    other = Trial(experiment=uid, number=5, params=[{"name": "y", "type": "real", "value": 1.0}])
    storage.register_trial(other)
    storage.update_experiment(uid, next_number=6)

    assert problems(storage) == [
        f"1 trial with parameters that are not in its search space: {other.id}"
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"next_number": 3}, "its next number is 3, but its trials have numbers up to 4"),
        ({"next_number": None}, "its next number is None, but its trials have numbers up to 4"),
        ({"free_numbers": [2]}, "its numbers to be used again are in use, doubled or impossible"),
        ({"free_numbers": [9]}, "its numbers to be used again are in use, doubled or impossible"),
        ({"max_trials": "many"}, "its max_trials is 'many'"),
        ({"space": {"x": "unifrom(0, 1)"}}, "its search space cannot be read: "),
        ({"refers": {"root_id": 77, "parent_id": None}}, "its root (77) is gone"),
    ],
)
def test_what_no_experiment_may_be_like_is_found(storage, uid, fields, problem):
    storage.update_experiment(uid, **fields)

    assert [found[: len(problem)] for found in problems(storage)] == [problem]


def test_a_number_without_a_trial_is_only_noted(storage, uid):
    storage.update_experiment(uid, next_number=7, free_numbers=[5])

    report = check(storage.database)

    assert report.is_sound
    assert [f.problem for f in report.findings] == ["1 of its numbers were taken and have no trial"]


def test_leases_of_workers_without_a_sign_of_life_are_found(storage, uid):
    storage.reserve_trial(uid, "elsewhere-1-0badcafe")
    assert check(storage.database, lost_threshold=60).is_sound

    change(storage, uid, 3, heartbeat=None)

    (finding,) = check(storage.database, lost_threshold=60).findings
    assert finding.problem.startswith("1 trial reserved by workers that are gone: ")
    assert "db release demo" in finding.remedy


def test_trials_of_an_experiment_that_is_gone_are_found_and_deleted(storage, uid):
    storage.database.remove("experiments", {"_id": uid})

    report = check(storage.database)

    assert [finding.problem for finding in report.findings] == [
        f"5 belong to an experiment that does not exist (its id would be {uid})"
    ]
    assert repair(storage, report) == 1
    assert check(storage.database).trials == 0


def test_what_can_be_repaired_is(storage, uid):
    storage.update_experiment(
        uid, next_number=1, free_numbers=[0], refers={"root_id": 77, "parent_id": 77}
    )
    change(storage, uid, 0, status="done")
    change(storage, uid, 1, results=[])
    change(storage, uid, 3, status="reserved", worker=None)
    storage.reserve_trial(uid, "elsewhere-1-0badcafe")
    change(storage, uid, 4, heartbeat=None)
    before = check(storage.database)
    assert not before.is_sound

    repair(storage, before)

    assert check(storage.database).findings == []
    statuses = [t.status for t in storage.fetch_trials(uid)]
    assert statuses == ["interrupted", "broken", "completed", "interrupted", "interrupted"]
    assert storage.fetch_budget(uid)["next_number"] == 5


def test_what_changes_during_the_check_is_not_taken_for_wrong(storage, uid, monkeypatch):
    find, looks = storage.database.find, []

    def find_in_the_middle_of_a_deletion(collection, query=None, **options):
        found = find(collection, query, **options)
        if collection == "trials" and "fields" not in options and not looks:
            looks.append(query)
            storage.delete_trials(uid, {"number": 2})
        return found

    monkeypatch.setattr(storage.database, "find", find_in_the_middle_of_a_deletion)

    assert check(storage.database).findings == []
    assert looks


# --- files --------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    """A file with twenty documents, closed, and where the last but one begins."""
    path, sizes = tmp_path / "db.pkl", []
    with PickledDB(path) as database:
        for word in range(20):
            sizes.append(path.stat().st_size if path.exists() else 0)
            database.insert("words", {"word": word})
    return path, sizes[-2]


def spoil(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff\x00\xff")


def test_every_damaged_record_is_found(written):
    path, position = written
    spoil(path, position + 20)

    report = check(PickledDB(path))

    (finding,) = report.findings
    assert not report.is_sound
    assert finding.place == "file"
    assert finding.problem.endswith(f"bytes at byte {position}: a record whose checksum is wrong")
    assert f"orion-like db salvage {path} -o NEW" in finding.remedy


def test_a_write_that_was_cut_off_is_only_noted(written):
    path, position = written
    os.truncate(path, position + 20)

    report = check(PickledDB(path))

    assert report.is_sound
    assert [(f.severity, f.remedy) for f in report.findings] == [
        ("note", "nothing: the next write cuts it off")
    ]


def test_a_damaged_header_is_found(written):
    path, _ = written
    spoil(path, 12)

    (finding,) = check(PickledDB(path)).findings
    assert "the header is damaged" in finding.problem
    assert "db salvage" in finding.remedy


def test_what_is_no_database_is_told(tmp_path):
    path = tmp_path / "db.pkl"
    path.write_text("dear diary, " * 100)

    (finding,) = check(PickledDB(path)).findings
    assert "is not a database of orion_like" in finding.problem
    assert path.read_text().startswith("dear diary")


def test_a_file_of_orion_is_read_and_noted(tmp_path):
    path = tmp_path / "orion_db.pkl"
    asset = Path(__file__).parents[1] / "assets" / "orion-0.2.7" / "orion_db.pkl.gz"
    path.write_bytes(gzip.decompress(asset.read_bytes()))

    report = check(open_database(str(path)))

    assert report.experiments == 7
    assert "db upgrade" in report.findings[0].remedy
    assert not any("index" in finding.place for finding in report.findings)


def test_missing_and_different_indexes_are_found(database):
    database.ensure_index("trials", ["experiment", "id"], unique=False)
    database.insert("trials", {"experiment": 1, "id": "a"})
    database.insert("experiments", {"_id": 1, "name": "demo", "version": 1})

    found = {f.place: f.problem for f in check(database).findings if "index" in f.place}

    assert found["index of trials on experiment, number"] == "it is missing"
    assert "should be Index(unique=True" in found["index of trials on experiment, id"]


def test_documents_that_should_be_unique_are_found_where_an_index_is_missing(database):
    database.insert("trials", {"experiment": 1, "id": "a", "number": 0, "params": []})
    database.insert("trials", {"experiment": 1, "id": "a", "number": 0, "params": []})
    for uid in (1, 2):
        database.insert(
            "experiments",
            {"_id": uid, "name": "demo", "version": 1, "next_number": 1, "free_numbers": []},
        )

    found = [finding.problem for finding in check(database).findings]

    assert "more than one trial has the id a" in found
    assert "more than one trial has the number 0" in found
    assert "2 experiments have this name and version" in found


def test_copies_of_trials_that_no_experiment_starts_from_are_noted_and_deleted(database):
    storage = Storage(database)
    warm = {"mark": "known", "sources": []}
    prior = [{"source": 0, "position": 0, "params": [], "results": []}]
    storage.create_experiment({"name": "warm", "version": 1, "warm_start": warm}, prior)
    database.insert("prior_trials", {"experiment": 7, "mark": "lost", "source": 0})

    report = check(database)
    repair(storage, report)

    (note,) = [finding for finding in report.findings if finding.place == "prior_trials"]
    assert (note.severity, note.problem) == ("note", "1 belong to no experiment")
    assert [found["mark"] for found in database.find("prior_trials")] == ["known"]


def test_versions_that_come_from_each_other_in_a_circle_are_found_and_repaired(storage):
    first, second, third = (
        storage.create_experiment({"name": "demo", "version": version, "space": {}})["_id"]
        for version in (1, 2, 3)
    )
    for child, parent in ((second, first), (third, second), (first, third)):
        refers = {"root_id": first, "parent_id": parent, "adapter": []}
        storage.update_experiment(child, refers=refers)

    assert problems(storage)[0] == "its parents lead back to it, past 2 others"
    repair(storage, check(storage.database))
    assert [doc["refers"]["parent_id"] for doc in storage.fetch_experiments()] == [
        None,
        first,
        second,
    ]
