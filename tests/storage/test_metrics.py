"""Intermediate reports beside the trials, the same on every database."""

import pytest

from orion_like.storage import EphemeralDB, Storage
from orion_like.storage.check import check, repair
from orion_like.storage.metrics import Report, fetch_reports, replace_values, store_reports
from orion_like.storage.transfer import copy
from orion_like.trial import Trial, to_results

ME, OTHER = "me-1-00000000", "other-1-00000000"


@pytest.fixture
def storage(database):
    return Storage(database)


@pytest.fixture
def experiment(storage):
    settings = {"space": {"x": "uniform(0, 10)"}, "max_trials": 10, "next_number": 2}
    return storage.create_experiment({"name": "demo", "version": 1, **settings})["_id"]


def new_trial(storage, experiment, number=0, status="reserved"):
    params = [{"name": "x", "type": "real", "value": float(number)}]
    trial = Trial(experiment=experiment, number=number, params=params)
    return storage.register_trial(trial, status, ME if status == "reserved" else None)


def report(trial, step, attempt=1, group="validation", **values):
    return Report(trial._id, attempt, group, step, values or {"loss": 1.0 / (1 + step)})


def steps(reports):
    return [(found.attempt, found.step) for found in reports]


def test_reports_are_kept_by_trial_group_and_step(storage, experiment):
    first, second = new_trial(storage, experiment, 0), new_trial(storage, experiment, 1)
    stored = [
        report(first, 1, loss=0.5, accuracy=0.7),
        report(first, 0, loss=0.9),
        report(first, 0, group="training", loss=float("inf")),
        report(second, 7, loss=0.1),
    ]

    store_reports(storage.database, experiment, stored)

    everything = fetch_reports(storage.database, experiment)
    assert sorted(everything, key=stored.index) == stored
    validation = fetch_reports(storage.database, experiment, [first._id], "validation")
    assert validation == [stored[1], stored[0]]


def test_what_is_stored_stays_when_it_is_stored_again(storage, experiment):
    trial = new_trial(storage, experiment)
    store_reports(storage.database, experiment, [report(trial, 0, loss=1.0)])

    again = [report(trial, 0, loss=2.0), report(trial, 1, loss=3.0)]
    store_reports(storage.database, experiment, again)

    found = fetch_reports(storage.database, experiment)
    assert [found.values["loss"] for found in found] == [1.0, 3.0]


def test_values_with_other_names_join_those_of_the_same_step(storage, experiment):
    trial = new_trial(storage, experiment)
    store_reports(storage.database, experiment, [report(trial, 0, loss=1.0)])

    replace_values(storage.database, report(trial, 0, loss=1.0, **{"top-5.accuracy": 0.5}))

    (found,) = fetch_reports(storage.database, experiment)
    assert found.values == {"loss": 1.0, "top-5.accuracy": 0.5}


def test_a_later_attempt_continues_the_curve_from_its_first_step_on(storage, experiment):
    trial = new_trial(storage, experiment)
    store_reports(storage.database, experiment, [report(trial, step) for step in range(5)])
    resumed = [report(trial, step, attempt=2) for step in (3, 4)]

    store_reports(storage.database, experiment, resumed)

    found = fetch_reports(storage.database, experiment)
    assert steps(found) == [(1, 0), (1, 1), (1, 2), (2, 3), (2, 4)]


def test_late_reports_of_a_worker_that_lost_the_trial_do_not_count(storage, experiment):
    trial = new_trial(storage, experiment)
    store_reports(storage.database, experiment, [report(trial, 0), report(trial, 0, attempt=2)])

    store_reports(storage.database, experiment, [report(trial, 1, loss=-1.0)])

    assert steps(fetch_reports(storage.database, experiment)) == [(2, 0)]


def test_reports_are_deleted_with_their_trials_and_with_their_experiment(storage, experiment):
    done, running = new_trial(storage, experiment, 0), new_trial(storage, experiment, 1)
    store_reports(storage.database, experiment, [report(done, 0), report(running, 0)])
    storage.complete_trial(done, to_results(1.0))

    storage.delete_trials(experiment)
    left = fetch_reports(storage.database, experiment)
    storage.delete_experiment(experiment)

    assert [found.trial for found in left] == [running._id]
    assert storage.database.count("metrics") == 0


def test_reports_are_copied_with_their_trials(storage, experiment):
    trial = new_trial(storage, experiment)
    store_reports(storage.database, experiment, [report(trial, 0, loss=0.5)])
    destination = Storage(EphemeralDB())
    destination.create_experiment({"name": "another", "version": 1})

    copy(storage, destination)

    there = destination.fetch_experiment("demo")["_id"]
    (copied,) = destination.fetch_trials(there)
    (found,) = fetch_reports(destination.database, there, [copied._id])
    assert found.values == {"loss": 0.5}


def test_a_check_finds_reports_of_trials_that_are_gone_and_a_repair_deletes_them(
    storage, experiment
):
    trial = new_trial(storage, experiment)
    store_reports(storage.database, experiment, [report(trial, 0)])
    sound_before = check(storage.database).is_sound
    storage.database.remove("trials", {"_id": trial._id})

    found = check(storage.database)
    repair(storage, found)

    assert sound_before
    assert "1 are of trials that do not exist" in {finding.problem for finding in found.findings}
    assert check(storage.database).is_sound


# --- trials that are stopped early ---------------------------------------------------------------


def test_a_stopped_trial_is_suspended_with_its_reason_and_what_it_had_come_to(storage, experiment):
    trial = new_trial(storage, experiment)

    storage.stop_trial(trial, "worse than the median", to_results(0.5))

    stored = storage.get_trial(experiment, trial.id)
    assert (stored.status, stored.reason) == ("suspended", "worse than the median")
    assert stored.is_stopped
    assert trial.is_stopped
    assert stored.objective.value == 0.5
    assert stored.end_time is not None


def test_no_worker_takes_up_a_stopped_trial_but_one_that_was_only_suspended(storage, experiment):
    stopped, suspended = new_trial(storage, experiment, 0), new_trial(storage, experiment, 1)
    storage.stop_trial(stopped, "enough")
    storage.release_trial(suspended, "suspended", "for a while")

    taken = storage.reserve_trial(experiment, OTHER, lost_threshold=0)
    none_left = storage.reserve_trial(experiment, OTHER)

    assert taken.id == suspended.id
    assert none_left is None


def test_a_user_may_have_a_stopped_trial_run_again(storage, experiment):
    trial = new_trial(storage, experiment)
    storage.stop_trial(trial, "enough", to_results(0.5))

    storage.set_trial_status(trial, "new")
    taken = storage.reserve_trial(experiment, OTHER)
    storage.release_trial(taken, "suspended")

    assert taken.id == trial.id
    assert not storage.get_trial(experiment, trial.id).is_stopped
    assert storage.reserve_trial(experiment, ME).id == trial.id


def test_only_the_owner_stops_a_trial(storage, experiment):
    trial = new_trial(storage, experiment)
    storage.take_over_trial(storage.get_trial(experiment, trial.id), OTHER)

    with pytest.raises(Exception, match="is reserved by worker other"):
        storage.stop_trial(trial, "enough")
    assert storage.get_trial(experiment, trial.id).status == "reserved"
