"""MongoDB servers that crash, stall, hand over to each other, or are cut off."""

import random
import threading
import time
from datetime import timedelta
from functools import partial

import pytest

from orion_like.storage.database import MongoDB
from orion_like.testing.chaos import FlakyProxy, ReplicaSet, crash, paused, skew_clock, stall
from orion_like.testing.mongod import Mongod

pytestmark = pytest.mark.mongodb


def database_on(uri, name):
    return uri.replace("/?", f"/{name}?")


@pytest.fixture(scope="module")
def server():
    with Mongod() as server:
        yield server


@pytest.fixture(scope="module")
def replica_set():
    with ReplicaSet() as servers:
        yield servers


def test_a_server_that_crashes_and_stalls_costs_time_only(server, make_crew):
    crew = make_crew(database_on(server.uri, "crashes"), seconds=(0, 0.02))
    crew.create(200)
    crew.start(4)

    struck = crew.endure([crash(server), stall(server)], random.Random(1), (15, 40), at_most=4)

    assert struck >= 3
    crew.assert_sound()


def test_a_standalone_server_that_crashes_and_is_cut_off_costs_time_only(make_crew):
    with Mongod(replica_set=None) as alone, FlakyProxy(alone.port, random.Random(1)) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/alone?directConnection=true"
        # A reservation may get lost with its answer: its trial is taken up after a second.
        crew = make_crew(url, seconds=(0, 0.02), heartbeat=0.5)
        crew.create(120)
        crew.start(4)

        crew.endure([proxy.cut_all, crash(alone)], random.Random(1), (10, 30), at_most=5)

        crew.assert_sound()


def test_a_network_that_cuts_connections_costs_time_only(server, make_crew):
    with FlakyProxy(server.port, random.Random(1), mean_bytes=100_000) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/network?directConnection=true"
        crew = make_crew(url, seconds=(0, 0.02))
        crew.create(150)
        crew.start(4)

        crew.endure([proxy.cut_all], random.Random(2), (10, 30), at_most=8)

        proxy.heal()
        crew.assert_sound()
    assert proxy.cuts >= 20


def test_a_primary_that_steps_down_or_crashes_costs_time_only(replica_set, make_crew):
    crew = make_crew(database_on(replica_set.uri, "failover"), seconds=(0, 0.02))
    crew.create(250)
    crew.start(4)

    struck = crew.endure(
        [replica_set.step_down, replica_set.crash_primary], random.Random(2), (20, 50), at_most=5
    )

    assert struck >= 3
    crew.assert_sound()
    assert all(trial.attempt == 1 for trial in crew.assert_sound())


def test_what_a_fail_over_may_undo_is_not_told_as_a_change(replica_set):
    replica_set.be_patient(60)  # so that there is no election while two of three are silent
    uri = database_on(replica_set.uri, "undone")
    with MongoDB(uri) as writer, MongoDB(uri) as reader:
        writer.track_changes("trials", "experiment")
        writer.insert("trials", {"_id": "settled", "experiment": 1})
        changes, token = reader.changes("trials", 1)
        assert [document["_id"] for document in changes] == ["settled"]

        thread = threading.Thread(
            target=writer.insert, args=("trials", {"_id": "unsettled", "experiment": 1})
        )
        first, second = replica_set.secondaries
        with paused(first.pid), paused(second.pid):
            thread.start()
            while not reader.count("trials", {"_id": "unsettled"}):
                time.sleep(0.01)  # until the primary has it, and nobody else
            changes, token = reader.changes("trials", 1, token)
            assert changes == []
        thread.join()

        changes, _ = reader.changes("trials", 1, token)
        assert [document["_id"] for document in changes] == ["unsettled"]


def test_the_clocks_of_workers_do_not_matter(server, make_crew):
    crew = make_crew(database_on(server.uri, "clocks"), seconds=(0, 0.02), heartbeat=30)
    crew.create(60)

    for hours in (-1, 0, 1):
        crew.start(2, conditions=(partial(skew_clock, 3600 * hours),))
    crew.finish()

    trials = crew.assert_sound()
    assert all(trial.attempt == 1 for trial in trials)
    times = [time for t in trials for time in (t.submit_time, t.start_time, t.end_time)]
    assert max(times) - min(times) < timedelta(minutes=30)
