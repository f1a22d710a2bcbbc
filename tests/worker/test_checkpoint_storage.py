"""Checkpoints on file systems of fsspec: a directory, a server, the memory of this process."""

import json
import os
import threading

import fsspec
import pytest
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from orion_like.client import build_experiment
from orion_like.errors import CheckpointError, ConfigurationError
from orion_like.storage import EphemeralDB, Storage
from orion_like.trial import Trial
from orion_like.worker.checkpoint import CheckpointPlace, discard, fetch
from orion_like.worker.checkpoint_keeper import CheckpointKeeper
from orion_like.worker.live_trial import LiveTrial


@pytest.fixture(scope="module")
def ftp_server(tmp_path_factory):
    """A server of files, in a thread."""
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "secret", str(tmp_path_factory.mktemp("ftp")), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    with FTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.05})
        thread.start()
        yield f"ftp://user:secret@127.0.0.1:{server.address[1]}"
        server.close_all()
        thread.join()


@pytest.fixture(params=["file", "memory", "ftp"])
def url(request, tmp_path):
    if request.param == "ftp":
        return f"{request.getfixturevalue('ftp_server')}/{tmp_path.name}"
    return f"{request.param}://{tmp_path}/stored"


@pytest.fixture
def local_url(tmp_path):
    return f"file://{tmp_path}/stored"


def save(place, step, text="model"):
    with place.saving(step, {"note": text}) as (path, saved):
        os.makedirs(os.path.join(path, "part"))
        with open(os.path.join(path, "part", "model.bin"), "w") as file:
            file.write(text)
    return saved


def read(saved):
    with open(os.path.join(saved, "part", "model.bin")) as file:
        return file.read()


def test_what_one_machine_saved_another_goes_on_from(tmp_path, url):
    here = CheckpointPlace(str(tmp_path / "here"), f"{url}/lineage")
    there = CheckpointPlace(str(tmp_path / "there"), f"{url}/lineage")

    nothing_yet = there.latest()
    for step in (1, 10, 2):
        save(here, step, f"at {step}")
    found = there.latest()
    restored = read(found)
    save(there, 11, "at 11")

    assert nothing_yet is None
    assert (found.step, restored) == (10, "at 10")
    assert found.path.startswith(str(tmp_path / "there"))
    assert read(here.latest()) == "at 11"


def test_each_machine_keeps_a_copy_of_the_last_one_alone(tmp_path, local_url):
    place = CheckpointPlace(str(tmp_path / "here"), local_url)
    other = CheckpointPlace(str(tmp_path / "there"), local_url)

    for step in (1, 2):
        save(place, step)
        other.latest()

    assert os.listdir(tmp_path / "here") == ["cache"]
    assert len(os.listdir(tmp_path / "here/cache")) == 1
    assert len(os.listdir(tmp_path / "there/cache")) == 1


def test_the_copy_of_this_machine_is_not_loaded_again(tmp_path, local_url):
    place = CheckpointPlace(str(tmp_path / "here"), local_url)
    saved = save(place, 1)

    (tmp_path / "stored" / os.path.basename(saved.path) / "part/model.bin").unlink()

    assert read(place.latest()) == "model"


def test_what_has_no_whole_manifest_is_no_checkpoint(tmp_path, url):
    place = CheckpointPlace(str(tmp_path / "here"), url)
    elsewhere = CheckpointPlace(str(tmp_path / "there"), url)
    whole, torn, killed = (save(place, step) for step in (1, 2, 3))
    system, _ = fsspec.core.url_to_fs(url)

    def path(saved):
        return fsspec.core.url_to_fs(f"{saved.url}.json")[1]

    text = system.cat_file(path(torn))
    system.rm_file(path(torn))
    system.pipe_file(path(torn), text[:-5])
    system.rm_file(path(killed))

    assert elsewhere.latest().step == whole.step


def test_a_block_that_fails_stores_nothing(tmp_path, url):
    place = CheckpointPlace(str(tmp_path / "here"), url)

    with pytest.raises(ZeroDivisionError), place.saving(1):
        raise ZeroDivisionError

    assert place.latest() is None
    assert os.listdir(tmp_path / "here") == []


def test_what_cannot_be_stored_is_an_error_and_no_checkpoint(tmp_path):
    (tmp_path / "stored").touch()  # where a directory should be
    place = CheckpointPlace(str(tmp_path / "here"), f"file://{tmp_path}/stored/deeper")

    with pytest.raises(CheckpointError, match="cannot be stored"):
        save(place, 1)

    assert os.listdir(tmp_path / "here") == []


def test_damaged_files_are_not_restored(tmp_path, local_url):
    saved = save(CheckpointPlace(str(tmp_path / "here"), local_url), 1)
    (tmp_path / "stored" / os.path.basename(saved.path) / "part/model.bin").write_text("mOdel")
    elsewhere = CheckpointPlace(str(tmp_path / "there"), local_url)

    with pytest.raises(CheckpointError, match=r"part/model.bin .* is not what was stored"):
        elsewhere.latest()

    assert os.listdir(tmp_path / "there/cache") == []


def test_a_manifest_leads_nowhere_else(tmp_path, local_url):
    saved = save(CheckpointPlace(str(tmp_path / "here"), local_url), 1)
    manifest = tmp_path / "stored" / f"{os.path.basename(saved.path)}.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "files": {"../../stolen": {"bytes": 0}}}))

    with pytest.raises(CheckpointError, match="leads out of it"):
        fetch(saved.url, str(tmp_path / "there"))


def test_deleting_is_repeatable(tmp_path, url):
    place = CheckpointPlace(str(tmp_path / "here"), url)
    first, second = save(place, 1), save(place, 2)

    discard(second.url)
    discard(second.url)

    assert CheckpointPlace(str(tmp_path / "there"), url).latest().step == first.step


def test_a_child_in_a_population_goes_on_from_its_parent_until_it_has_its_own(tmp_path, local_url):
    def trial(parent, x):
        params = [{"name": "x", "type": "real", "value": x}]
        bare = Trial(
            params=params, parent=parent, exp_working_dir=str(tmp_path), in_population=True
        )
        return LiveTrial.wrap(bare, lambda: "", "e" * 32, local_url)

    parent = trial(None, 0.5)
    save(parent.checkpoint_place, 3, "of the parent")
    child = trial(parent.id, 0.6)

    found = read(child.latest_checkpoint)
    save(child.checkpoint_place, 4, "of the child")

    assert found == "of the parent"
    assert read(child.latest_checkpoint) == "of the child"
    assert read(parent.latest_checkpoint) == "of the parent"


def test_experiments_record_and_care_for_what_is_stored_elsewhere(database, tmp_path, url):
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)"},
        max_trials=2,
        seed=1,
        working_dir=str(tmp_path / "work"),
        storage=Storage(database),
        checkpoints={"storage": url, "trial_latest": 1},
    )

    def function(x, trial):
        for step in range(3):
            with trial.save_checkpoint(step, {"x": x}) as path:
                open(f"{path}/model", "w").close()
        return x

    client.workon(function, trial_arg="trial", n_workers=1)

    system, path = fsspec.core.url_to_fs(url)
    left = client.fetch_checkpoints()
    assert [checkpoint.step for checkpoint in left] == [2, 2]
    assert all(
        checkpoint.path.startswith(f"{url}/{client.experiment.uuid}/") for checkpoint in left
    )
    assert left[0].resources == {"model": 0}
    assert len([file for file in system.find(path) if file.endswith(".json")]) == 2
    assert len([file for file in system.find(path) if file.endswith("model")]) == 2


def test_a_storage_that_is_away_is_left_for_later(tmp_path, caplog):
    away = "ftp://127.0.0.1:1/path"
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)"},
        working_dir=str(tmp_path / "work"),
        storage=Storage(EphemeralDB()),
    )
    client.experiment.update(checkpoints={"storage": away, "trial_latest": 0})

    with client.suggest() as trial:
        with pytest.raises(CheckpointError, match=r"cannot be reached.*refused"):
            save(trial.checkpoint_place, 1)
        trial._channel.checkpoint(1, f"{away}/step-1-{'a' * 32}", {}, {})
        client.observe(trial, 1.0)
    CheckpointKeeper(client.experiment).apply()

    assert "could not be deleted" in caplog.text
    assert [c.state for c in client.fetch_checkpoints(deleted=True)] == ["deleting"]


@pytest.mark.parametrize(
    ("url", "message"),
    [("nowhere://x", "nowhere"), ("gs://bucket/path", "gcsfs")],
)
def test_a_storage_that_cannot_be_used_is_told_before_trials_run(tmp_path, url, message):
    storage = Storage(EphemeralDB())

    with pytest.raises(ConfigurationError, match=message):
        build_experiment(
            "demo", space={"x": "uniform(0, 1)"}, storage=storage, checkpoints={"storage": url}
        )

    assert storage.fetch_experiments() == []


def test_passwords_of_a_storage_are_not_told(tmp_path):
    place = CheckpointPlace(str(tmp_path), "ftp://user:secret@127.0.0.1:1/path")

    with pytest.raises(CheckpointError) as told:
        place.latest()

    assert "secret" not in str(told.value)


def test_without_a_working_directory_checkpoints_are_stored_all_the_same(local_url):
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)"},
        storage=Storage(EphemeralDB()),
        checkpoints={"storage": local_url},
    )

    with client.suggest() as trial:
        save(trial.checkpoint_place, 1, "model")
    client.directory.close()  # the temporary one, as at the end of a process
    with client.suggest() as again:
        restored = read(again.latest_checkpoint)

    assert again.id == trial.id
    assert restored == "model"
