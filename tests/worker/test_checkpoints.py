"""What trials save to be gone on with."""

import os

import pytest

from orion_like.client import build_experiment
from orion_like.errors import InvalidResult
from orion_like.storage import EphemeralDB, Storage
from orion_like.storage.check import check, repair
from orion_like.storage.transfer import copy
from orion_like.worker.checkpoint import CheckpointPlace


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, tmp_path, **changes):
    options = {
        "space": {"x": "uniform(0, 1)", "epochs": "fidelity(1, 9)"},
        "algorithm": "random",
        "seed": 1,
        "max_trials": 1,
        "working_dir": str(tmp_path / "work"),
        **changes,
    }
    return build_experiment(options.pop("name", "demo"), storage=storage, **options)


def save(trial, step, text, **metadata):
    with trial.save_checkpoint(step, metadata) as path, open(os.path.join(path, "model"), "w") as f:
        f.write(text)


def read(checkpoint):
    with open(os.path.join(checkpoint, "model")) as file:
        return file.read()


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_checkpoint_is_saved_and_recorded_from_any_process(storage, tmp_path, n_workers):
    client = build(storage, tmp_path)

    def function(x, epochs, trial):
        with trial.save_checkpoint(3, {"loss": 0.5}) as path:
            os.mkdir(f"{path}/part")
            with open(f"{path}/part/a.bin", "wb") as file:
                file.write(b"12345")
        assert trial.latest_checkpoint.step == 3
        return x

    client.workon(function, trial_arg="trial", n_workers=n_workers)

    (trial,) = client.fetch_trials()
    (recorded,) = client.fetch_checkpoints(trial)
    assert (recorded.step, recorded.attempt, recorded.metadata) == (3, 1, {"loss": 0.5})
    assert recorded.resources == {"part/a.bin": 5}
    assert os.path.dirname(recorded.path) == trial.checkpoint_dir
    assert os.path.getsize(f"{recorded.path}/part/a.bin") == 5


def test_a_trial_is_gone_on_with_from_the_latest_checkpoint(storage, tmp_path):
    client = build(storage, tmp_path)
    with client.suggest() as trial:
        nothing_yet = trial.latest_checkpoint
        for step in (1, 10, 2):
            save(trial, step, f"at {step}")

    with client.suggest() as again:
        found = again.latest_checkpoint
        client.observe(again, 1.0)

    assert nothing_yet is None
    assert again.attempt == 2
    assert (found.step, read(found)) == (10, "at 10")
    assert [checkpoint.step for checkpoint in client.fetch_checkpoints()] == [1, 2, 10]


def test_trials_that_differ_in_the_fidelity_alone_share_their_checkpoints(storage, tmp_path):
    client = build(storage, tmp_path)

    short = client.insert({"x": 0.5, "epochs": 1}, reserve=True)
    save(short, 1, "short")
    long = client.insert({"x": 0.5, "epochs": 9}, reserve=True)
    other = client.insert({"x": 0.6, "epochs": 9}, reserve=True)

    assert read(long.latest_checkpoint) == "short"
    assert other.latest_checkpoint is None
    for trial in (short, long, other):
        client.release(trial)


def test_an_experiment_made_anew_does_not_go_on_from_the_checkpoints_of_a_former_one(
    tmp_path,
):
    def run(name, database):
        client = build(Storage(database), tmp_path, name=name)
        trial = client.insert({"x": 0.5}, reserve=True)
        found = trial.latest_checkpoint
        save(trial, 1, name)
        client.observe(trial, 1.0)
        return found

    first = EphemeralDB()

    assert run("demo", first) is None
    assert run("other", first) is None
    assert run("demo", EphemeralDB()) is None


def test_a_copy_goes_on_from_the_same_checkpoints_but_not_beside_the_original(storage, tmp_path):
    client = build(storage, tmp_path)
    with client.suggest() as trial:
        save(trial, 1, "model")
    elsewhere = Storage(EphemeralDB())

    copy(storage, elsewhere)
    copy(elsewhere, storage, resolve="bump")

    def found_by(storage):
        copied = build_experiment("demo", storage=storage, working_dir=client.working_dir)
        with copied.suggest() as again:
            return again.latest_checkpoint

    assert read(found_by(elsewhere)) == "model"
    assert found_by(storage) is None


def test_a_checkpoint_that_was_not_finished_is_none(storage, tmp_path):
    client = build(storage, tmp_path)

    with client.suggest() as trial:
        save(trial, 1, "whole")
        with pytest.raises(ZeroDivisionError), trial.save_checkpoint(2):
            raise ZeroDivisionError
        left = os.listdir(trial.checkpoint_dir)
        os.mkdir(f"{trial.checkpoint_dir}/.step-000000003-{'0' * 32}.unfinished")

        assert read(trial.latest_checkpoint) == "whole"
        assert len(left) == 1
    assert [checkpoint.step for checkpoint in client.fetch_checkpoints()] == [1]


def test_of_checkpoints_of_one_step_the_one_saved_last_counts(tmp_path):
    for text in ("first", "second"):
        with (
            CheckpointPlace(str(tmp_path)).saving(1) as (path, saved),
            open(f"{path}/model", "w") as file,
        ):
            file.write(text)
    os.utime(saved.path, ns=(2**62, 2**62))

    assert read(CheckpointPlace(str(tmp_path)).latest()) == "second"


@pytest.mark.parametrize("step", [-1, 0.5, "3"])
def test_a_step_is_a_whole_number(tmp_path, step):
    with (
        pytest.raises(InvalidResult, match="whole number from 0 on"),
        CheckpointPlace(str(tmp_path)).saving(step),
    ):
        pass


def test_records_are_copied_deleted_and_checked_with_their_trials(storage, tmp_path):
    client = build(storage, tmp_path, max_trials=2)
    for _ in range(2):
        with client.suggest() as trial:
            save(trial, 1, "model")
            client.observe(trial, 1.0)
    first, second = client.fetch_trials()
    destination = Storage(EphemeralDB())

    copy(storage, destination)
    storage.delete_trials(client.id, {"id": first.id})
    left = [checkpoint.trial for checkpoint in client.fetch_checkpoints()]
    storage.database.remove("trials", {"_id": second._id})
    found = {finding.problem for finding in check(storage.database).findings}
    repair(storage, check(storage.database))

    copied = destination.database.find("checkpoints")
    assert {document["trial"] for document in copied} == {
        document["_id"] for document in destination.database.find("trials")
    }
    assert left == [second._id]
    assert "1 are of trials that do not exist" in found
    assert storage.database.count("checkpoints") == 0


@pytest.mark.parametrize("place", ["directory", "url"])
def test_what_was_saved_by_who_was_killed_before_it_could_tell_is_recorded(
    storage, tmp_path, place
):
    elsewhere = {"storage": f"file://{tmp_path}/stored"} if place == "url" else {}
    client = build(storage, tmp_path, checkpoints=elsewhere)

    def function(x, epochs, trial):
        if trial.attempt == 1:
            with trial.checkpoint_place.saving(3) as (path, _):
                open(f"{path}/model", "w").close()
            raise KeyboardInterrupt
        return trial.latest_checkpoint.step

    with pytest.raises(KeyboardInterrupt):
        client.workon(function, trial_arg="trial", n_workers=1)
    (recorded,) = client.fetch_checkpoints()
    client.workon(function, trial_arg="trial", n_workers=1)

    assert (recorded.step, recorded.attempt, recorded.resources) == (3, 1, {"model": 0})
    assert [c.id for c in client.fetch_checkpoints()] == [recorded.id]
    assert client.fetch_trials()[0].objective.value == 3


def test_what_a_killed_worker_could_not_tell_is_recorded_by_the_next(storage, tmp_path):
    client = build(storage, tmp_path)
    with client.suggest() as trial, trial.checkpoint_place.saving(3):
        pass

    client.workon(lambda x, epochs, trial: x, trial_arg="trial", n_workers=1)

    assert [(c.step, c.attempt) for c in client.fetch_checkpoints()] == [(3, 1)]


def test_a_new_version_in_the_same_working_directory_has_its_own_checkpoints(storage, tmp_path):
    first = build(storage, tmp_path, space={"x": "uniform(0, 1)"}, checkpoints={"trial_latest": 3})
    trial = first.insert({"x": 0.5}, reserve=True)
    save(trial, 1, "first")
    first.observe(trial, 1.0)

    second = build(
        storage, tmp_path, space={"x": "uniform(0, 2)"}, branching={"enable": True}, max_trials=2
    )
    other = second.insert({"x": 0.5}, reserve=True)
    found = other.latest_checkpoint
    second.release(other)

    assert second.version == 2
    assert found is None
    assert second.experiment.checkpoints == {"trial_latest": 3}


def test_what_was_left_unfinished_by_the_dead_is_deleted_and_what_is_being_written_is_not(tmp_path):
    place = CheckpointPlace(str(tmp_path))
    abandoned = tmp_path / f".step-000000001-{'a' * 32}.unfinished"
    young = tmp_path / f".step-000000001-{'b' * 32}.unfinished"
    for path in (abandoned, young):
        path.mkdir()
    os.utime(abandoned, (1e9, 1e9))

    with place.saving(2) as (writing, _):
        os.utime(writing, (1e9, 1e9))
        with place.saving(3):
            assert os.path.isdir(writing)

    assert not abandoned.exists()
    assert young.exists()
    assert place.latest().step == 3
