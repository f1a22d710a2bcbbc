"""Many processes that make the same version at the same moment, and some that are killed."""

import multiprocessing
import os
import signal

import pytest

from orion_like.client import build_experiment
from orion_like.storage import Storage, setup_storage

SPACE = {"x": "uniform(0, 2)"}
FORK = multiprocessing.get_context("fork")
WORKERS = 8


@pytest.fixture(params=["file", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def url(request, tmp_path):
    """A database with version 1 of `demo`, which has a trial."""
    mongodb = request.param == "mongodb"
    url = request.getfixturevalue("mongodb_uri") if mongodb else str(tmp_path / "database.pkl")
    client = build(url, space={"x": "uniform(0, 1)"})
    client.insert({"x": 0.5}, results=1.0)
    client.storage.close()
    return url


def build(url, space=SPACE, **more):
    return build_experiment("demo", space=space, algorithm="random", max_trials=8, storage=url,
                            branching={"enable": True}, **more)  # fmt: skip


def run(target, *arguments, n=1):
    """Run a function in processes, and return their exit codes."""
    processes = [FORK.Process(target=target, args=arguments) for _ in range(n)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def make_and_work(url, barrier):
    barrier.wait(30)
    client = build(url)
    client.workon(lambda x: x, max_trials_per_worker=1)
    os._exit(client.version)


def test_of_eight_workers_that_find_the_same_change_one_makes_the_version(url):
    codes = run(make_and_work, url, FORK.Barrier(WORKERS), n=WORKERS)

    assert codes == [2] * WORKERS
    storage = setup_storage(url)
    first, second = storage.fetch_experiments({"name": "demo"})
    assert second["refers"]["parent_id"] == first["_id"]
    assert len(storage.fetch_trials(second["_id"])) == WORKERS


def make_other(url, barrier, upper):
    barrier.wait(30)
    build(url, space={"x": f"uniform(0, {upper})"})


def test_different_changes_at_the_same_moment_become_versions_one_after_the_other(url):
    barrier = FORK.Barrier(4)
    processes = [FORK.Process(target=make_other, args=(url, barrier, n)) for n in (2, 3, 4, 5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    documents = setup_storage(url).fetch_experiments({"name": "demo"})
    assert [document["version"] for document in documents] == [1, 2, 3, 4, 5]
    parents = [document["refers"]["parent_id"] for document in documents[1:]]
    assert parents == [document["_id"] for document in documents[:-1]]


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def make_and_die(url, moment):
    create = Storage.create_experiment
    if moment == "before":
        Storage.create_experiment = die
    else:
        Storage.create_experiment = lambda *arguments: die(create(*arguments))
    build(url)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_is_killed_while_it_makes_a_version_is_in_nobodys_way(url, moment):
    assert run(make_and_die, url, moment) == [-signal.SIGKILL]

    client = build(url)
    client.workon(lambda x: x, max_trials_per_worker=1)

    assert (client.version, client.stats.trials_completed) == (2, 1)
    assert len(client.fetch_trials(with_evc_tree=True)) == 2
    assert len(client.storage.fetch_experiments({"name": "demo"})) == 2
