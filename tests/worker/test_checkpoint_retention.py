"""Which checkpoints are deleted while trials save others, and at the end."""

import os
import threading
import time

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import ConfigurationError
from orion_like.storage import EphemeralDB, Storage
from orion_like.storage.checkpoints import (
    CHECKPOINTS,
    claim_deletion,
    fetch_checkpoints,
    pin_checkpoint,
)
from orion_like.storage.transfer import copy
from orion_like.worker.checkpoint import discard
from orion_like.worker.checkpoint_keeper import CheckpointKeeper

SPACE = {"x": "uniform(0, 1)"}


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, tmp_path, **changes):
    options = {
        "space": SPACE,
        "algorithm": "random",
        "seed": 1,
        "max_trials": 2,
        "working_dir": str(tmp_path / "work"),
        **changes,
    }
    return build_experiment("demo", storage=storage, **options)


def save(trial, step):
    with trial.save_checkpoint(step) as path, open(os.path.join(path, "model"), "w") as file:
        file.write(f"{step}")


def steps_left(client):
    """Steps of the checkpoints that are left, in the records and on the disk."""
    recorded = client.fetch_checkpoints()
    on_disk = [
        entry
        for top, directories, _ in os.walk(client.working_dir)
        for entry in directories
        if "step-" in entry
    ]
    assert sorted(on_disk) == sorted(os.path.basename(c.path) for c in recorded)
    return sorted(checkpoint.step for checkpoint in recorded)


def train_as_in_the_table(client, sign=1):
    """Two trials with five checkpoints each, of which some are validated."""
    for steps in ({1: None, 2: None, 3: 0.6, 4: 0.5, 5: 0.4}, {6: None, 7: 0.2, 8: 0.3, 9: None}):
        with client.suggest() as trial:
            for step, value in steps.items():
                save(trial, step)
                if value is not None:
                    trial.report(sign * value, step)
            if 9 in steps:
                save(trial, 10)
            client.observe(trial, 1.0)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ((0, 0, 0), []),
        ((2, 0, 0), [7, 8]),
        ((5, 0, 0), [3, 4, 5, 7, 8]),
        ((9, 0, 0), [3, 4, 5, 7, 8]),
        ((0, 1, 0), [5, 7]),
        ((0, 3, 0), [3, 4, 5, 7, 8]),
        ((0, 0, 1), [5, 10]),
        ((0, 0, 3), [3, 4, 5, 8, 9, 10]),
        ((2, 1, 0), [5, 7, 8]),
        ((2, 0, 1), [5, 7, 8, 10]),
        ((0, 1, 1), [5, 7, 10]),
        ((2, 1, 1), [5, 7, 8, 10]),
    ],
)
def test_the_numbers_of_a_policy_say_which_are_kept(tmp_path, direction, counts, kept):
    keys = "save_experiment_best", "save_trial_best", "save_trial_latest"
    client = build(
        Storage(EphemeralDB()),
        tmp_path,
        objectives=[{"name": "objective", "direction": direction}],
        checkpoints=dict(zip(keys, counts, strict=True)),
    )

    train_as_in_the_table(client, 1 if direction == "minimize" else -1)
    client.close()

    assert steps_left(client) == kept


def test_without_a_policy_all_are_kept(storage, tmp_path):
    client = build(storage, tmp_path)

    train_as_in_the_table(client)
    client.close()

    assert steps_left(client) == list(range(1, 11))


@pytest.mark.parametrize("n_workers", [1, 2])
def test_workers_delete_while_trials_save_and_a_record_is_left(storage, tmp_path, n_workers):
    client = build(storage, tmp_path, checkpoints={"trial_latest": 1})

    def function(x, trial):
        for step in range(6):
            save(trial, step)
            if step == 5:  # what is superfluous goes while the trial runs
                deadline = time.monotonic() + 60
                while len(os.listdir(trial.checkpoint_dir)) > 1:
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
        return x

    client.workon(function, trial_arg="trial", n_workers=n_workers)

    assert steps_left(client) == [5, 5]
    gone = [c for c in client.fetch_checkpoints(deleted=True) if c.state == "deleted"]
    assert [c.step for c in gone] == [0, 1, 2, 3, 4] * 2
    assert all(c.resources == {} and c.path and c.time for c in gone)


def test_of_a_trial_that_reports_nothing_the_result_is_that_of_its_latest(storage, tmp_path):
    client = build(storage, tmp_path, max_trials=3, checkpoints={"experiment_best": 1})

    for value in (2.0, 1.0, 3.0):
        with client.suggest() as trial:
            save(trial, int(value))
            save(trial, int(10 * value))
            client.observe(trial, value)
    client.close()

    assert steps_left(client) == [10]


def test_the_latest_of_the_experiment_are_those_saved_last(storage, tmp_path):
    client = build(storage, tmp_path, checkpoints={"experiment_latest": 2})

    for steps in ((8, 9), (1, 2)):
        with client.suggest() as trial:
            for step in steps:
                save(trial, step)
            client.observe(trial, 1.0)
    client.close()

    assert steps_left(client) == [1, 2]


def test_what_open_trials_go_on_from_is_kept(storage, tmp_path):
    client = build(storage, tmp_path, max_trials=4, checkpoints={"trial_latest": 0})
    keeper = CheckpointKeeper(client.experiment)

    trials = [client.suggest() for _ in range(4)]
    for number, trial in enumerate(trials):
        save(trial, 1)
        save(trial, 2 + number)
    client.fetch_checkpoints()
    for status, trial in zip(("interrupted", "suspended", "broken"), trials, strict=False):
        client.release(trial, status)
    keeper.apply()
    before = steps_left(client)
    client.observe(trials[3], 1.0)
    keeper.apply()

    assert before == [2, 3, 4, 5]
    assert steps_left(client) == [2, 3, 4]


def test_what_may_be_promoted_is_kept_until_the_experiment_is_done(storage, tmp_path):
    client = build(
        storage,
        tmp_path,
        space={**SPACE, "epochs": "fidelity(1, 4)"},
        max_trials=3,
        checkpoints={"trial_latest": 0},
    )
    keeper = CheckpointKeeper(client.experiment)

    def run(x, epochs):
        trial = client.insert({"x": x, "epochs": epochs}, reserve=True)
        found = trial.latest_checkpoint
        save(trial, epochs)
        client.observe(trial, x)
        keeper.apply()
        return found

    run(0.1, 1)
    run(0.2, 1)
    after_two = steps_left(client)
    promoted = run(0.1, 4)

    assert after_two == [1, 1]
    assert promoted.step == 1
    assert steps_left(client) == []


def test_trials_that_differ_in_the_fidelity_alone_count_as_one(storage, tmp_path):
    client = build(
        storage,
        tmp_path,
        space={**SPACE, "epochs": "fidelity(1, 9)"},
        max_trials=3,
        checkpoints={"trial_latest": 1},
    )

    for epochs in (1, 3, 9):
        trial = client.insert({"x": 0.5, "epochs": epochs}, reserve=True)
        save(trial, epochs)
        client.observe(trial, 1.0)
    client.close()

    assert steps_left(client) == [9]


@pytest.mark.parametrize("algorithm", ["asha", "hyperband", "bohb"])
def test_what_is_promoted_goes_on_from_checkpoints_that_no_policy_took(tmp_path, algorithm):
    client = build(
        Storage(EphemeralDB()),
        tmp_path,
        space={**SPACE, "epochs": "fidelity(1, 9, base=3)"},
        algorithm=algorithm,
        max_trials=25,
        checkpoints={"experiment_best": 1},
    )

    def train(x, epochs, trial):
        start = trial.latest_checkpoint.step if trial.latest_checkpoint is not None else 0
        for epoch in range(start + 1, epochs + 1):
            trial.report(x + 1 / epoch, epoch)
            save(trial, epoch)
        return [
            {"name": "objective", "type": "objective", "value": x + 1 / epochs},
            {"name": "start", "type": "statistic", "value": start},
        ]

    client.workon(train, trial_arg="trial")

    trials = {trial.id: trial for trial in client.fetch_trials()}
    promoted = [trial for trial in trials.values() if trial.parent is not None]
    assert len(promoted) > 3
    for trial in promoted:
        assert trial.statistics[0].value == trials[trial.parent].params["epochs"]
    assert len(steps_left(client)) == 1


def test_what_is_pinned_is_kept(storage, tmp_path):
    client = build(storage, tmp_path, checkpoints={"trial_latest": 1})

    with client.suggest() as trial:
        for step in range(3):
            save(trial, step)
            (newest,) = [c for c in client.fetch_checkpoints() if c.step == step]
            if step == 0:
                pin_checkpoint(storage.database, newest)
        client.observe(trial, 1.0)
    client.close()

    assert steps_left(client) == [0, 2]


def test_a_directory_that_is_gone_is_no_error(storage, tmp_path):
    client = build(storage, tmp_path)
    train_as_in_the_table(client)
    for checkpoint in client.fetch_checkpoints():
        discard(checkpoint.path)
    client.close()

    policy = build(storage, tmp_path, checkpoints={"trial_latest": 0})
    CheckpointKeeper(policy.experiment).apply()

    assert steps_left(client) == []


def test_a_deletion_that_was_cut_short_is_gone_on_with(storage, tmp_path):
    client = build(storage, tmp_path, checkpoints={"trial_best": 9})
    train_as_in_the_table(client)
    client.close()
    marked, half_gone, *_ = client.fetch_checkpoints()

    for checkpoint in (marked, half_gone):
        claim_deletion(storage.database, client.id, checkpoint)
    directory, name = os.path.split(half_gone.path)
    os.rename(half_gone.path, os.path.join(directory, f".{name}.deleted"))
    CheckpointKeeper(client.experiment).apply()

    assert steps_left(client) == [5, 7, 8]


def test_what_was_pinned_meanwhile_is_not_deleted(storage, tmp_path):
    client = build(storage, tmp_path)
    train_as_in_the_table(client)
    client.close()
    checkpoint = client.fetch_checkpoints()[0]

    pin_checkpoint(storage.database, checkpoint)
    deleted = CheckpointKeeper(client.experiment).delete(checkpoint)

    assert not deleted
    assert steps_left(client) == list(range(1, 11))


def test_what_only_another_machine_can_reach_is_left_to_it(storage, tmp_path):
    client = build(storage, tmp_path)
    train_as_in_the_table(client)
    client.close()
    elsewhere = {"path": "/nowhere/to/be/found/step-1", "host": "another"}
    first = client.fetch_checkpoints()[0]
    storage.database.update(CHECKPOINTS, {"id": first.id}, {"$set": elsewhere})

    build(storage, tmp_path, checkpoints={"trial_latest": 0})
    CheckpointKeeper(client.experiment).apply()

    (left,) = client.fetch_checkpoints()
    assert left.host == "another"


def test_several_workers_apply_a_policy_at_the_same_time(storage, tmp_path):
    client = build(storage, tmp_path)
    train_as_in_the_table(client)
    client.close()
    build(storage, tmp_path, checkpoints={"trial_latest": 1})
    clients = [get_experiment("demo", storage=storage) for _ in range(2)]
    keepers = [CheckpointKeeper(client.experiment) for client in clients]

    threads = [threading.Thread(target=keeper.apply) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert steps_left(client) == [5, 10]


def test_a_policy_may_be_changed_and_taken_back(storage, tmp_path):
    build(storage, tmp_path, checkpoints={"trial_latest": 1, "trial_best": 2})

    changed = build(storage, tmp_path, checkpoints={"trial_best": 3}).experiment.checkpoints
    kept = build(storage, tmp_path).experiment.checkpoints
    taken_back = build(storage, tmp_path, checkpoints={"trial_best": None}).experiment.checkpoints

    assert changed == kept == {"trial_latest": 1, "trial_best": 3}
    assert taken_back == {"trial_latest": 1}


@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        ({"trial_last": 1}, "trial_last.*did you mean 'trial_latest'"),
        ({"trial_best": -1}, "whole number from 0 on, not -1"),
        ({"trial_best": True}, "whole number from 0 on"),
        ({"storage": "/tmp/x"}, "a URL such as"),
        ("best", "must be a mapping"),
    ],
)
def test_a_policy_that_is_none_is_refused(tmp_path, checkpoints, message):
    with pytest.raises(ConfigurationError, match=message):
        build(Storage(EphemeralDB()), tmp_path, checkpoints=checkpoints)


def test_copies_in_one_database_do_not_take_each_others_files(storage, tmp_path):
    client = build(storage, tmp_path)
    train_as_in_the_table(client)
    client.close()
    elsewhere = Storage(EphemeralDB())
    copy(storage, elsewhere)
    copy(elsewhere, storage, resolve="bump")

    second = build(storage, tmp_path, checkpoints={"trial_latest": 0})
    CheckpointKeeper(second.experiment).apply()

    assert second.version == 2
    assert fetch_checkpoints(storage.database, second.id) == []
    assert steps_left(get_experiment("demo", 1, storage=storage)) == list(range(1, 11))


def test_populations_go_on_from_checkpoints_that_no_policy_took(storage, tmp_path):
    client = build(
        storage,
        tmp_path,
        space={**SPACE, "epochs": "fidelity(1, 4)"},
        algorithm={"pbt": {"population_size": 3, "generations": 3}},
        max_trials=None,
        checkpoints={"trial_latest": 1},
    )

    def train(x, epochs, trial):
        found = trial.latest_checkpoint
        start = 0 if found is None else found.step // 2
        assert (start > 0) == (trial.parent is not None)
        for epoch in range(start + 1, epochs + 1):
            save(trial, 2 * epoch - 1)
            save(trial, 2 * epoch)
        return x

    client.workon(train, trial_arg="trial", n_workers=1)

    trials = client.fetch_trials()
    assert {trial.status for trial in trials} == {"completed"}
    for trial in trials:
        (own,) = client.fetch_checkpoints(trial)
        assert os.listdir(os.path.dirname(own.path)) == [os.path.basename(own.path)]
