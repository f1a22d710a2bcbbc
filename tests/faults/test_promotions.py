import itertools
import random
from collections import Counter, defaultdict

import pytest

from orion_like.client import get_experiment
from orion_like.testing.chaos.worker import lineage_of


@pytest.mark.parametrize("algorithm", ["asha", "hyperband"])
def test_killed_workers_neither_lose_a_promotion_nor_make_one_twice(url, make_crew, algorithm):
    crew = make_crew(url, seconds=(0, 0.02))
    space = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "epochs": "fidelity(1, 9, base=3)"}
    crew.create(max_trials=120, space=space, algorithm=algorithm)
    crew.start(6)

    struck = crew.endure([crew.kill_one], random.Random(1), (5, 15))

    assert struck >= 3
    trials = crew.assert_sound()
    by_id = {trial.id: trial for trial in trials}
    lineages = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial.params["epochs"]):
        lineages[trial.hash_params].append(trial)
    assert any(len(lineage) == 3 for lineage in lineages.values())
    for lineage in lineages.values():
        epochs = [trial.params["epochs"] for trial in lineage]
        start = [1, 3, 9].index(epochs[0])
        assert epochs == [1, 3, 9][start : start + len(epochs)]
        for below, above in itertools.pairwise(lineage):
            assert by_id[above.parent] == below
            assert below.status == "completed"


def test_killed_workers_leave_populations_whole_and_no_copy_half(url, make_crew, tmp_path):
    crew = make_crew(url, seconds=(0, 0.02), saves=True)
    space = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "epochs": "fidelity(1, 5, base=1)"}
    population = {"population_size": 12, "generations": 4}
    work = tmp_path / "work"
    crew.create(100, space=space, algorithm={"pbt": population}, working_dir=str(work))
    crew.start(6)

    struck = crew.endure([crew.kill_one], random.Random(1), (3, 8))

    assert struck >= 3
    crew.assert_sound(finished=False)
    trials = get_experiment("chaos", storage=crew.url).fetch_trials()
    by_id = {trial.id: trial for trial in trials}
    assert Counter(trial.params["epochs"] for trial in trials) == dict.fromkeys(range(1, 6), 12)
    gone_on = Counter((trial.parent, trial.hash_params) for trial in trials if trial.parent)
    assert set(gone_on.values()) == {1}
    assert any(by_id[parent].hash_params != params for parent, params in gone_on)
    for trial in trials:
        lineage = [trial.id]
        while by_id[lineage[0]].parent:
            lineage.insert(0, by_id[lineage[0]].parent)
        assert lineage_of(trial) == lineage
    assert not list(work.glob("*.copy"))
