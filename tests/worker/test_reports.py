"""What functions report while they run, and how rules stop them."""

import copy
import json
import logging
import multiprocessing
import os
import pickle
import socket
import threading
import time

import pytest

from orion_like.client import TrialPruned, build_experiment
from orion_like.errors import (
    ConfigurationError,
    DatabaseTimeout,
    InvalidResult,
    TrialStopped,
    WorkerOutOfReach,
)
from orion_like.experiment import ExperimentSettings
from orion_like.experiment import build_experiment as build_only
from orion_like.storage import EphemeralDB, Storage
from orion_like.storage.metrics import fetch_reports
from orion_like.worker.channel import Channel, checked_group, checked_step, checked_values
from orion_like.worker.live_trial import LiveTrial
from orion_like.worker.pace import Pace
from orion_like.worker.report_desk import ReportDesk

HALVING = {"halving": {"min_steps": 1, "reduction": 2}}


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, **changes):
    options = {
        "space": {"x": "uniform(0, 1)"},
        "algorithm": "random",
        "seed": 1,
        "max_trials": 8,
        **changes,
    }
    return build_experiment("demo", storage=storage, **options)


def reports_of(client, trial):
    found = fetch_reports(client.storage.database, client.id, [trial._id])
    return [(report.group, report.step, report.values) for report in found]


def training():
    """A function that is sent to other processes as it is, without this module."""

    def train(x, trial):
        for epoch in range(1, 5):
            trial.report(x + 1 / epoch, epoch)
            if trial.should_stop():
                return None
        return x

    return train


# --- reporting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [1, 2])
def test_what_a_function_reports_is_stored_in_whatever_process_it_runs(storage, n_workers):
    client = build(storage, max_trials=4)

    def function(x, trial):
        trial.report(x, 0)
        trial.report({"loss": x, "accuracy": 1 - x}, 1, "training")
        trial.report(2 * x)
        return x

    client.workon(function, trial_arg="trial", n_workers=n_workers)

    for trial in client.fetch_trials():
        x = trial.params["x"]
        assert trial.status == "completed"
        assert reports_of(client, trial) == [
            ("training", 1, {"loss": x, "accuracy": 1 - x}),
            ("validation", 0, {"objective": x}),
            ("validation", 1, {"objective": 2 * x}),
        ]


def test_children_of_a_function_report_for_its_trial():
    client = build(Storage(EphemeralDB()), max_trials=1)

    def function(x, trial):
        trial.report(1.0, 0)
        context = multiprocessing.get_context("fork")
        children = [
            context.Process(target=report_elsewhere, args=(trial, 1)),
            context.Process(target=report_elsewhere, args=(pickle.dumps(trial), 2)),
        ]
        for child in children:
            child.start()
        for child in children:
            child.join()
        return x

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    assert [step for _, step, _ in reports_of(client, trial)] == [0, 1, 2]


def report_elsewhere(trial, step):
    if isinstance(trial, bytes):
        trial = pickle.loads(trial)
    trial.report(1.0, step)
    assert not trial.should_stop()


def test_threads_of_a_function_report_at_the_same_time(storage):
    client = build(storage, max_trials=1)

    def function(x, trial):
        threads = [
            threading.Thread(
                target=lambda k=k: [trial.report(k, step, f"g{k}") for step in range(50)]
            )
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return x

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    assert len(reports_of(client, trial)) == 200


def test_the_first_report_of_a_step_counts_and_other_names_join_it(storage):
    client = build(storage, max_trials=1)

    def function(x, trial):
        trial.report({"loss": 1.0}, 3)
        trial.report({"loss": 2.0, "accuracy": 0.5}, 3)
        return x

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    assert reports_of(client, trial) == [("validation", 3, {"loss": 1.0, "accuracy": 0.5})]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_reported_too(storage, bad):
    client = build(storage, max_trials=1)

    def function(x, trial):
        trial.report(bad, 0)
        return x

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    ((_, _, values),) = reports_of(client, trial)
    assert repr(values["objective"]) == repr(bad)


@pytest.mark.parametrize(
    "value", ["0.5", None, True, {}, {"loss": "x"}, {1: 0.5}, [0.5], {"a": None}]
)
def test_what_is_no_number_is_refused_where_it_is_reported(value):
    with pytest.raises(InvalidResult, match="must be a number"):
        checked_values(value)


@pytest.mark.parametrize("name", ["$loss", "a\0b"])
def test_a_name_that_no_database_takes_is_refused_where_it_is_reported(name):
    with pytest.raises(InvalidResult, match="begins with"):
        checked_values({name: 1.0})


def test_what_cannot_be_stored_keeps_nothing_else_from_being_stored(storage, caplog):
    client = build(storage)
    trial = client.suggest()
    channel = Channel(trial.report_address)

    channel.report({"half\ud800": 1.0}, 0, "validation")
    channel.checkpoint(1, "/x", {}, {"$set": 1})
    channel.checkpoint(1, "/x", {}, {"big": 2**70})
    channel.report({"loss": 1.0}, 1, "validation")
    client.observe(trial, 1.0)

    assert [step for _, step, _ in reports_of(client, trial)] == [1]
    assert client.fetch_checkpoints() == []
    assert caplog.text.count("a report was not understood") == 3


@pytest.mark.parametrize("step", [-1, 0.5, "3", True, 2**63, float("nan")])
def test_a_step_is_a_whole_number(step):
    with pytest.raises(InvalidResult, match="step of a report must be a whole number from 0 on"):
        checked_step(step)
    assert checked_step(3.0) == 3


def test_a_group_is_a_name():
    with pytest.raises(InvalidResult, match="group of a report must be a name"):
        checked_group(3)


def test_trials_that_are_handed_out_report_too(storage):
    client = build(storage)

    with client.suggest() as trial:
        trial.report(0.5, 0)
        assert not trial.should_stop()
        client.observe(trial, 0.25)

    assert reports_of(client, trial) == [("validation", 0, {"objective": 0.5})]


def test_a_trial_that_is_done_is_copied_and_pickled_as_a_plain_one(storage):
    client = build(storage)
    with client.suggest() as trial:
        client.observe(trial, 0.25)

    for copied in (copy.deepcopy(trial), pickle.loads(pickle.dumps(trial))):
        assert (copied.id, copied.status, copied.objective.value) == (trial.id, "completed", 0.25)


# --- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_stopped_trial_is_suspended_and_the_worker_goes_on(storage, n_workers):
    client = build(storage, stopping={"threshold": {"upper": 1.4}})

    executed = client.workon(training(), trial_arg="trial", n_workers=n_workers)

    stats = client.stats
    stopped = [trial for trial in client.fetch_trials() if trial.is_stopped]
    assert client.fetch_pending_trials() == []
    assert executed == 8
    assert client.is_done
    assert (stats.trials_completed + stats.trials_stopped, stats.progress) == (8, 1.0)
    assert 0 < len(stopped) < 8
    assert {trial.id for trial in stopped} == {
        trial.id for trial in client.fetch_trials() if trial.params["x"] > 0.4
    }
    for trial in stopped:
        assert trial.status == "suspended"
        assert trial.reason.startswith("threshold: objective is 1.")
        assert reports_of(client, trial) == [
            ("validation", 1, {"objective": trial.objective.value})
        ]


def test_one_worker_makes_the_same_decisions_every_time():
    runs = []
    for _ in range(2):
        client = build(Storage(EphemeralDB()), stopping="median", max_trials=20)
        client.workon(training(), trial_arg="trial")
        runs.append([(trial.id, trial.status) for trial in client.fetch_trials()])

    assert runs[0] == runs[1]
    assert {status for _, status in runs[0]} == {"completed", "suspended"}


def test_what_a_stopped_function_returns_is_its_result(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}}, max_trials=1)

    def function(x, trial):
        trial.report(11, 0)
        return 0.5 if trial.should_stop() else x

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    assert (trial.status, trial.objective.value) == ("suspended", 0.5)


def test_names_that_optuna_uses_do_the_same(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}}, max_trials=1)

    def function(x, trial):
        trial.report(11, 0)
        if trial.should_prune():
            raise TrialPruned

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    assert (trial.status, trial.objective.value) == ("suspended", 11)


def test_a_function_that_never_asks_is_completed(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}}, max_trials=1)

    def function(x, trial):
        trial.report(11, 0)
        return x

    client.workon(function, trial_arg="trial")

    assert client.stats.trial_status_count == {"completed": 1}


def test_a_function_may_stop_by_an_exception_whether_it_was_told_to_or_not(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}}, max_trials=2)

    def function(x, trial):
        trial.report(11 if trial.number else 9, 0)
        trial.should_stop()
        raise TrialStopped("it makes no sense")

    client.workon(function, trial_arg="trial")

    reasons = [trial.reason for trial in client.fetch_trials()]
    assert client.stats.trials_stopped == 2
    assert reasons == ["it makes no sense", "threshold: objective is 11 at step 0, above 10"]


def test_what_fails_after_it_was_told_to_stop_is_stopped(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}}, max_trials=1)

    def function(x, trial):
        trial.report(11, 0)
        if trial.should_stop():
            raise RuntimeError("cannot go on")

    client.workon(function, trial_arg="trial")

    assert client.stats.trials_stopped == 1


def test_a_trial_that_takes_too_long_is_stopped_with_what_it_reported(storage):
    client = build(storage, max_trials=2)

    def function(x, trial):
        if trial.number == 0:
            trial.report(0.5, 0)
        time.sleep(60)

    client.workon(
        function, trial_arg="trial", trial_timeout=0.2, max_broken=1, max_trials_per_worker=1
    )
    with pytest.raises(Exception, match="too many trials broke"):
        client.workon(function, trial_arg="trial", trial_timeout=0.2, max_broken=1)

    stopped, broken = client.fetch_trials()
    assert (stopped.status, stopped.objective.value) == ("suspended", 0.5)
    assert "took longer than its timeout of 0.2 seconds" in stopped.reason
    assert broken.status == "broken"


def test_objectives_to_maximize_and_several_of_them_are_understood(storage):
    client = build(
        storage, max_trials=2, objectives=["accuracy:maximize", "size"], stopping=HALVING
    )

    def function(x, trial):
        good = trial.number == 0
        trial.report({"accuracy": 0.9 if good else 0.1, "size": 1 if good else 2, "time": 3}, 1)
        if trial.should_stop():
            return None
        return [
            {"name": "accuracy", "type": "objective", "value": 0.9},
            {"name": "size", "type": "objective", "value": 1},
        ]

    client.workon(function, trial_arg="trial")

    best, stopped = client.fetch_trials()
    assert (best.status, stopped.status) == ("completed", "suspended")
    assert {r.name: r.value for r in stopped.results} == {"accuracy": 0.1, "size": 2}


def test_reports_without_the_objective_are_told_once(storage, caplog):
    client = build(storage, stopping="median", objectives=["loss"], max_trials=2)

    def function(x, trial):
        trial.report({"accuracy": x, "time": 1}, 0)
        return x

    with caplog.at_level(logging.WARNING, "orion_like"):
        client.workon(function, trial_arg="trial")

    warnings = [record for record in caplog.messages if "stopping rules cannot judge" in record]
    assert len(warnings) == 1


def test_a_diverged_trial_is_stopped_without_a_result(storage):
    client = build(storage, stopping="threshold", max_trials=1)

    def function(x, trial):
        trial.report(0.5, 0)
        trial.report(float("nan"), 1)
        if trial.should_stop():
            raise TrialStopped

    client.workon(function, trial_arg="trial")

    (trial,) = client.fetch_trials()
    assert trial.is_stopped
    assert trial.results == []


def test_handed_out_trials_that_were_told_to_stop_are_given_up_for_good(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}}, max_trials=3)

    with client.suggest() as told:
        told.report(11, 0)
        assert told.should_stop()
    with client.suggest() as raising:
        raising.report(3, 0)
        raise TrialStopped("enough")
    with client.suggest() as observed:
        observed.report(11, 0)
        assert observed.should_stop()
        client.observe(observed, 5)

    assert client.is_done
    assert (told.status, told.is_stopped, told.objective.value) == ("suspended", True, 11)
    assert (raising.is_stopped, raising.reason) == (True, "TrialStopped: enough")
    assert observed.status == "completed"


def test_rules_of_an_experiment_stay_until_others_are_asked_for(storage):
    build(storage, stopping={"median": {"min_trials": 2}})

    kept = build(storage).configuration["stopping"]
    changed = build(storage, stopping="patience").configuration["stopping"]
    ended = build(storage, stopping={}).configuration["stopping"]

    assert kept == {"median": {"group": "validation", "warmup_steps": 0, "min_trials": 2}}
    assert list(changed) == ["patience"]
    assert ended == {}


# --- leases --------------------------------------------------------------------------------------


def test_a_worker_that_lost_its_trial_stores_no_reports_and_has_it_stop(storage):
    client = build(storage)
    trial = client.suggest()
    trial.report(1.0, 0)
    assert len(client.fetch_metrics(trial)) == 1  # it is stored
    client._heartbeat.stop()
    client.storage.take_over_trial(client.get_trial(trial), "other-1-00000000")

    deadline = time.monotonic() + 30
    step = 0
    while not trial.should_stop() and time.monotonic() < deadline:
        step += 1
        trial.report(2.0, step)

    assert trial.should_stop()
    assert [step for _, step, _ in reports_of(client, trial)] == [0]


def test_a_second_attempt_goes_on_with_the_curve_of_the_first(storage):
    client = build(storage, stopping={"patience": {"patience": 4}}, max_trials=1)
    first = client.suggest()
    for step in range(3):
        first.report(1.0, step)
    client.release(first)

    second = client.suggest()
    answers = []
    for step in (2, 3, 4):
        second.report(1.0, step)
        answers.append(second.should_stop())

    assert second.attempt == 2
    assert answers == [False, False, True]
    client.release(second)
    found = fetch_reports(client.storage.database, client.id)
    assert [(r.attempt, r.step) for r in found] == [(1, 0), (1, 1), (2, 2), (2, 3), (2, 4)]


# --- the database --------------------------------------------------------------------------------


class Unreachable(EphemeralDB):
    """A database that does not answer for a time."""

    away = False

    def insert_many(self, collection, documents, *, durable=True):
        if self.away and collection == "metrics":
            raise DatabaseTimeout("away")
        return super().insert_many(collection, documents, durable=durable)


def test_reports_are_kept_while_the_database_is_away(caplog):
    database = Unreachable()
    client = build(Storage(database))
    trial = client.suggest()

    database.away = True
    for step in range(5):
        trial.report(1.0, step)
    assert not trial.should_stop()  # which is answered after all that was reported
    stored_meanwhile = reports_of(client, trial)
    database.away = False
    client.observe(trial, 1.0)

    assert stored_meanwhile == []
    assert len(reports_of(client, trial)) == 5
    assert "reports are kept until the database answers" in caplog.text


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_what_is_quick_is_done_often_and_what_takes_long_a_tenth_of_the_time():
    clock = Clock()
    pace = Pace(clock)

    with pace.taken():
        clock.now += 0.01
    quick = pace.wait
    clock.now += 10
    with pace.taken():
        clock.now += 30
    slow = pace.wait

    assert quick == pytest.approx(0.09)
    assert slow == pytest.approx(0.5)


def test_many_reports_are_stored_in_few_writes():
    writes = []

    class Counting(EphemeralDB):
        def insert_many(self, collection, documents, *, durable=True):
            documents = list(documents)
            if collection == "metrics":
                writes.append(len(documents))
                clock.now += 0.02  # what a write takes
            return super().insert_many(collection, documents, durable=durable)

    clock = Clock()
    experiment = build_only(
        Storage(Counting()), "demo", settings=ExperimentSettings(space={"x": "uniform(0, 1)"})
    )
    desk = ReportDesk(experiment, clock)
    trial = experiment.new_trial({"x": 0.5}, 0)
    experiment.storage.register_trial(trial, "reserved", "me-1-00000000")
    line = desk.open(trial)

    for step in range(1000):
        line.report({"loss": 1.0}, step, "validation")
        clock.now += 0.001
    desk.close(trial)
    desk.stop()

    assert sum(writes) == 1000
    assert len(writes) <= 7  # 1.2 s, of which a tenth may go into writes of 0.02 s


def test_whose_worker_is_gone_is_told_to_stop(capfd):
    client = build(Storage(EphemeralDB()))
    with client.suggest() as trial:
        channel = Channel(trial.report_address)
        channel.report({"loss": 1.0}, 0, "validation")
        before = channel.reason_to_stop()
    client.close()

    assert before is None
    assert channel.reason_to_stop() == "its worker is gone"
    assert capfd.readouterr().err == "orion-like: the worker of this trial is gone\n"


def test_who_never_reached_its_worker_is_told_so_and_goes_on(tmp_path, capfd):
    channel = Channel(str(tmp_path / "on another machine"))

    channel.report({"loss": 1.0}, 0, "validation")

    assert channel.reason_to_stop() is None
    assert capfd.readouterr().err == (
        "orion-like: the worker of this trial cannot be reached (see worker.report_host)\n"
    )


def test_any_program_may_report_by_lines_of_json(storage):
    client = build(storage, stopping={"threshold": {"upper": 10}})
    trial = client.suggest()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(trial.report_address)
        stream = connection.makefile("rw")
        stream.write('{"values": 1, "step": 3}\nnonsense\n{"values": {"a": "b"}}\n{"ask": true}\n')
        stream.flush()
        before = stream.readline()
        stream.write('{"values": {"objective": 11}, "group": "validation"}\n{"ask": true}\n')
        stream.flush()
        after = stream.readline()
        stream.write('{"values": 12}')  # without an end of the line, it is no report
        stream.flush()
    client.observe(trial, 1.0)

    assert json.loads(before) == {"stop": None}
    assert json.loads(after) == {"stop": "threshold: objective is 11 at step 4, above 10"}
    assert [step for _, step, _ in reports_of(client, trial)] == [3, 4]


def test_what_was_sent_when_a_trial_ends_is_still_taken_in(storage):
    client = build(storage)
    trial = client.suggest()
    channels = [Channel(trial.report_address) for _ in range(20)]

    for step, channel in enumerate(channels):
        channel.report({"objective": 1.0}, step, "validation")
    client.observe(trial, 1.0)

    assert len(reports_of(client, trial)) == 20


def test_sockets_are_private_and_go_away():
    client = build(Storage(EphemeralDB()))
    trial = client.suggest()
    address = trial.report_address
    directory = os.path.dirname(address)
    mode = os.stat(directory).st_mode & 0o777

    client.observe(trial, 1.0)
    is_left = os.path.exists(address)
    client.close()

    assert mode == 0o700
    assert not is_left
    assert not os.path.exists(directory)


def test_a_long_path_of_temporary_files_is_no_obstacle(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    client = build(Storage(EphemeralDB()))

    trial = client.suggest()
    trial.report(1.0, 0)
    client.observe(trial, 1.0)
    client.close()

    assert len(client.fetch_metrics(trial)) == 1


# --- other machines ------------------------------------------------------------------------------


@pytest.fixture
def reachable(monkeypatch):
    """Have workers listen for other machines, too."""
    monkeypatch.setenv("ORION_LIKE_REPORT_HOST", "127.0.0.1")


def test_trials_of_a_cluster_report_to_the_host_that_is_told(reachable, storage):
    client = build(storage, max_trials=4, stopping={"threshold": {"upper": 1.0}})

    def function(x, trial):
        assert trial.report_address.startswith("tcp://127.0.0.1:")
        trial.report(x, 0)
        trial.report(2.0, 1)
        return 5.0 if trial.should_stop() else x

    client.workon(function, trial_arg="trial", n_workers=2)

    for trial in client.fetch_trials():
        assert trial.status == "suspended"
        assert [step for _, step, _ in reports_of(client, trial)] == [0, 1]


def test_who_does_not_know_the_token_reports_nothing(reachable):
    client = build(Storage(EphemeralDB()), max_trials=1)

    with client.suggest() as trial:
        address = trial.report_address
        host, port = address.removeprefix("tcp://").partition("/")[0].split(":")
        for first in (b"", b"guess\n", b'{"values": {"": 1.0}, "step": 7}\n'):
            with socket.create_connection((host, int(port)), 10) as stranger:
                stranger.sendall(first + b'{"values": {"": 1.0}, "step": 7}\n{"ask": true}\n')
                assert stranger.recv(100) == b""
        trial.report(0.5, 1)
        client.observe(trial, 0.5)

    assert [step for _, step, _ in reports_of(client, trial)] == [1]


def test_a_host_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("ORION_LIKE_REPORT_HOST", "192.0.2.1")
    client = build(Storage(EphemeralDB()), max_trials=1)

    refused = pytest.raises(ConfigurationError, match="no name or address of this machine")
    with client.suggest() as trial, refused:
        trial.report(0.5)


@pytest.mark.parametrize("address", ["/nowhere/1", "tcp://127.0.0.1:1/token"])
def test_what_runs_on_a_machine_without_a_way_to_the_worker_is_told_so(address):
    client = build(Storage(EphemeralDB()), max_trials=1)

    with client.suggest() as trial:
        trial.worker = "another-host.0badcafe-17-deadbeef"
        far = LiveTrial.wrap(trial, address, client.experiment.uuid)
        for use in (lambda: far.report(0.5), far.should_stop):
            with pytest.raises(WorkerOutOfReach, match=r"set worker\.report_host"):
                use()
