import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orion_like.algo.pareto import crowding_distances, nondominated_fronts

points = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20
).map(lambda rows: np.array(rows, dtype=float))


def is_dominated(point, others):
    return any(np.all(other <= point) and np.any(other < point) for other in others)


@given(points)
def test_each_front_is_what_nothing_else_in_it_and_after_it_dominates(losses):
    fronts = nondominated_fronts(losses)

    left = losses
    for front in fronts:
        expected = sorted(p.tolist() for p in left if not is_dominated(p, left))
        assert sorted(losses[front].tolist()) == expected
        left = np.array([p for p in left if is_dominated(p, left)])
    assert sorted(np.concatenate(fronts).tolist()) == list(range(len(losses)))


def test_the_ends_of_a_front_are_the_loneliest():
    losses = np.array([[0.0, 9.0], [1.0, 8.0], [2.0, 7.0], [5.0, 4.0], [9.0, 0.0]])

    distances = crowding_distances(losses)

    assert np.isinf(distances[[0, 4]]).all()
    assert distances[1] < distances[2] < distances[3]


def test_equal_and_huge_losses_have_finite_distances():
    losses = np.array([[-1.7e308, 1.0], [0.0, 1.0], [1.7e308, 1.0]])

    assert crowding_distances(losses)[1] == 1.0
