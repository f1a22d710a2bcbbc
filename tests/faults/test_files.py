"""The file database on disks that tear, rot, fill up, crawl, or may only be read."""

import json
import random
import re
from functools import partial
from pathlib import Path

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import CorruptedDatabaseError, DatabaseError
from orion_like.storage import Storage
from orion_like.storage.database import PickledDB
from orion_like.testing.chaos import (
    Journal,
    WitnessedStorage,
    assert_sound,
    blanked_at_every_block,
    fill,
    limit_file_size,
    put,
    read_only,
    slow_fsync,
    small_disk,
    torn_at_every_byte,
    with_flipped_bit,
)
from orion_like.trial import to_results

SPACE = {"x": "uniform(0, 1)"}


def opened(path):
    return Storage(PickledDB(path, fsync=False))


# --- crashes and damage -----------------------------------------------------------------------


class Run:
    """A short run on a file, and what was acknowledged when the file had which size."""

    def __init__(self, path):
        self.path = path
        self.journal = Journal(path.with_suffix(".jsonl"))
        storage = WitnessedStorage(PickledDB(path, fsync=False), self.journal)
        client = build_experiment(
            "chaos", space=SPACE, algorithm="random", seed=1, max_trials=3, storage=storage
        )
        self.created = path.stat().st_size
        self.acknowledged = []
        for value in (0.25, 0.5):
            trial = client.suggest()
            client.observe(trial, value)
            self.acknowledged.append((path.stat().st_size, self.journal.read()[-1]))
        self.started = path.stat().st_size
        self.last = client.suggest()
        storage.heartbeat(self.last)
        self.whole = path.read_bytes()

    def acknowledged_at(self, size):
        return [delivery for end, delivery in self.acknowledged if end <= size]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("run") / "db.pkl")


def check_and_go_on(run, content, copy):
    """Whatever a crash left: what was acknowledged is there, and work goes on to the end."""
    put(copy, content)
    kept = len(content.rstrip(b"\0"))
    assert_sound(opened(copy), "chaos", run.acknowledged_at(kept), finished=False)

    client = build_experiment("chaos", storage=opened(copy), heartbeat=0.001)
    client.workon(lambda x: x, n_workers=1)

    assert_sound(opened(copy), "chaos", run.acknowledged_at(kept))


def test_a_crash_at_any_byte_of_a_run_loses_nothing_that_was_acknowledged(run, tmp_path):
    for content in torn_at_every_byte(run.whole, run.created):
        put(tmp_path / "copy.pkl", content)
        acknowledged = run.acknowledged_at(len(content))

        assert_sound(opened(tmp_path / "copy.pkl"), "chaos", acknowledged, finished=False)


def test_a_crash_at_any_byte_while_an_experiment_is_created_is_made_good(run, tmp_path):
    for content in torn_at_every_byte(run.whole[: run.created], 0):
        put(tmp_path / "copy.pkl", content)

        build_experiment("chaos", space=SPACE, max_trials=3, storage=opened(tmp_path / "copy.pkl"))

        (experiment,) = opened(tmp_path / "copy.pkl").fetch_experiments()
        assert (experiment["name"], experiment["max_trials"]) == ("chaos", 3)


@pytest.mark.parametrize("nth", range(3))
def test_work_goes_on_after_a_crash_amid_a_write(run, tmp_path, nth):
    torn = list(torn_at_every_byte(run.whole, run.created))
    content = random.Random(nth).choice(torn)

    check_and_go_on(run, content, tmp_path / "copy.pkl")


def test_work_goes_on_after_a_power_cut_that_left_blank_blocks(run, tmp_path):
    for content in blanked_at_every_block(run.whole, run.started, block=300):
        check_and_go_on(run, content, tmp_path / "copy.pkl")


def test_any_flipped_bit_is_told_and_the_file_left_as_it_is(run, tmp_path):
    dice, path = random.Random(1), tmp_path / "db.pkl"

    for _ in range(200):
        damaged, _ = with_flipped_bit(run.whole, dice)
        put(path, damaged)
        with pytest.raises(CorruptedDatabaseError, match=re.escape(str(path))):
            opened(path).fetch_experiments()
        with pytest.raises(CorruptedDatabaseError, match=re.escape(str(path))):
            PickledDB(path).insert("trials", {})
        assert path.read_bytes() == damaged


# --- no room, no permission, no hurry -----------------------------------------------------------


def test_a_full_disk_stops_workers_with_a_reason_and_loses_no_result(tmp_path, make_crew):
    crew = make_crew(tmp_path / "db.pkl", seconds=(0, 0.01))
    crew.create(200)
    limit = (tmp_path / "db.pkl").stat().st_size + 60_000

    stopped = crew.start(4, conditions=(partial(limit_file_size, limit),))
    codes = [worker.wait() for worker in stopped]

    assert codes == [1, 1, 1, 1]
    assert all("nothing was changed" in worker.output for worker in stopped)
    for path in re.findall("was kept in (.*)", "".join(worker.output for worker in stopped)):
        assert to_results(json.loads(Path(path).read_text()))
    crew.assert_sound(finished=False)
    crew.workers.clear()
    crew.start(3)
    crew.finish()
    crew.assert_sound()


@pytest.fixture
def disk(tmp_path):
    mount_point = tmp_path / "disk"
    mount_point.mkdir()
    try:
        with small_disk(mount_point, "256k"):
            yield mount_point
    except PermissionError as error:
        pytest.skip(f"only root may mount a small disk: {error}")


def test_a_disk_without_any_room_is_an_error_and_no_crash(disk, make_crew):
    crew = make_crew(disk / "db.pkl")
    crew.create(40)
    (disk / "db.pkl.lock").unlink()  # as in a copy of the file
    filler = fill(disk)

    (stopped,) = crew.start(1)
    assert stopped.wait() == 1
    assert "No space left on device" in stopped.output
    crew.assert_sound(finished=False)

    filler.unlink()
    crew.workers.clear()
    crew.start(2)
    crew.finish()
    crew.assert_sound()


def test_a_read_only_file_can_be_looked_at_and_nothing_is_changed(tmp_path):
    path = tmp_path / "db.pkl"
    client = build_experiment("chaos", space=SPACE, max_trials=2, storage=path)
    client.workon(lambda x: x, max_trials=1)
    before = path.read_bytes()

    with read_only(path, tmp_path):
        assert get_experiment("chaos", storage=path).stats.trials_completed == 1
        with pytest.raises(DatabaseError, match="can be read but not written"):
            build_experiment("chaos", storage=path).workon(lambda x: x)
    assert path.read_bytes() == before

    build_experiment("chaos", storage=path).workon(lambda x: x)
    assert get_experiment("chaos", storage=path).stats.trials_completed == 2


def test_a_slow_disk_only_takes_its_time(tmp_path, make_crew):
    crew = make_crew(tmp_path / "db.pkl", conditions=(partial(slow_fsync, 0.03),))
    crew.create(50)
    crew.start(4)

    struck = crew.endure([crew.kill_one], random.Random(3), every=(5, 15))

    assert struck
    crew.assert_sound()
