"""How workers come to their trials."""

import pytest

from orion_like.errors import (
    BrokenExperiment,
    CompletedExperiment,
    ExperimentDeleted,
    WaitingForTrials,
)
from orion_like.experiment import ExperimentSettings, Producer, build_experiment
from orion_like.storage import EphemeralDB, Storage
from orion_like.trial import to_results


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def storage(database):
    return Storage(database)


def worker(storage, name="worker", clock=None, **settings):
    """A producer with a view of its own on the experiment, as in a process of its own."""
    asked = ExperimentSettings(
        **{
            "space": {"x": "uniform(0, 1)"},
            "algorithm": "random",
            "seed": 1,
            "max_trials": 4,
            **settings,
        }
    )
    experiment = build_experiment(storage, "demo", settings=asked)
    experiment.ledger._clock = clock or Clock()
    producer = Producer(
        experiment, name, lost_threshold=60, gap_grace=3, clock=experiment.ledger._clock
    )
    producer.experiment = experiment
    return producer


def complete(storage, trial):
    storage.complete_trial(trial, to_results(trial.params["x"]))


def test_exactly_max_trials_are_given_out(storage):
    workers = [worker(storage, f"w{i}") for i in range(3)]

    trials = [workers[i % 3].acquire() for i in range(4)]

    for each in workers:
        with pytest.raises(WaitingForTrials):
            each.acquire()
    for trial in trials:
        complete(storage, trial)
    for each in workers:
        with pytest.raises(CompletedExperiment):
            each.acquire()
    assert sorted(trial.number for trial in trials) == [0, 1, 2, 3]


def test_a_broken_trial_is_replaced_by_one_more(storage):
    one = worker(storage, max_trials=2)
    storage.release_trial(one.acquire(), "broken")
    complete(storage, one.acquire())

    complete(storage, one.acquire())

    with pytest.raises(CompletedExperiment):
        one.acquire()
    assert storage.count_by_status(one.experiment.id) == {"broken": 1, "completed": 2}


def test_too_many_broken_trials_stop_the_experiment(storage):
    one = worker(storage, max_broken=2)
    for _ in range(2):
        storage.release_trial(one.acquire(), "broken")

    with pytest.raises(BrokenExperiment, match="max_broken is 2"):
        one.acquire()


def test_of_many_waiting_trials_no_more_are_run_than_wanted_whoever_else_reserves(
    storage, monkeypatch
):
    one, other = worker(storage, "one", max_trials=1), worker(storage, "other", max_trials=1)
    for x in (0.25, 0.5):
        number = one.experiment.take_number_for_insertion()
        storage.register_trial(one.experiment.new_trial({"x": x}, number))
    reserve, reserved = storage.reserve_trial, []

    def reserve_after_another(uid, name):
        if name == "other" and not reserved:
            reserved.append(one.acquire())  # since `other` has looked
        return reserve(uid, name)

    monkeypatch.setattr(storage, "reserve_trial", reserve_after_another)

    with pytest.raises(WaitingForTrials):
        other.acquire()
    complete(storage, reserved[0])
    with pytest.raises(CompletedExperiment):
        other.acquire()
    statuses = storage.count_by_status(one.experiment.id)
    assert statuses == {"completed": 1, "interrupted": 1}


def test_a_deleted_experiment_is_told_by_its_name(storage):
    one = worker(storage)
    storage.delete_experiment(one.experiment.id)

    with pytest.raises(ExperimentDeleted, match=r"experiment 'demo' \(version 1\) was deleted"):
        one.acquire()


def test_interrupted_trials_come_before_new_ones(storage):
    one, other = worker(storage, "one"), worker(storage, "other")
    trial = one.acquire()
    one.acquire()
    storage.release_trial(trial)

    assert other.acquire().id == trial.id


def test_lost_trials_come_before_new_ones(storage):
    clock = Clock()
    one, other = worker(storage, "one"), worker(storage, "other", clock)
    other._lost_threshold = -1
    trial = one.acquire()

    taken = other.acquire()

    assert (taken.id, taken.attempt, taken.worker) == (trial.id, 2, "other")


def test_the_number_of_a_worker_that_died_thinking_is_used_after_a_grace(storage):
    clock = Clock()
    one = worker(storage, clock=clock)
    storage.take_number(one.experiment.id, 4, 4)  # by a worker that is never heard of again
    for _ in range(3):
        complete(storage, one.acquire())

    with pytest.raises(WaitingForTrials):
        one.acquire()
    clock.now += 3
    filled = one.acquire()

    assert filled.number == 0
    complete(storage, filled)
    with pytest.raises(CompletedExperiment):
        one.acquire()


def test_whoever_comes_late_with_a_number_takes_another(storage):
    slow, quick = worker(storage, "slow"), worker(storage, "quick")
    slow.experiment.refresh()
    number = slow._take_number()
    quick.experiment.refresh()
    quick._number = number
    assert quick.produce("reserved").number == number

    trial = slow.produce("reserved")

    assert trial.number == number + 1


def test_an_unused_number_is_handed_back_and_used(storage):
    one, other = worker(storage, "one"), worker(storage, "other")
    one.experiment.refresh()
    number = one._take_number()

    one.hand_back_number()

    assert other.acquire().number == number


def test_the_points_do_not_depend_on_the_number_of_workers(storage):
    space = {"x": "uniform(0, 1)", "c": "choices(['a', 'b', 'c'])"}
    workers = [worker(storage, f"w{i}", space=space, max_trials=12) for i in range(6)]
    for turn in range(12):
        complete(storage, workers[(7 * turn) % 6].acquire())
    many = {trial.id for trial in storage.fetch_trials(workers[0].experiment.id)}

    alone = Storage(EphemeralDB())
    one = worker(alone, space=space, max_trials=12)
    for _ in range(12):
        complete(alone, one.acquire())

    assert {trial.id for trial in alone.fetch_trials(one.experiment.id)} == many


def test_a_finite_space_ends_when_every_point_has_a_trial(storage):
    space = {"x": "uniform(1, 3, discrete=True)"}
    one, other = (worker(storage, name, space=space, max_trials=None) for name in "ab")

    trials = [one.acquire(), other.acquire(), one.acquire()]
    with pytest.raises(WaitingForTrials):
        other.acquire()
    for trial in trials:
        complete(storage, trial)

    for each in (one, other):
        with pytest.raises(CompletedExperiment, match="every point"):
            each.acquire()
    assert sorted(trial.params["x"] for trial in trials) == [1, 2, 3]
    assert one.experiment.is_done


def test_deleted_trials_are_replaced_up_to_max_trials(storage):
    one = worker(storage)
    for _ in range(4):
        complete(storage, one.acquire())
    gone = storage.fetch_trials(one.experiment.id)[1]

    storage.delete_trials(one.experiment.id, {"id": gone.id})
    again = one.acquire()

    assert (again.number, again.id) == (gone.number, gone.id)


def test_a_raised_limit_is_seen_by_a_running_worker(storage):
    one = worker(storage, max_trials=1)
    complete(storage, one.acquire())
    storage.update_experiment(one.experiment.id, max_trials=2)

    assert one.acquire().number == 1


def test_a_lowered_limit_is_seen_by_a_running_worker(storage):
    one = worker(storage)
    complete(storage, one.acquire())
    storage.update_experiment(one.experiment.id, max_trials=1)

    with pytest.raises(CompletedExperiment):
        one.acquire()


def test_a_stopped_trial_uses_up_a_slot(storage):
    producer = worker(storage)
    trials = [producer.acquire() for _ in range(3)]
    for trial in trials[:2]:
        storage.stop_trial(trial, "worse than the median", to_results(1.0))
    complete(storage, trials[2])

    last = producer.acquire()
    complete(storage, last)

    with pytest.raises(CompletedExperiment):
        producer.acquire()
    stats = producer.experiment.stats
    assert last.id not in {trial.id for trial in trials}
    assert (stats.trials_completed, stats.trials_stopped, stats.progress) == (2, 2, 1.0)
    assert producer.experiment.is_done


def test_algorithms_learn_from_what_stopped_trials_had_come_to(storage):
    producer = worker(storage, algorithm={"tpe": {"n_initial_points": 1}})
    stopped = producer.acquire()
    storage.stop_trial(stopped, "worse than the median", to_results(1.0))
    producer.acquire()

    ranking = producer.experiment.algorithm._history.ranking

    assert len(ranking) == 1
