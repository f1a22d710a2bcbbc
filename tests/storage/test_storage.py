"""What may be done to experiments and trials, the same on every database."""

from datetime import timedelta

import pytest

from orion_like.errors import (
    AlreadyReleased,
    DuplicateKeyError,
    FailedUpdate,
    InvalidResult,
    LeaseLost,
    NoConfigurationError,
    TrialNotFound,
    UnsupportedOperation,
)
from orion_like.storage import Storage, new_worker_id
from orion_like.storage.adoption import adopt
from orion_like.storage.worker_id import is_certainly_dead
from orion_like.trial import Trial, to_results

ME, OTHER = "me-1-00000000", "other-1-00000000"


@pytest.fixture
def storage(database):
    return Storage(database)


@pytest.fixture
def experiment(storage):
    return storage.create_experiment({"name": "demo", "version": 1, "max_trials": 10})["_id"]


def point(experiment, x, number=None):
    return Trial(
        experiment=experiment,
        number=number,
        params=[{"name": "x", "type": "real", "value": float(x)}],
    )


def reserved(storage, experiment, x=0, worker=ME):
    return storage.register_trial(point(experiment, x, number=int(x)), "reserved", worker)


def test_an_experiment_is_its_own_root_and_unique_by_name_and_version(storage, experiment):
    stored = storage.fetch_experiment("demo")

    assert stored["refers"] == {"root_id": experiment, "parent_id": None, "adapter": []}
    with pytest.raises(DuplicateKeyError):
        storage.create_experiment({"name": "demo", "version": 1})


def test_an_experiment_comes_into_being_in_one_write(storage, monkeypatch):
    for verb in ("update", "find_one_and_update"):
        monkeypatch.setattr(storage.database, verb, None)

    made = storage.create_experiment({"name": "whole", "version": 1})

    assert storage.fetch_experiment("whole")["refers"]["root_id"] == made["_id"]


def test_two_experiments_that_come_into_being_at_once_get_ids_of_their_own(
    storage, experiment, monkeypatch
):
    free = storage.database.new_id
    ids = iter([experiment])  # another process was faster
    monkeypatch.setattr(storage.database, "new_id", lambda name: next(ids, None) or free(name))

    made = storage.create_experiment({"name": "second", "version": 1})

    assert made["_id"] != experiment
    assert [e["name"] for e in storage.fetch_experiments()] == ["demo", "second"]


def test_the_latest_version_is_fetched_unless_an_earlier_one_is_asked_for(storage, experiment):
    storage.create_experiment({"name": "demo", "version": 2})

    assert storage.fetch_experiment("demo")["version"] == 2
    assert storage.fetch_experiment("demo", 1)["_id"] == experiment
    assert storage.fetch_experiment("demo", 9)["version"] == 2
    assert storage.fetch_experiment("nope") is None


def test_deleting_an_experiment_deletes_its_trials_only(storage, experiment):
    other = storage.create_experiment({"name": "other", "version": 1})["_id"]
    reserved(storage, experiment)
    reserved(storage, other)

    assert storage.delete_experiment(experiment) == 1
    assert storage.count_by_status(other) == {"reserved": 1}
    with pytest.raises(NoConfigurationError, match="deleted"):
        storage.fetch_budget(experiment)


def test_numbers_are_given_out_in_order_up_to_the_limit(storage, experiment):
    taken = [storage.take_number(experiment, limit=3, max_trials=10) for _ in range(4)]

    assert [budget and budget["next_number"] for budget in taken] == [1, 2, 3, None]


def test_no_number_is_given_out_on_a_limit_that_was_changed_meanwhile(storage, experiment):
    storage.update_experiment(experiment, max_trials=2)

    assert storage.take_number(experiment, limit=10, max_trials=10) is None


def test_numbers_handed_back_are_given_out_again_lowest_first(storage, experiment):
    for _ in range(4):
        storage.take_number(experiment, 10, 10)
    storage.hand_back_number(experiment, 2)
    storage.hand_back_number(experiment, 1)

    outdated = {**storage.fetch_budget(experiment), "free_numbers": [2]}
    assert storage.take_free_number(experiment, outdated) is None
    assert storage.take_free_number(experiment, storage.fetch_budget(experiment)) == 1
    assert storage.take_free_number(experiment, storage.fetch_budget(experiment)) == 2
    assert storage.take_free_number(experiment, storage.fetch_budget(experiment)) is None


def test_a_trial_is_registered_and_reserved_in_one(storage, experiment):
    reserved(storage, experiment, x=3)

    (stored,) = storage.fetch_trials(experiment)
    assert (stored.status, stored.worker, stored.attempt, stored.number) == ("reserved", ME, 1, 3)
    # A MongoDB server looks at its clock for each of them.
    times = [stored.submit_time, stored.start_time, stored.heartbeat]
    assert max(times) - min(times) < timedelta(minutes=1)
    assert stored.submit_time.utcoffset() == timedelta(0)


def test_a_point_and_a_number_have_one_trial_each(storage, experiment):
    reserved(storage, experiment, x=1)

    with pytest.raises(DuplicateKeyError) as same_point:
        storage.register_trial(point(experiment, 1, number=7))
    with pytest.raises(DuplicateKeyError) as same_number:
        storage.register_trial(point(experiment, 2, number=1))

    assert "id" in same_point.value.keys
    assert "number" in same_number.value.keys


def test_waiting_trials_are_reserved_in_order_and_one_worker_each(storage, experiment):
    for x in (2, 1):
        storage.register_trial(point(experiment, x, number=x))

    first = storage.reserve_trial(experiment, ME)
    second = storage.reserve_trial(experiment, OTHER)

    assert [first.number, second.number] == [1, 2]
    assert (first.worker, second.worker, first.attempt) == (ME, OTHER, 1)
    assert first.start_time is not None
    assert storage.reserve_trial(experiment, ME) is None


def test_the_start_is_that_of_the_first_reservation(storage, experiment):
    trial = reserved(storage, experiment)
    start = storage.get_trial(experiment, trial.id).start_time
    storage.release_trial(trial)

    again = storage.reserve_trial(experiment, OTHER)

    assert again.start_time == start
    assert again.attempt == 2


def test_a_trial_without_heartbeats_is_given_to_another_worker(storage, experiment):
    reserved(storage, experiment)

    assert storage.reserve_lost_trial(experiment, OTHER, lost_threshold=100) is None
    taken = storage.reserve_lost_trial(experiment, OTHER, lost_threshold=-1)
    assert (taken.worker, taken.attempt) == (OTHER, 2)


def test_only_the_owner_can_send_heartbeats(storage, experiment):
    trial = reserved(storage, experiment)
    assert storage.heartbeat(trial)

    storage.reserve_lost_trial(experiment, OTHER, lost_threshold=-1)
    assert not storage.heartbeat(trial)


def test_a_completed_trial_has_results_and_an_end(storage, experiment):
    trial = reserved(storage, experiment)

    storage.complete_trial(trial, to_results(1.5))

    stored = storage.get_trial(experiment, trial.id)
    assert (stored.status, stored.objective.value) == ("completed", 1.5)
    assert stored.end_time >= stored.start_time
    assert trial.status == "completed"
    assert trial.objective.value == 1.5


def test_invalid_results_leave_the_trial_reserved(storage, experiment):
    trial = reserved(storage, experiment)
    statistic = Trial.Result(name="s", type="statistic", value=1)

    with pytest.raises(InvalidResult):
        storage.complete_trial(trial, [statistic])

    assert storage.get_trial(experiment, trial.id).status == "reserved"
    storage.complete_trial(trial, to_results(1.0))


def test_a_late_result_never_overwrites_the_new_owner(storage, experiment):
    late = reserved(storage, experiment)
    owner = storage.reserve_lost_trial(experiment, OTHER, lost_threshold=-1)

    with pytest.raises(LeaseLost, match=OTHER):
        storage.complete_trial(late, to_results(1.0))

    assert storage.get_trial(experiment, late.id).status == "reserved"
    storage.complete_trial(owner, to_results(2.0))
    stored = storage.get_trial(experiment, late.id)
    assert stored.objective.value == 2.0
    assert [entry["results"][0]["value"] for entry in stored.late_results] == [1.0]


def test_a_late_result_is_taken_while_nobody_else_has_the_trial(storage, experiment):
    trial = reserved(storage, experiment)
    released = storage.get_trial(experiment, trial.id)
    storage.release_trial(released)

    storage.complete_trial(trial, to_results(1.0))

    assert storage.get_trial(experiment, trial.id).objective.value == 1.0


def test_a_trial_is_completed_once(storage, experiment):
    trial = reserved(storage, experiment)
    again = storage.get_trial(experiment, trial.id)
    storage.complete_trial(trial, to_results(1.0))

    with pytest.raises(AlreadyReleased):
        storage.complete_trial(again, to_results(2.0))

    assert storage.get_trial(experiment, trial.id).objective.value == 1.0


def test_a_released_trial_says_why_and_waits(storage, experiment):
    trial = reserved(storage, experiment)

    storage.release_trial(trial, "interrupted", "a reason")

    stored = storage.get_trial(experiment, trial.id)
    assert (stored.status, stored.reason, stored.end_time) == ("interrupted", "a reason", None)
    with pytest.raises(AlreadyReleased):
        storage.release_trial(trial)


def test_releasing_tells_when_the_trial_is_lost_or_gone(storage, experiment):
    lost, gone = reserved(storage, experiment, 0), reserved(storage, experiment, 1)
    storage.take_over_trial(lost, OTHER)
    storage.release_trial(storage.get_trial(experiment, gone.id))
    storage.delete_trials(experiment, {"id": gone.id})

    with pytest.raises(LeaseLost):
        storage.release_trial(lost)
    with pytest.raises(TrialNotFound):
        storage.release_trial(gone)
    with pytest.raises(TrialNotFound):
        storage.complete_trial(gone, to_results(1.0))


@pytest.mark.parametrize("status", ["new", "completed", "reserved"])
def test_a_trial_cannot_be_released_as_something_else(storage, experiment, status):
    with pytest.raises(ValueError, match="cannot be released"):
        storage.release_trial(reserved(storage, experiment), status)


def test_users_change_statuses_as_the_state_table_allows(storage, experiment):
    trial = reserved(storage, experiment)
    storage.release_trial(trial, "broken", "bug")

    storage.set_trial_status(trial, "new", "fixed")
    assert storage.get_trial(experiment, trial.id).status == "new"

    storage.complete_trial(storage.reserve_trial(experiment, ME), to_results(1.0))
    with pytest.raises(FailedUpdate, match="is completed"):
        storage.set_trial_status(trial, "new")


def test_deleted_trials_give_their_numbers_back(storage, experiment):
    for x in range(3):
        storage.take_number(experiment, 10, 10)
        trial = reserved(storage, experiment, x)
        if x < 2:
            storage.release_trial(trial, "broken")

    assert storage.delete_trials(experiment, {"status": "broken"}) == 2

    budget = storage.fetch_budget(experiment)
    assert budget["free_numbers"] == [0, 1]
    assert budget["deletions"] > 0
    assert storage.count_by_status(experiment) == {"reserved": 1}


def test_reserved_trials_cannot_be_deleted(storage, experiment):
    reserved(storage, experiment)

    assert storage.delete_trials(experiment) == 0
    with pytest.raises(UnsupportedOperation, match="release them first"):
        storage.delete_trials(experiment, {"status": "reserved"})


def test_trials_come_in_order_of_suggestion(storage, experiment):
    storage.register_trials(point(experiment, x, number=x) for x in (2, 0, 1))

    assert [trial.number for trial in storage.fetch_trials(experiment)] == [0, 1, 2]
    assert storage.fetch_trials(experiment, {"status": "broken"}) == []


def test_trials_without_numbers_get_them_once(storage, experiment):
    storage.database.update("experiments", {"_id": experiment}, {"$unset": {"next_number": ""}})
    storage.register_trials(point(experiment, x) for x in range(3))
    (document,) = storage.fetch_experiments()

    adopt(storage, document)
    adopt(storage, document)

    assert sorted(t.number for t in storage.fetch_trials(experiment)) == [0, 1, 2]
    assert storage.fetch_budget(experiment)["next_number"] == 3


def test_a_worker_id_tells_whether_its_process_is_gone():
    import subprocess
    import sys

    code = "from orion_like.storage import new_worker_id; print(new_worker_id())"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert is_certainly_dead(finished.stdout.strip())
    assert not is_certainly_dead(new_worker_id())
    assert not is_certainly_dead("another-host-1-00000000")
    assert not is_certainly_dead(None)
