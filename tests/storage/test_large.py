"""What a worker does costs as much in a large experiment as in a small one."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from orion_like.cli import main
from orion_like.client import ExperimentClient, build_experiment
from orion_like.storage import MongoDB, Storage, setup_storage
from orion_like.trial import Trial

SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
FEW, MANY = 200, 4000


def fill(storage: Storage, trials: int) -> None:
    client = build_experiment(
        "large", space=SPACE, algorithm="random", seed=1, max_broken=10**6, storage=storage
    )
    storage.register_trials(past_trial(client.id, number) for number in range(trials))
    storage.update_experiment(client.id, next_number=trials)


def past_trial(experiment: Any, number: int) -> Trial:
    end = START + timedelta(seconds=number)
    return Trial(
        experiment=experiment,
        number=number,
        params=[{"name": n, "type": "real", "value": number / 7 + k} for k, n in enumerate("xyz")],
        status="broken" if number % 100 == 99 else "completed",
        results=[{"name": "objective", "type": "objective", "value": number / 3}],
        worker=f"host-{number % 3}-0000000a",
        attempt=1,
        submit_time=START,
        start_time=START,
        end_time=end,
        heartbeat=end,
    )


def filled_file(path: Path, trials: int) -> str:
    storage = setup_storage(path)
    fill(storage, trials)
    storage.database.compact()
    storage.close()
    return str(path)


def work(client: ExperimentClient) -> None:
    client.observe(client.suggest(), 1.0)


def calls_of(action: Callable[[], None]) -> int:
    """Return how many functions of this package are called."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        del argument
        calls += event == "call" and "orion_like" in frame.f_code.co_filename

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def test_a_trial_on_a_file_takes_as_many_steps_as_in_a_small_experiment(tmp_path: Path) -> None:
    costs = []
    for trials in (FEW, MANY):
        client = build_experiment(
            "large", storage=filled_file(tmp_path / f"{trials}.pkl", trials), heartbeat=1000
        )
        work(client)
        costs.append(calls_of(lambda client=client: [work(client) for _ in range(5)]))

    assert costs[1] <= 1.05 * costs[0]


def test_a_worker_on_a_file_needs_less_than_two_kilobytes_a_trial(tmp_path: Path) -> None:
    path = filled_file(tmp_path / "db.pkl", MANY)
    gc.collect()
    tracemalloc.start()
    try:
        client = build_experiment("large", storage=path, heartbeat=1000)
        before, _ = tracemalloc.get_traced_memory()
        work(client)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (after - before) / MANY < 1500
    assert (peak - before) / MANY < 2000


def test_a_summary_builds_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = setup_storage(filled_file(tmp_path / "db.pkl", MANY))
    (experiment,) = storage.fetch_experiments()
    monkeypatch.setattr(Trial, "from_document", None)

    counts = storage.count_by_status(experiment["_id"])
    objectives = storage.fetch_results([experiment["_id"]])[experiment["_id"]]

    assert counts == {"completed": MANY * 99 // 100, "broken": MANY // 100}
    assert len(objectives) == counts["completed"]


@pytest.mark.mongodb
class TestMongoDB:
    @pytest.fixture
    def client(self, mongodb_uri: str) -> ExperimentClient:
        storage = setup_storage(mongodb_uri)
        fill(storage, MANY)
        return build_experiment("large", storage=storage, heartbeat=1000)

    def test_every_query_of_a_worker_reads_index_entries_of_few_documents(
        self, client: ExperimentClient
    ) -> None:
        storage = client.storage
        work(client)
        watched = Watched(storage)

        work(client)
        trial = client.suggest()
        storage.heartbeat(trial)
        storage.release_trial(trial)
        again = storage.reserve_trial(client.id, "other-1-00000001", lost_threshold=60)
        storage.reserve_lost_trial(client.id, "other-1-00000001", 60, seen_alive=[again._id])
        storage.take_over_trial(again, "other-2-00000002")
        storage.hand_back_number(client.id, 7)
        storage.get_trial(client.id, again.id)
        _ = client.is_done

        assert len(watched.commands()) > 10
        for command in watched.commands():
            assert "COLLSCAN" not in command["planSummary"], command
            assert command.get("docsExamined", 0) <= 3, command
            assert command.get("keysExamined", 0) <= 10, command

    def test_counting_by_status_reads_the_index_alone(self, client: ExperimentClient) -> None:
        watched = Watched(client.storage)

        client.storage.count_by_status(client.id)
        client.storage.count_each_by_status([client.id])

        one, many = watched.commands()
        for command in (one, many):
            assert "IXSCAN" in command["planSummary"]
            assert command["docsExamined"] == 0

    def test_the_status_of_many_experiments_takes_as_many_queries_as_that_of_one(
        self, mongodb_uri: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        storage = setup_storage(mongodb_uri)
        seen = [0]

        for number in range(1, 6):
            client = build_experiment(f"e{number}", space=SPACE, max_trials=1, storage=storage)
            client.workon(lambda **params: 1.0)
            watched = Watched(storage)
            assert main(["status", "--storage", mongodb_uri]) == 0
            seen.append(len(watched.commands()))
            assert capsys.readouterr().out.count("completed") == number

        assert {after - before for before, after in pairwise(seen)} == {seen[1]}

    def test_objectives_are_found_by_the_index(self, client: ExperimentClient) -> None:
        watched = Watched(client.storage)

        client.storage.fetch_results([client.id])

        assert watched.commands()
        for command in watched.commands():
            assert "IXSCAN" in command.get("planSummary", "IXSCAN")


class Watched:
    """The commands on trials and experiments from now on, as the server's profiler saw them."""

    def __init__(self, storage: Storage) -> None:
        assert isinstance(storage.database, MongoDB)
        self._database = storage.database._database()
        self._database.command("profile", 2)

    def commands(self) -> list[dict[str, Any]]:
        """Return them, with `planSummary`, `docsExamined` and `keysExamined`."""
        self._database.command("profile", 0)
        names = [f"{self._database.name}.{name}" for name in ("trials", "experiments")]
        found = self._database["system.profile"].find({"ns": {"$in": names}})
        return [command for command in found if "planSummary" in command]
