import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.algo.latin_hypercube import LatinHypercubeSequence
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import drive


@pytest.mark.parametrize("n_strata", [1, 7, 16])
@pytest.mark.parametrize("factor", [1, 2, 8])
def test_the_first_points_hit_every_stratum_of_every_dimension_once(n_strata, factor):
    points = LatinHypercubeSequence(3, seed=4, n_strata=n_strata)
    n = n_strata * factor

    strata = np.floor([n * points[number] for number in range(n)])

    assert all(sorted(column) == list(range(n)) for column in strata.T)


def test_points_do_not_depend_on_the_order_in_which_they_are_asked_for():
    forwards = LatinHypercubeSequence(3, seed=4, n_strata=4)
    backwards = LatinHypercubeSequence(3, seed=4, n_strata=4)

    last = [backwards[number] for number in reversed(range(40))]

    assert np.array_equal([forwards[number] for number in range(40)], last[::-1])


def test_the_seed_chooses_the_design():
    first, second = (LatinHypercubeSequence(3, seed, n_strata=8)[0] for seed in (1, 2))

    assert not np.array_equal(first, second)


def test_one_and_five_workers_visit_the_same_points():
    space = build_space({f"x{i}": "uniform(0, 1)" for i in range(4)})

    def visited(workers):
        algorithm = create_algorithm({"latinhypercube": {"n_strata": 6}}, space, seed=1)
        return sorted(repr(t.flat_params) for t in drive(algorithm, lambda _: 0.0, 32, workers))

    assert visited(1) == visited(5)


def test_the_strata_are_those_of_the_priors():
    space = build_space({"lr": "loguniform(1e-4, 1)", "n": "uniform(1, 8, discrete=True)"})
    algorithm = create_algorithm({"latinhypercube": {"n_strata": 8}}, space, seed=1)

    trials = [t.flat_params for t in drive(algorithm, lambda _: 0.0, 8)]

    assert sorted(t["n"] for t in trials) == list(range(1, 9))
    decades = [int(np.floor(np.log10(t["lr"]))) for t in trials]
    assert sorted(decades) == [-4, -4, -3, -3, -2, -2, -1, -1]


@pytest.mark.parametrize("bad", [0, 2.5, "many", True])
def test_the_number_of_strata_is_a_positive_integer(bad):
    space = build_space({"x": "uniform(0, 1)"})

    with pytest.raises(AlgorithmError, match="n_strata must be an integer >= 1"):
        create_algorithm({"latinhypercube": {"n_strata": bad}}, space)
