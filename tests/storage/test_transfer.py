"""Copies of experiments between storages."""

from __future__ import annotations

import os

import pytest

from orion_like.errors import DatabaseError, NoConfigurationError
from orion_like.storage import EphemeralDB, PickledDB, Storage, setup_storage
from orion_like.storage.transfer import copy, dump, load, plan
from orion_like.trial import Trial


@pytest.fixture
def source(database):
    return Storage(database)


@pytest.fixture
def destination():
    return Storage(EphemeralDB())


def add_experiment(storage, name, version=1, parent=None, trials=0, status="completed"):
    """Store an experiment with some trials, and return its document."""
    refers = {"root_id": None, "parent_id": None, "adapter": []}
    if parent is not None:
        root = parent["refers"]["root_id"]
        refers = {"root_id": root, "parent_id": parent["_id"], "adapter": [{"of_type": "x"}]}
    document = storage.create_experiment(
        {
            "name": name,
            "version": version,
            "space": {"x": "uniform(0, 1)"},
            "seed": 1,
            "refers": refers,
        }
    )
    for number in range(trials):
        trial = Trial(
            experiment=document["_id"],
            number=number,
            params=[{"name": "x", "type": "real", "value": number / 7 + version}],
            results=[{"name": "objective", "type": "objective", "value": float(number)}]
            if status == "completed"
            else [],
        )
        storage.register_trial(trial, status, worker="w")
    return document


def titles(storage):
    return [(doc["name"], doc["version"]) for doc in storage.fetch_experiments()]


def without_identities(storage, name, version=1):
    """Return what of an experiment must be the same after it was copied."""
    document = storage.fetch_experiment(name, version)
    kept = {key: value for key, value in document.items() if key not in ("_id", "refers")}
    ignored = {"_id", "experiment", "change"}
    trials = [
        {key: value for key, value in trial.to_dict().items() if key not in ignored}
        for trial in storage.fetch_trials(document["_id"])
    ]
    return kept, trials


def test_a_copy_has_the_same_experiments_and_trials(source, destination):
    add_experiment(source, "a", trials=3)
    add_experiment(source, "b", trials=2, status="new")

    transfer = copy(source, destination)

    assert transfer.experiments == [("a-v1", "a-v1"), ("b-v1", "b-v1")]
    assert transfer.trials == 5
    for name in ("a", "b"):
        assert without_identities(destination, name) == without_identities(source, name)


def test_versions_are_linked_in_the_copy_as_in_the_original(source, destination):
    first = add_experiment(source, "a")
    second = add_experiment(source, "a", 2, parent=first)
    add_experiment(source, "child", 1, parent=second)
    add_experiment(destination, "in the way", trials=1)

    copy(source, destination)

    a1, a2 = (destination.fetch_experiment("a", version) for version in (1, 2))
    child = destination.fetch_experiment("child")
    assert a1["refers"]["root_id"] == a1["_id"]
    assert a2["refers"]["parent_id"] == a1["_id"]
    assert child["refers"] == {
        "root_id": a1["_id"],
        "parent_id": a2["_id"],
        "adapter": [{"of_type": "x"}],
    }


def test_one_experiment_is_copied_without_the_others_and_without_links(source, destination):
    first = add_experiment(source, "a")
    add_experiment(source, "a", 2, parent=first, trials=2)
    source.database.insert("benchmarks", {"name": "bench"})

    transfer = copy(source, destination, name="a")

    assert titles(destination) == [("a", 2)]
    document = destination.fetch_experiment("a")
    assert document["refers"]["parent_id"] is None
    assert document["refers"]["root_id"] == document["_id"]
    assert (transfer.trials, transfer.benchmarks) == (2, 0)


def test_an_unknown_experiment_cannot_be_copied(source, destination):
    add_experiment(source, "a")

    with pytest.raises(NoConfigurationError, match="No experiment found with the name 'b'"):
        copy(source, destination, name="b")
    with pytest.raises(NoConfigurationError, match="a-v2"):
        copy(source, destination, name="a", version=2)


def test_documents_of_other_collections_follow_their_experiment(source, destination):
    uid = add_experiment(source, "a", trials=1)["_id"]
    add_experiment(destination, "in the way", trials=1)
    trial = source.fetch_trials(uid)[0]
    source.database.insert("metrics", {"experiment": uid, "trial": trial._id, "loss": 1.0})
    source.database.insert("metrics", {"experiment": "another", "loss": 2.0})

    copy(source, destination)

    new = destination.fetch_experiment("a")["_id"]
    (metric,) = destination.database.find("metrics")
    assert (metric["experiment"], metric["loss"]) == (new, 1.0)
    assert metric["trial"] == destination.fetch_trials(new)[0]._id


def test_nothing_is_copied_when_something_is_there_already(source, destination):
    add_experiment(source, "a", trials=1)
    add_experiment(source, "b", trials=1)
    add_experiment(destination, "b")

    with pytest.raises(DatabaseError, match="b-v1 is there already"):
        copy(source, destination)

    assert titles(destination) == [("b", 1)]


def test_ignored_experiments_stay_as_they_are_and_get_the_new_children(source, destination):
    first = add_experiment(source, "a", trials=3)
    add_experiment(source, "a", 2, parent=first)
    there = add_experiment(destination, "a", trials=1)

    transfer = copy(source, destination, resolve="ignore")

    assert transfer.skipped == ["a-v1"]
    assert len(destination.fetch_trials(there["_id"])) == 1
    assert destination.fetch_experiment("a", 2)["refers"]["parent_id"] == there["_id"]


def test_overwritten_experiments_are_replaced_with_their_trials(source, destination):
    add_experiment(source, "a", trials=3)
    there = add_experiment(destination, "a", trials=1)
    add_experiment(destination, "child", parent=there)

    copy(source, destination, resolve="overwrite")

    document = destination.fetch_experiment("a")
    assert len(destination.fetch_trials(document["_id"])) == 3
    assert destination.fetch_trials(there["_id"]) == []
    assert destination.fetch_experiment("child")["refers"]["parent_id"] == document["_id"]


def test_running_experiments_are_not_overwritten(source, destination):
    add_experiment(source, "a")
    add_experiment(destination, "a", trials=1, status="reserved")

    with pytest.raises(DatabaseError, match="1 running trials"):
        copy(source, destination, resolve="overwrite")


def test_bumped_experiments_get_the_next_versions_in_their_order(source, destination):
    first = add_experiment(source, "a", trials=1)
    add_experiment(source, "a", 2, parent=first, trials=2)
    add_experiment(destination, "a")

    transfer = copy(source, destination, resolve="bump")

    assert transfer.experiments == [("a-v1", "a-v2"), ("a-v2", "a-v3")]
    bumped = destination.fetch_experiment("a", 2)
    assert destination.fetch_experiment("a", 3)["refers"]["parent_id"] == bumped["_id"]


def test_an_experiment_whose_copy_fails_leaves_nothing_behind(source, destination, monkeypatch):
    add_experiment(source, "a", trials=3)

    insert_many = destination.database.insert_many

    def full(collection, documents, **options):
        if collection == "trials":
            raise DatabaseError("the disk is full")
        return insert_many(collection, documents, **options)

    monkeypatch.setattr(destination.database, "insert_many", full)
    with pytest.raises(DatabaseError, match="disk is full"):
        copy(source, destination)

    assert titles(destination) == []


def test_an_experiment_is_not_seen_before_all_its_trials_are_there(
    source, destination, monkeypatch
):
    add_experiment(source, "a", trials=3)
    insert_many, seen = destination.database.insert_many, []

    def watched(collection, documents, **options):
        if collection == "trials":
            seen.append(destination.fetch_experiment("a"))
        return insert_many(collection, documents, **options)

    monkeypatch.setattr(destination.database, "insert_many", watched)
    copy(source, destination)

    assert seen == [None]
    assert titles(destination) == [("a", 1)]


def test_an_experiment_that_came_into_being_meanwhile_is_kept(source, destination, monkeypatch):
    add_experiment(source, "a", trials=3)
    insert_many = destination.database.insert_many

    def slow(collection, documents, **options):
        if collection == "trials":
            add_experiment(destination, "a")
        return insert_many(collection, documents, **options)

    monkeypatch.setattr(destination.database, "insert_many", slow)
    with pytest.raises(DatabaseError, match="meanwhile"):
        copy(source, destination)

    assert titles(destination) == [("a", 1)]
    assert destination.database.count("trials") == 0


@pytest.mark.parametrize("resolve", [None, "bump"])
def test_benchmarks_that_are_there_already_cannot_be_bumped(source, destination, resolve):
    for storage in (source, destination):
        storage.database.insert("benchmarks", {"name": "bench"})

    with pytest.raises(DatabaseError, match="benchmark bench is there already"):
        copy(source, destination, resolve=resolve)


@pytest.mark.parametrize(("resolve", "kept"), [("ignore", "old"), ("overwrite", "new")])
def test_benchmarks_are_ignored_or_overwritten(source, destination, resolve, kept):
    source.database.insert("benchmarks", {"name": "bench", "algorithms": ["new"]})
    destination.database.insert("benchmarks", {"name": "bench", "algorithms": ["old"]})

    copy(source, destination, resolve=resolve)

    assert [doc["algorithms"] for doc in destination.database.find("benchmarks")] == [[kept]]


# --- files --------------------------------------------------------------------------------------


def test_a_dump_is_a_database_file(source, tmp_path):
    add_experiment(source, "a", trials=3)

    dump(source, tmp_path / "dump.pkl")

    opened = setup_storage(str(tmp_path / "dump.pkl"))
    assert without_identities(opened, "a") == without_identities(source, "a")


def test_what_was_dumped_is_loaded_as_it_was(source, destination, tmp_path):
    add_experiment(source, "a", trials=3)

    dump(source, tmp_path / "dump.pkl")
    transfer = load(destination, tmp_path / "dump.pkl")

    assert transfer.trials == 3
    assert without_identities(destination, "a") == without_identities(source, "a")


def test_a_dump_leaves_nothing_but_its_file(source, tmp_path):
    add_experiment(source, "a", trials=1)
    folder = tmp_path / "dumps"
    folder.mkdir()

    dump(source, folder / "dump.pkl")

    assert os.listdir(folder) == ["dump.pkl"]


def test_a_dump_replaces_a_file_only_when_asked_to(source, tmp_path):
    path = tmp_path / "dump.pkl"
    path.write_text("precious")

    with pytest.raises(DatabaseError, match=r"dump\.pkl exists already"):
        dump(source, path)
    assert path.read_text() == "precious"

    dump(source, path, overwrite=True)
    assert setup_storage(str(path)).fetch_experiments() == []


def test_a_failed_dump_leaves_the_old_file(source, tmp_path):
    add_experiment(source, "a")
    path = tmp_path / "dump.pkl"
    dump(source, path)

    with pytest.raises(NoConfigurationError):
        dump(source, path, name="unknown", overwrite=True)

    assert titles(setup_storage(str(path))) == [("a", 1)]
    assert os.listdir(tmp_path).count("dump.pkl") == 1


@pytest.mark.parametrize(
    ("where", "message"),
    [("no/such/dump.pkl", "does not exist"), (".", "exists already|is a directory")],
)
def test_a_dump_needs_a_place(source, tmp_path, where, message):
    with pytest.raises(DatabaseError, match=message):
        dump(source, tmp_path / where)


def test_a_missing_file_cannot_be_loaded(destination, tmp_path):
    with pytest.raises(DatabaseError, match="there is no file"):
        load(destination, tmp_path / "dump.pkl")


def test_a_file_that_is_no_database_cannot_be_loaded(destination, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("to do: buy milk, and much more than fits in a header\n" * 10)

    with pytest.raises(DatabaseError):
        load(destination, path)
    assert path.read_text().startswith("to do")


# --- planning -----------------------------------------------------------------------------------


def versions(*numbers, name="a"):
    return [{"name": name, "version": number} for number in numbers]


def actions(steps):
    return [(step.action, step.version) for step in steps]


def test_what_is_free_is_inserted_under_its_version():
    assert actions(plan(versions(2, 5), set(), "bump")) == [("insert", 2), ("insert", 5)]


def test_bumping_never_takes_a_version_that_another_one_has():
    taken = {("a", 1), ("a", 4)}

    assert actions(plan(versions(1, 2, 7), taken, "bump")) == [
        ("insert", 5),
        ("insert", 6),
        ("insert", 7),
    ]


def test_names_are_bumped_one_by_one():
    steps = plan(versions(1) + versions(1, name="b"), {("a", 1)}, "bump")

    assert actions(steps) == [("insert", 2), ("insert", 1)]


def test_many_conflicts_are_not_all_listed():
    with pytest.raises(DatabaseError, match="a-v5 and 3 more are there already"):
        plan(versions(*range(1, 9)), {("a", number) for number in range(1, 9)})


def test_a_dump_never_replaces_the_database_that_it_is_made_of(tmp_path):
    path = tmp_path / "db.pkl"
    storage = Storage(PickledDB(host=str(path)))
    add_experiment(storage, "a", trials=1)
    before = path.read_bytes()

    with pytest.raises(DatabaseError, match="is the database itself"):
        dump(storage, path, overwrite=True)

    assert path.read_bytes() == before


def test_a_branch_keeps_its_parent_whatever_their_names_are(source, destination):
    parent = source.create_experiment({"name": "parent", "version": 1})
    refers = {"root_id": parent["_id"], "parent_id": parent["_id"], "adapter": []}
    source.create_experiment({"name": "a branch", "version": 1, "refers": refers})

    copy(source, destination)

    branch, root = destination.fetch_experiments()
    assert branch["refers"]["parent_id"] == branch["refers"]["root_id"] == root["_id"]


def test_a_line_of_versions_may_be_longer_than_calls_may_be_nested():
    documents = [
        {"_id": n, "name": "a", "version": n, "refers": {"parent_id": n - 1 or None, "root_id": 1}}
        for n in range(1, 1201)
    ]
    source, destination = Storage(EphemeralDB()), Storage(EphemeralDB())
    source.database.insert_many("experiments", documents)

    copy(source, destination)

    found = destination.fetch_experiments(fields=["refers.parent_id"])
    parents = [document["refers"]["parent_id"] for document in found]
    assert parents == [None, *(document["_id"] for document in found[:-1])]
