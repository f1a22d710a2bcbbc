"""Workers that are killed or stopped at any moment: nothing is lost, overwritten or stuck."""

import random
import time

from orion_like.storage import setup_storage
from orion_like.testing.chaos import paused

PATIENCE = 60  # seconds


def wait_until(condition):
    """Poll for what another process does to a database."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def trials_of(crew):
    storage = setup_storage(crew.url)
    try:
        return storage.fetch_trials(storage.fetch_experiment(crew.experiment)["_id"])
    finally:
        storage.close()


def test_workers_killed_and_stopped_at_random_moments_lose_nothing(url, make_crew):
    crew = make_crew(url, seconds=(0, 0.02))
    crew.create(350)
    crew.start(6)

    struck = crew.endure([crew.kill_one, crew.kill_one, crew.pause_one], random.Random(1), (3, 12))

    assert struck >= 5
    crew.assert_sound()


def test_a_crew_that_is_killed_to_the_last_is_replaced_at_once(url, make_crew):
    crew = make_crew(url, seconds=(0, 0.02), idle_timeout=20)
    crew.create(80)
    crew.start(5)
    wait_until(lambda: len(crew.journal) >= 20)

    crew.close()
    crew.assert_sound(finished=False)
    crew.start(2)
    crew.finish()  # although a trial counts as lost after minutes only: the dead are known

    crew.assert_sound()


def test_a_stopped_worker_that_returns_late_is_told_and_overwrites_nothing(
    url, make_crew, tmp_path
):
    gate = tmp_path / "gate"
    crew = make_crew(url, heartbeat=1)
    crew.create(3)
    (slow,) = crew.start(1, gate=str(gate))
    wait_until(lambda: any(trial.status == "reserved" for trial in trials_of(crew)))
    (its_trial,) = [trial.id for trial in trials_of(crew)]

    with paused(slow.pid):
        (other,) = crew.start(1)
        assert other.wait() == 0
        crew.assert_sound()
    gate.touch()
    crew.finish()

    crew.assert_sound()
    (late,) = [delivery for delivery in crew.journal.read() if delivery.outcome == "late"]
    (trial,) = [trial for trial in trials_of(crew) if trial.late_results]
    assert trial.id == late.trial == its_trial
    assert (trial.attempt, late.attempt) == (2, 1)
    assert "the result came too late and was kept in its late_results" in slow.output
