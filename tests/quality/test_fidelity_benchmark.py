"""The benchmark of algorithms with a fidelity, on its simulated clock."""

import math
import statistics

import pytest

from benchmarks.fidelity.clock import simulate
from benchmarks.fidelity.curves import EPOCHS, Curves
from benchmarks.fidelity.own import time_to_target
from benchmarks.fidelity.schedules import SCHEDULES

HORIZON = 150 * EPOCHS


def test_idle_workers_start_as_soon_as_there_is_something_to_do():
    left, ended = [3.0, 1.0, 1.0, 1.0], []

    def start():
        return (left[0], left.pop(0)) if left else None

    def finish(now, task):
        ended.append((now, task))

    times = list(simulate(start, finish, workers=2, horizon=10.0))

    assert times == [1.0, 2.0, 3.0, 3.0]
    assert [task for _, task in ended] == [1.0, 1.0, 3.0, 1.0]


@pytest.mark.parametrize("solver", ["asha", "hyperband", "dehb"])
def test_more_workers_get_there_sooner_and_a_fidelity_helps(solver):
    def median(solver, workers):
        times = [time_to_target(solver, Curves("aligned", s), workers, HORIZON) for s in range(3)]
        return statistics.median(times)

    one, sixteen = median(solver, 1), median(solver, 16)

    assert sixteen < one / 4
    assert one < median("random", 1)


def test_a_run_is_the_same_each_time_and_ends_at_the_horizon():
    runs = [time_to_target("asha", Curves("aligned", 1), 4, HORIZON) for _ in range(2)]

    assert runs[0] == runs[1] < HORIZON
    assert math.isinf(time_to_target("asha", Curves("aligned", 1), 4, runs[0] - 1))


@pytest.mark.parametrize("name", ["pbt", "pb2", "evolutiones"])
def test_populations_find_better_schedules_than_chance(name):
    found = statistics.median(SCHEDULES[name](8, seed) for seed in range(5))
    random = statistics.median(SCHEDULES["random schedules"](8, seed) for seed in range(5))

    assert found < random / 2
