"""What people change by hand while eight worker processes run: safe, and followed at once."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from multiprocessing.connection import wait as wait_for_any

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import ExperimentDeleted
from orion_like.storage import setup_storage
from orion_like.testing.lifeline import die_with_parent

WORKERS = 8
PATIENCE = 60  # seconds until a test that does not go on has failed
SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)"}

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["orion_like.client", "pymongo", "scipy.stats"])


def work(pipe):
    """Work on one experiment after the other; tell how many trials were executed, or the error."""
    die_with_parent()
    while True:
        url, mended = pipe.recv()

        def objective(x, y, mended=mended):
            time.sleep(0.01)
            if x < 0.2 and not mended.exists():
                raise ValueError("x is too small")
            return x + y

        try:
            client = build_experiment("demo", storage=url)
            pipe.send(client.workon(objective, max_broken=1000, idle_timeout=PATIENCE))
        except Exception as error:
            pipe.send(error)


@pytest.fixture(scope="module")
def workers():
    """Eight worker processes that wait for work, and the pipes to them."""
    workers, pipes = [], []
    for _ in range(WORKERS):
        ours, theirs = _processes.Pipe()
        worker = _processes.Process(target=work, args=(theirs,))
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    yield pipes, workers
    for worker in workers:
        worker.kill()
        worker.join()


class Crew:
    """The workers, the storage that they share, and the file that mends what breaks."""

    def __init__(self, url, directory, pipes, workers):
        self.url = url
        self.mended = directory / "mended"
        self._pipes = pipes
        self._workers = workers
        self._outcomes = []

    def create(self, **settings):
        client = build_experiment(
            "demo", space=SPACE, algorithm="random", seed=3, max_broken=1000, storage=self.url,
            **settings,
        )  # fmt: skip
        self.storage, self.uid = setup_storage(self.url), client.id

    def start(self):
        for pipe in self._pipes:
            pipe.send((self.url, self.mended))

    def count(self, status):
        return self.storage.count_by_status(self.uid).get(status, 0)

    def all_work(self):
        trials = self.storage.fetch_trials(self.uid, fields=["worker", "status"])
        return len({trial.worker for trial in trials}) == WORKERS

    def wait_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self._listen()
            assert not any(isinstance(outcome, Exception) for outcome in self._outcomes)
            assert time.monotonic() < deadline, self.storage.count_by_status(self.uid)
            time.sleep(0.01)

    def outcomes(self):
        """Return what the workers ended with."""
        deadline = time.monotonic() + PATIENCE
        while len(self._outcomes) < WORKERS:
            assert time.monotonic() < deadline, self._outcomes
            self._listen(0.1)
        return self._outcomes

    def _listen(self, timeout=0):
        assert all(worker.is_alive() for worker in self._workers)
        self._outcomes += [pipe.recv() for pipe in wait_for_any(self._pipes, timeout)]


@pytest.fixture(params=["file", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def crew(request, tmp_path, workers):
    url = str(tmp_path / "db.pkl")
    if request.param == "mongodb":
        url = request.getfixturevalue("mongodb_uri")
    return Crew(url, tmp_path, *workers)


def assert_exact(crew, max_trials):
    trials = get_experiment("demo", storage=crew.url).fetch_trials()
    completed = [trial for trial in trials if trial.status == "completed"]
    assert len(completed) == max_trials
    assert len({trial.id for trial in trials}) == len({t.number for t in trials}) == len(trials)
    assert all(trial.objective.value == sum(trial.params.values()) for trial in completed)
    assert crew.count("reserved") == 0


def test_changed_limits_and_statuses_and_deletions_are_followed_to_the_exact_end(crew):
    crew.create()
    crew.start()
    crew.wait_until(lambda: crew.count("completed") >= 30 and crew.count("broken") >= 5)

    crew.mended.touch()
    for trial in crew.storage.fetch_trials(crew.uid, {"status": "broken"}):
        crew.storage.set_trial_status(trial, "new", reason="mended")
    deleted = crew.storage.delete_trials(crew.uid, {"status": "completed", "number": {"$lt": 15}})
    target = crew.count("completed") + 100
    crew.storage.update_experiment(crew.uid, max_trials=target)
    crew.wait_until(lambda: crew.count("completed") >= target - 50)
    deleted += crew.storage.delete_trials(crew.uid, {"status": "completed", "number": {"$lt": 30}})
    executed = crew.outcomes()

    assert all(isinstance(number, int) for number in executed), executed
    assert deleted > 0
    assert_exact(crew, target)


def test_a_worker_that_waits_goes_on_when_more_trials_are_wanted(crew):
    crew.create(max_trials=WORKERS)
    holder = get_experiment("demo", storage=crew.url, mode="x")
    held = [holder.suggest() for _ in range(WORKERS)]
    crew.start()

    crew.storage.update_experiment(crew.uid, max_trials=50)
    crew.wait_until(lambda: crew.count("completed") == 50 - WORKERS)
    for trial in held:
        holder.observe(trial, sum(trial.params.values()))

    assert all(isinstance(outcome, int) for outcome in crew.outcomes())
    assert_exact(crew, 50)


def test_workers_of_a_deleted_experiment_end_with_a_clear_error_and_leave_nothing(crew):
    crew.create()
    crew.start()
    crew.wait_until(crew.all_work)

    crew.storage.delete_experiment(crew.uid)
    outcomes = crew.outcomes()

    assert Counter(map(type, outcomes)) == {ExperimentDeleted: WORKERS}
    assert all("experiment 'demo' (version 1) was deleted from" in str(e) for e in outcomes)
    assert crew.storage.database.count("trials", {"experiment": crew.uid}) == 0


def test_a_corrected_result_takes_the_place_of_the_wrong_one_for_all_who_have_read_it(crew):
    crew.create(max_trials=20)
    reader = get_experiment("demo", storage=crew.url)
    for x in (0.9, 0.5, 0.7):
        client = build_experiment("demo", storage=crew.url)
        client.insert({"x": x, "y": 0.0}, x)
    wrong = crew.storage.fetch_trials(crew.uid)[1]
    assert (reader.stats.best_evaluation, reader.stats.best_trials_id) == (0.5, wrong.id)

    crew.storage.correct_objective(wrong, 5.0)

    assert reader.stats.best_evaluation == 0.7
    assert crew.storage.get_trial(crew.uid, wrong.id).objective.value == 5.0
