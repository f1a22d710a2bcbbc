"""Many worker processes on one database: exact counts, and the same points for any number."""

from orion_like.client import build_experiment
from orion_like.testing.chaos.worker import SPACE


def assert_exact(crew, max_trials):
    trials = crew.assert_sound()
    assert sorted(trial.number for trial in trials) == list(range(max_trials))
    assert all(trial.objective.value == sum(trial.params.values()) for trial in trials)
    assert all(trial.attempt == 1 for trial in trials)
    assert len(crew.journal) == max_trials
    return {trial.id for trial in trials}


def test_eight_processes_complete_exactly_max_trials(url, make_crew):
    crew = make_crew(url)
    crew.create(1000)

    crew.start(8)
    crew.finish()

    assert_exact(crew, 1000)


def test_one_and_six_processes_visit_the_same_points(url, make_crew):
    crew = make_crew(url)
    crew.create(120, seed=5)
    crew.start(6)
    crew.finish()
    many = assert_exact(crew, 120)

    alone = build_experiment(
        "alone", space=SPACE, algorithm="random", seed=5, max_trials=120, storage="memory://"
    )
    alone.workon(lambda **params: sum(params.values()))

    assert {trial.hash_params for trial in alone.fetch_trials()} == {
        trial.hash_params for trial in crew.assert_sound()
    }
    assert len(many) == 120
