"""Data that Oríon 0.2.7 wrote: opened, continued, converted, and written for it."""

from __future__ import annotations

import datetime
import gzip
import json
import math
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import bson.json_util
import pytest
from pymongo import MongoClient

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import (
    AlgorithmError,
    CorruptedDatabaseError,
    DatabaseError,
    NoConfigurationError,
    OutdatedDatabaseError,
)
from orion_like.space import build_space
from orion_like.storage import EphemeralDB, PickledDB, Storage, setup_storage
from orion_like.storage.adoption import adopt, adopted
from orion_like.storage.orion_file import is_orion_file, read_orion_file, write_orion_file
from orion_like.storage.orion_transfer import dump_for_orion, upgrade_database, upgrade_file
from orion_like.storage.transfer import copy, load
from orion_like.testing.mongod import Mongod
from orion_like.trial import Trial

ASSETS = Path(__file__).parent.parent / "assets" / "orion-0.2.7"
EXPECTED = {item["title"]: item for item in json.loads((ASSETS / "expected.json").read_text())}
NEW_TRIAL_FIELDS = {"number", "change"}


@pytest.fixture
def file(tmp_path):
    """A file of Oríon's PickledDB."""
    path = tmp_path / "orion_db.pkl"
    path.write_bytes(gzip.decompress((ASSETS / "orion_db.pkl.gz").read_bytes()))
    return path


@pytest.fixture(scope="module")
def mongodb_content():
    return bson.json_util.loads(gzip.decompress((ASSETS / "orion_mongodb.json.gz").read_bytes()))


@pytest.fixture
def raw(mongodb_uri, mongodb_content):
    """A MongoDB that Oríon wrote, through a plain client."""
    with MongoClient(mongodb_uri, tz_aware=True) as client:
        database = client.get_default_database()
        fill(database, mongodb_content)
        yield database


def fill(database: Any, content: dict[str, Any]) -> None:
    for name, collection in content.items():
        for index in collection["indexes"]:
            options = {"unique": True} if index.get("unique") else {}
            database[name].create_index(list(index["key"].items()), **options)
        database[name].insert_many(collection["documents"])


def titles(storage: Storage) -> dict[Any, str]:
    return {d["_id"]: f"{d['name']}-v{d['version']}" for d in storage.fetch_experiments()}


def moment(text: str | None) -> datetime.datetime | None:
    """Return a time as Oríon prints it, in UTC and in the milliseconds that databases keep."""
    if text is None:
        return None
    time = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def same(a: Any, b: Any) -> bool:
    """Compare documents in which NaN equals itself."""
    return bson.json_util.dumps(a, sort_keys=True) == bson.json_util.dumps(b, sort_keys=True)


def snapshot(database: Any) -> Any:
    found = {name: list(database[name].find()) for name in sorted(database.list_collection_names())}
    return {name: documents for name, documents in found.items() if documents}


def check_against_orion(storage: Storage) -> None:
    """Compare everything in a storage with what Oríon itself said of its file."""
    known = titles(storage)
    assert sorted(known.values()) == sorted(EXPECTED)
    for document in storage.fetch_experiments():
        expected = EXPECTED[known[document["_id"]]]
        assert known.get(document["refers"]["parent_id"]) == expected["parent"]
        assert known[document["refers"]["root_id"]] == expected["root"]
        adapters = [adapter["of_type"] for adapter in document["refers"]["adapter"]]
        assert adapters == expected["adapters"]
        assert document["space"] == expected["space"]
        assert list(document["algorithm"]) == expected["algorithm"]
        assert document["max_trials"] == expected["max_trials"]
        assert document["metadata"]["user"] == expected["user"]
        assert document["metadata"]["datetime"] == moment(expected["created"])
        trials = {trial.id: trial for trial in storage.fetch_trials(document["_id"])}
        assert len(trials) == len(expected["trials"])
        for facts in expected["trials"]:
            check_trial(trials[facts["id"]], facts)


def check_trial(trial: Trial, facts: dict[str, Any]) -> None:
    assert trial.hash_params == facts["hash_params"]
    assert trial.legacy_id == facts["legacy_id"]
    assert trial.full_name == facts["full_name"]
    assert trial.params == facts["params"]
    assert {param.name: param.type for param in trial._params} == facts["types"]
    assert trial.status == facts["status"]
    assert trial.parent == facts["parent"]
    assert trial.exp_working_dir == facts["exp_working_dir"]
    times = [trial.submit_time, trial.start_time, trial.end_time]
    assert times == [moment(text) for text in facts["times"]]
    assert same([result.to_dict() for result in trial.results], facts["results"])


# --- reading a file ------------------------------------------------------------------------------


def test_a_file_is_opened_with_all_that_orion_says_of_it(file):
    check_against_orion(setup_storage(str(file)))


def test_trial_ids_computed_here_are_those_that_orion_stored(file):
    trials = read_orion_file(file)["trials"]

    assert len(trials) == 36
    assert all(Trial.from_document(trial).id == trial["id"] for trial in trials)
    assert sum(trial["parent"] is not None for trial in trials) >= 5


def test_reading_writes_nothing_to_the_file_or_beside_it(file):
    before = file.read_bytes(), file.stat().st_mtime_ns
    client = get_experiment("promoted", storage=str(file))

    stats = client.stats
    client.fetch_trials()
    client.close()

    assert stats.trials_completed == 7
    best = client.get_trial(uid=stats.best_trials_id)
    assert best.params["epochs"] == 4
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert list(file.parent.iterdir()) == [file]


def test_a_file_of_orion_on_a_disk_that_cannot_be_written_is_read_too(file):
    file.chmod(0o400)
    file.parent.chmod(0o500)

    try:
        assert get_experiment("warmed", storage=str(file)).stats.trials_completed == 2
    finally:
        file.parent.chmod(0o700)


def test_every_experiment_of_orion_can_be_looked_at(file):
    storage = setup_storage({"type": "pickleddb", "host": str(file)})

    for document in storage.fetch_experiments():
        client = get_experiment(document["name"], document["version"], storage=storage)
        assert client.stats.nb_trials == len(client.fetch_trials()) > 0
        assert len(client.to_pandas()) == client.stats.nb_trials
        assert dict(build_space(document["space"]).configuration) == dict(
            client.space.configuration
        )


def test_writing_to_a_file_of_orion_is_refused_and_says_how_to_go_on(file):
    before = file.read_bytes()
    with pytest.raises(OutdatedDatabaseError, match="orion-like db upgrade --storage"):
        build_experiment("new", space={"x": "uniform(0, 1)"}, storage=str(file))
    client = build_experiment("priors", storage=str(file))
    with pytest.raises(OutdatedDatabaseError, match="orion-like db upgrade --storage"):
        client.suggest()

    assert file.read_bytes() == before


def test_what_orion_writes_meanwhile_is_seen(file):
    storage = setup_storage(str(file))
    (document,) = storage.fetch_experiments({"name": "warmed"})
    _, token = storage.changed_trials(document["_id"], None)
    collections = read_orion_file(file)
    collections["trials"][-1]["status"] = "broken"

    write_orion_file(file, collections)

    assert storage.count_by_status(document["_id"]) == {"completed": 1, "broken": 1}
    assert len(storage.changed_trials(document["_id"], token)[0]) == 2


def test_trials_are_numbered_in_order_of_suggestion_and_a_heartbeat_that_is_no_time_is_left_out(
    file,
):
    storage = setup_storage(str(file))
    (document,) = storage.fetch_experiments({"name": "priors"})

    trials = storage.fetch_trials(document["_id"])

    assert [trial.number for trial in trials] == list(range(11))
    assert [trial.submit_time for trial in trials] == sorted(t.submit_time for t in trials)
    assert document["next_number"] == 11
    assert document["seed"] == 7
    heartbeats = {trial.heartbeat for trial in trials if trial.status == "reserved"}
    assert None in heartbeats
    assert 120 not in heartbeats


def test_limits_that_are_infinite_are_none():
    documents = {"experiments": [{"_id": 1, "name": "a", "max_trials": math.inf, "max_broken": 3}]}

    (document,) = adopted(documents)["experiments"]

    assert document["max_trials"] is None
    assert document["max_broken"] == 3


# --- files that are not what they seem -----------------------------------------------------------


class Malice:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return os.system, (f"touch {self.victim}",)


def crafted(content: bytes, tmp_path: Path) -> Path:
    """Return a file that begins as one of Oríon, goes on with `content`, and ends."""
    path = tmp_path / "crafted.pkl"
    head = pickle.dumps("orion.core.io.database.ephemeraldb", protocol=4)
    path.write_bytes(head[:-1] + pickle.POP + content)
    return path


def test_a_crafted_file_executes_nothing(tmp_path):
    victim = tmp_path / "executed"
    path = crafted(pickle.dumps(Malice(victim), protocol=2)[2:], tmp_path)

    assert is_orion_file(path)
    with pytest.raises(CorruptedDatabaseError, match=r"refused: it names posix\.system"):
        read_orion_file(path)
    assert not victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(datetime.datetime(2020, 1, 1), protocol=2)[2:],
        pickle.dumps({"_db": {}}, protocol=2)[2:],
        b"corion.core.io.database.ephemeraldb\nEphemeralDB\n)\x81.",
        b"corion.core.io.database.ephemeraldb\nEphemeralDB\n)\x81]b.",
        b"corion.core.io.database.ephemeraldb\nEphemeralDB\n)\x81}X\x03\x00\x00\x00_dbNsb.",
        b"corion.core.io.database.ephemeraldb\nEphemeralDB\n}X\x01\x00\x00\x00aNs\x86b.",
        b"corion.core.worker.trial\nTrial\n)\x81.",
        b"cbuiltins\neval\n.",
    ],
)
def test_what_no_file_of_orion_holds_is_refused(content, tmp_path):
    path = crafted(content, tmp_path)

    with pytest.raises(CorruptedDatabaseError, match=r"crafted\.pkl"):
        read_orion_file(path)
    with pytest.raises(CorruptedDatabaseError):
        setup_storage(str(path)).fetch_experiments()
    with pytest.raises(CorruptedDatabaseError):
        upgrade_file(path)
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == ["crafted.pkl"]


def test_the_states_of_optimisers_stay_bytes(file):
    states = [document["state"] for document in read_orion_file(file)["algo"]]

    assert len(states) == 7
    assert all(type(state) is bytes for state in states)


def test_a_file_that_was_cut_short_is_refused(file):
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(CorruptedDatabaseError, match="damaged or was cut short"):
        read_orion_file(file)


# --- converting a file ---------------------------------------------------------------------------


def test_an_upgraded_file_is_what_was_read_and_the_backup_is_what_was_there(file):
    before = file.read_bytes()
    file.chmod(0o640)
    original = setup_storage(str(file))
    expected = [original.database.find(name) for name in ("experiments", "trials", "benchmarks")]

    done = upgrade_file(file)

    storage = setup_storage(str(file))
    assert isinstance(storage.database, PickledDB)
    check_against_orion(storage)
    found = [storage.database.find(name) for name in ("experiments", "trials", "benchmarks")]
    without_change = [[{**d, "change": 0} for d in documents] for documents in found]
    assert same(without_change, [[{**d, "change": 0} for d in docs] for docs in expected])
    assert (done.experiments, done.trials) == (7, 36)
    assert done.backup == file.with_name("orion_db.pkl.orion-backup")
    assert done.backup.read_bytes() == before
    assert file.stat().st_mode & 0o777 == 0o640


def test_upgrading_again_changes_nothing(file):
    upgrade_file(file)
    before = file.read_bytes()

    done = upgrade_file(file)

    assert (done.backup, done.experiments) == (None, 0)
    assert file.read_bytes() == before


def test_a_backup_is_never_overwritten(file, tmp_path):
    content = file.read_bytes()
    taken = tmp_path / "orion_db.pkl.orion-backup"
    taken.write_text("mine")
    with pytest.raises(DatabaseError, match="exists already"):
        upgrade_file(file, taken)
    assert file.read_bytes() == content

    done = upgrade_file(file)

    assert taken.read_text() == "mine"
    assert done.backup.name == "orion_db.pkl.orion-backup-2"


def test_a_file_that_changes_during_the_conversion_is_left_as_it_is(file, monkeypatch):
    def read_while_orion_writes(path):
        collections = read_orion_file(path)
        write_orion_file(file, {**collections, "trials": []})
        return collections

    monkeypatch.setattr(
        "orion_like.storage.orion_transfer.read_orion_file", read_while_orion_writes
    )
    with pytest.raises(DatabaseError, match="changed during the conversion"):
        upgrade_file(file)

    assert is_orion_file(file)
    assert read_orion_file(file)["trials"] == []


def test_a_link_to_a_file_stays_a_link(file, tmp_path):
    link = tmp_path / "link.pkl"
    link.symlink_to(file)

    upgrade_file(link)

    assert link.is_symlink()
    assert isinstance(setup_storage(str(file)).database, PickledDB)


def test_what_is_no_database_is_not_upgraded(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database\n")

    with pytest.raises(CorruptedDatabaseError):
        upgrade_file(path)
    with pytest.raises(DatabaseError, match="there is no database file"):
        upgrade_file(tmp_path / "missing.pkl")


# --- going on ------------------------------------------------------------------------------------


def test_an_upgraded_experiment_goes_on_to_its_limit(file):
    upgrade_file(file)
    client = build_experiment("priors", max_trials=14, max_broken=10, storage=str(file))

    while not client.is_done:
        client.observe(client.suggest(), 1.0)

    trials = client.fetch_trials()
    assert client.stats.trials_completed == 14
    assert sorted(trial.number for trial in trials) == list(range(15))
    assert {trial.status for trial in trials} == {"completed", "broken"}


def test_a_population_of_orion_goes_on_with_its_own_algorithm(file):
    upgrade_file(file)
    client = build_experiment("population", storage=str(file))

    client.observe(client.suggest(), 0.5)

    assert list(client.algorithm.configuration) == ["pbt"]
    assert client.stats.trials_completed == 8


def test_an_experiment_with_an_algorithm_of_orion_goes_on_with_another(file):
    upgrade_file(file)
    PickledDB(file).update(
        "experiments", {"name": "population"}, {"$set": {"algorithm": {"hebo": {}}}}
    )
    with pytest.raises(AlgorithmError, match=r"'hebo'.*not available.*choose another"):
        build_experiment("population", storage=str(file)).suggest()

    client = build_experiment("population", algorithm="random", storage=str(file))
    client.observe(client.suggest(), 0.5)

    assert client.stats.trials_completed == 8
    assert client.algorithm.configuration == {"random": {}}


def test_experiments_of_orion_are_loaded_from_its_file_into_another_storage(file):
    storage = Storage(EphemeralDB())

    transfer = load(storage, file)

    assert (len(transfer.experiments), transfer.trials, transfer.benchmarks) == (7, 36, 1)
    assert "algo" not in storage.database.collections()
    (document,) = storage.fetch_experiments({"name": "promoted"})
    assert document["next_number"] == 7


# --- MongoDB -------------------------------------------------------------------------------------


@pytest.mark.mongodb
def test_a_mongodb_of_orion_is_read_and_no_document_changes(raw, mongodb_uri):
    before = snapshot(raw)
    storage = setup_storage(mongodb_uri)

    client = get_experiment("priors", storage=storage)
    stats = client.stats
    trials = client.fetch_trials()

    assert sorted(titles(storage).values()) == ["branch-v1", "priors-v1", "script-v1", "script-v2"]
    assert stats.trial_status_count == {
        "broken": 1, "completed": 3, "interrupted": 2, "new": 2, "reserved": 2, "suspended": 1,
    }  # fmt: skip
    assert [trial.id for trial in trials] == [d["id"] for d in before["trials"][:11]]
    assert all(trial.submit_time.tzinfo is not None for trial in trials)
    assert same(snapshot(raw), before)


@pytest.mark.mongodb
def test_a_mongodb_of_orion_holds_what_its_file_holds(raw, mongodb_uri, file):
    of_file, of_server = setup_storage(str(file)), setup_storage(mongodb_uri)

    for name, version in (("priors", 1), ("script", 1), ("script", 2), ("branch", 1)):
        one = of_file.fetch_experiment(name, version)
        other = of_server.fetch_experiment(name, version)
        varying = {"_id", "refers", "metadata", "seed", "next_number", "free_numbers", "deletions"}
        varying |= {"uuid"}
        ours = {key: value for key, value in one.items() if key not in varying}
        assert ours == {key: value for key, value in other.items() if key not in varying}
        assert one["refers"]["adapter"] == other["refers"]["adapter"]
        assert one["metadata"]["user"] == other["metadata"]["user"]


@pytest.mark.mongodb
def test_an_experiment_of_orion_in_a_mongodb_goes_on_without_conversion(raw, mongodb_uri):
    client = build_experiment("priors", max_trials=14, max_broken=10, storage=mongodb_uri)

    while not client.is_done:
        client.observe(client.suggest(), 1.0)

    assert sorted(trial.number for trial in client.fetch_trials()) == list(range(15))
    assert client.stats.trials_completed == 14
    assert raw.trials.count_documents({"number": {"$exists": True}}) == 15


@pytest.mark.mongodb
def test_upgrading_a_mongodb_writes_a_backup_first_and_only_adds(raw, mongodb_uri, tmp_path):
    before = snapshot(raw)
    backup = tmp_path / "backup.pkl"

    done = upgrade_database(setup_storage(mongodb_uri), backup)
    again = upgrade_database(setup_storage(mongodb_uri), backup)

    assert (done.experiments, done.trials, done.backup) == (4, 20, backup)
    assert again.backup is None
    kept = read_orion_file(backup)
    for name, documents in before.items():
        assert [doc["_id"] for doc in kept[name]] == [doc["_id"] for doc in documents]
    assert same(kept["trials"], before["trials"])
    for document, trial in zip(raw.trials.find(), before["trials"], strict=True):
        old = {key: value for key, value in document.items() if key not in NEW_TRIAL_FIELDS}
        heartbeat = trial["heartbeat"] if trial["heartbeat"] != 120 else None
        old.pop("_operation", None)
        assert same(old, {**trial, "heartbeat": heartbeat})
    for document in raw.experiments.find():
        assert document["next_number"] == raw.trials.count_documents(
            {"experiment": document["_id"]}
        )


@pytest.mark.mongodb
def test_an_upgrade_that_was_cut_off_is_completed(raw, mongodb_uri):
    storage = setup_storage(mongodb_uri)
    experiment = storage.fetch_experiment("priors")
    trials = storage.fetch_trials(experiment["_id"])
    for number in (0, 1, 2):
        raw.trials.update_one({"_id": trials[number]._id}, {"$set": {"number": number}})

    adopt(storage, experiment)

    assert [trial.number for trial in storage.fetch_trials(experiment["_id"])] == list(range(11))


@pytest.mark.mongodb
def test_trials_of_orion_in_a_mongodb_can_be_deleted(raw, mongodb_uri):
    storage = setup_storage(mongodb_uri)
    experiment = storage.fetch_experiment("priors")

    assert storage.delete_trials(experiment["_id"], {"status": "new"}) == 2


@pytest.mark.mongodb
def test_experiments_of_orion_are_copied_from_a_mongodb(raw, mongodb_uri):
    storage = Storage(EphemeralDB())

    copy(setup_storage(mongodb_uri), storage)

    (document,) = storage.fetch_experiments({"name": "priors"})
    assert (document["next_number"], document["seed"]) == (11, 7)
    numbers = [trial.number for trial in storage.fetch_trials(document["_id"])]
    assert numbers == list(range(11))


@pytest.mark.mongodb
def test_who_may_only_read_a_mongodb_of_orion_can_read_it(mongodb_content):
    with Mongod(replica_set=None) as server:
        with MongoClient(server.uri) as client:
            fill(client["lab"], mongodb_content)
            roles = [{"role": "read", "db": "lab"}]
            client["lab"].command("createUser", "ann", pwd="secret", roles=roles)
        server.stop()
        with Mongod(None, server.directory, options=["--auth"]) as guarded:
            uri = f"mongodb://ann:secret@127.0.0.1:{guarded.port}/lab?directConnection=true"
            experiment = get_experiment("priors", storage=uri)

            assert experiment.stats.trials_completed == 3
            with pytest.raises(DatabaseError, match="can be read but not written"):
                build_experiment("priors", storage=uri)


# --- writing for Oríon ---------------------------------------------------------------------------


def named_in(path: Path) -> set[str]:
    """Return what a pickle names, by reading its opcodes."""
    return {
        argument
        for opcode, argument, _ in pickletools.genops(path.read_bytes())
        if opcode.name == "GLOBAL"
    }


def flat_documents(path: Path) -> Any:
    """Return the pickle as it is, with its classes taken for plain holders of attributes."""

    class Holder:
        pass

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            return Holder if module.startswith("orion.") else super().find_class(module, name)

    with path.open("rb") as file:
        return Unpickler(file).load()


def test_what_was_read_is_written_so_that_it_is_read_again(file, tmp_path):
    documents = read_orion_file(file)

    write_orion_file(tmp_path / "copy.pkl", documents)

    copied = read_orion_file(tmp_path / "copy.pkl")
    assert list(copied) == ["experiments", "benchmarks", "trials", "algo"]
    for name, collection in documents.items():
        assert len(copied[name]) == len(collection)
        assert [d["_id"] for d in copied[name]] == [d["_id"] for d in collection]
    assert copied["algo"][0]["state"] == documents["algo"][0]["state"]


def test_a_dump_has_the_classes_indexes_and_flat_documents_of_orion(file, tmp_path):
    target = tmp_path / "back.pkl"

    dump = dump_for_orion(setup_storage(str(file)), target)

    assert (dump.experiments, dump.trials, dump.notes) == (7, 36, [])
    module = "orion.core.io.database.ephemeraldb"
    assert named_in(target) == {
        f"{module} EphemeralDB",
        f"{module} EphemeralCollection",
        f"{module} EphemeralDocument",
        "collections defaultdict",
        "datetime datetime",
    }
    database, original = flat_documents(target), flat_documents(file)
    assert set(vars(database)) == set(vars(original))
    assert database._db.default_factory is not None
    for name, collection in original._db.items():
        found = database._db[name]
        assert set(vars(found)) == set(vars(collection))
        assert found._indexes == collection._indexes
        fields = {key for document in collection._documents for key in document._data}
        written = {key for document in found._documents for key in document._data}
        assert written <= fields | {"knowledge_base"}


def test_a_dump_holds_the_documents_that_orion_wrote(file, tmp_path):
    target = tmp_path / "back.pkl"
    original = read_orion_file(file)
    upgrade_file(file)

    dump_for_orion(setup_storage(str(file)), target)

    written = read_orion_file(target)
    experiments = {document["_id"]: document for document in original["experiments"]}
    for after in written["experiments"]:
        before = experiments.pop(after["_id"])
        assert set(after) == set(before)
        assert after["refers"] == before["refers"]
        assert after["algorithm"] == before["algorithm"]
        assert after["max_trials"] == before["max_trials"]
    assert not experiments
    by_id = {trial["_id"]: trial for trial in original["trials"]}
    for trial in written["trials"]:
        before = by_id[trial["_id"]]
        assert set(trial) == set(before)
        for key in ("id", "experiment", "status", "params", "parent", "worker", "exp_working_dir"):
            assert trial[key] == before[key]
        assert same(trial["results"], before["results"])


def test_an_experiment_made_here_is_dumped_as_orion_would_have_it(tmp_path):
    storage = Storage(EphemeralDB())
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)", "model": {"depth": "uniform(1, 9, discrete=True)"}},
        algorithm={"tpe": {"n_initial_points": 5}},
        seed=3,
        storage=storage,
    )
    for _ in range(2):
        client.observe(client.suggest(), 1.0)
    target = tmp_path / "back.pkl"

    dump_for_orion(storage, target)

    written = read_orion_file(target)
    (experiment,) = written["experiments"]
    (state,) = written["algo"]
    assert experiment["max_trials"] == 10**9
    assert experiment["algorithm"]["tpe"]["n_initial_points"] == 5
    assert experiment["algorithm"]["tpe"]["seed"] == 3
    assert experiment["algorithm"]["tpe"]["full_weight_num"] == 25
    assert (state["state"], state["locked"]) == (None, 0)
    assert state["configuration"] == experiment["algorithm"]
    assert not NEW_TRIAL_FIELDS & set(written["trials"][0])
    assert "orion_like_version" not in experiment["metadata"]
    assert [trial["id"] for trial in written["trials"]] == [t.id for t in client.fetch_trials()]


def test_a_dump_tells_what_orion_cannot_have(tmp_path):
    storage = Storage(EphemeralDB())
    space = {"x": "uniform(0, 1)", "k": "choices(['a', 'b'])"}
    conditional = {**space, "y": "uniform(0, 1) if k == 'a'"}
    build_experiment("plain", space=space, algorithm="sobol", storage=storage)
    build_experiment("conditional", space=conditional, storage=storage)
    build_experiment(
        "up", space=space, algorithm="tpe", objectives=["score:maximize"], storage=storage
    )

    dump = dump_for_orion(storage, tmp_path / "back.pkl")

    assert dump.experiments == 2
    assert sorted(dump.notes) == [
        "conditional-v1 was left out, since Oríon cannot have it:"
        " its dimension 'y' has a condition",
        "plain-v1: Oríon has no algorithm sobol; it is random in the file",
        "up-v1: objective score is maximized here; Oríon minimizes it",
    ]
    with pytest.raises(DatabaseError, match="cannot have conditional-v1: its dimension 'y'"):
        dump_for_orion(storage, tmp_path / "one.pkl", name="conditional")
    with pytest.raises(NoConfigurationError, match="'nothing'"):
        dump_for_orion(storage, tmp_path / "one.pkl", name="nothing")
    with pytest.raises(DatabaseError, match="exists already"):
        dump_for_orion(storage, tmp_path / "back.pkl")
    assert [path.name for path in tmp_path.iterdir()] == ["back.pkl"]


@pytest.mark.mongodb
def test_a_dump_from_a_mongodb_numbers_its_documents(raw, mongodb_uri, tmp_path):
    target = tmp_path / "back.pkl"

    dump_for_orion(setup_storage(mongodb_uri), target)
    dump_for_orion(setup_storage(mongodb_uri), tmp_path / "one.pkl", name="branch")

    written = read_orion_file(target)
    by_name = {f"{d['name']}-v{d['version']}": d for d in written["experiments"]}
    assert sorted(d["_id"] for d in by_name.values()) == [1, 2, 3, 4]
    assert by_name["branch-v1"]["refers"]["parent_id"] == by_name["script-v2"]["_id"]
    assert by_name["branch-v1"]["refers"]["root_id"] == by_name["script-v1"]["_id"]
    assert sorted(trial["_id"] for trial in written["trials"]) == list(range(1, 21))
    assert 120 not in {trial["heartbeat"] for trial in written["trials"]}
    (alone,) = read_orion_file(tmp_path / "one.pkl")["experiments"]
    assert alone["refers"] == {"parent_id": None, "root_id": alone["_id"], "adapter": []}
