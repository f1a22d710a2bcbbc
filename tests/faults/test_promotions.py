import itertools
import random
from collections import defaultdict

import pytest


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
