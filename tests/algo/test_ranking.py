import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_like.algo.outcome import FAILED, Kind, Outcome
from orion_like.algo.pareto import dominates, spread_out
from orion_like.algo.ranking import Entry, LossRanking, ParetoRanking, thin_out


def feasible(*losses):
    return Outcome(Kind.FEASIBLE, losses)


def infeasible(violation, *losses):
    return Outcome(Kind.INFEASIBLE, losses, violation)


def entries(outcomes):
    return [Entry(row, row, str(row), outcome) for row, outcome in enumerate(outcomes)]


def filled(ranking, outcomes):
    for entry in entries(outcomes):
        ranking.add(entry)
    return ranking


outcomes_of_one = st.one_of(
    st.just(FAILED),
    st.integers(-3, 3).map(lambda loss: feasible(float(loss))),
    st.integers(1, 3).map(lambda violation: infeasible(float(violation), 0.0)),
)
outcomes_of_two = st.one_of(
    st.just(FAILED),
    st.tuples(st.integers(-3, 3), st.integers(-3, 3)).map(lambda two: feasible(*map(float, two))),
    st.integers(1, 3).map(lambda violation: infeasible(float(violation), 0.0, 0.0)),
)


@pytest.mark.parametrize("ranking", [LossRanking, lambda: ParetoRanking(1)])
def test_feasible_trials_come_before_infeasible_ones_and_those_before_failed_ones(ranking):
    outcomes = [FAILED, infeasible(2.0, -9.0), feasible(5.0), infeasible(1.0, 9.0), feasible(4.0)]

    split = filled(ranking(), outcomes).split(4)

    assert split.good.tolist() == [4, 2, 3, 1]
    assert split.rest.tolist() == [0]


def test_failed_trials_are_never_good():
    split = filled(LossRanking(), [FAILED, feasible(1.0), FAILED]).split(3)

    assert split.good.tolist() == [1]
    assert split.rest.tolist() == [0, 2]


def test_ties_are_broken_by_number():
    split = filled(LossRanking(), [feasible(1.0)] * 4).split(2)

    assert split.good.tolist() == [0, 1]


@given(st.lists(outcomes_of_two, max_size=12), st.lists(outcomes_of_two, max_size=6), st.randoms())
def test_the_order_of_arrival_and_trials_that_left_leave_no_trace(kept, left, random):
    everything = entries(kept + left)
    shuffled = list(everything)
    random.shuffle(shuffled)
    straight, winding = filled(ParetoRanking(2), kept), ParetoRanking(2)

    for entry in shuffled:
        winding.add(entry)
    for entry in everything[len(kept) :]:
        winding.remove(entry)

    assert len(winding) == len(straight)
    assert winding.successes == straight.successes
    for n_good in range(len(kept) + 1):
        first, second = straight.split(n_good), winding.split(n_good)
        assert first.good.tolist() == second.good.tolist()
        assert first.rest.tolist() == second.rest.tolist()


@given(st.lists(outcomes_of_one, max_size=20), st.integers(0, 20))
def test_a_split_holds_every_trial_once(outcomes, n_good):
    for ranking in (LossRanking(), ParetoRanking(1)):
        split = filled(ranking, outcomes).split(n_good)

        assert sorted([*split.good, *split.rest]) == list(range(len(outcomes)))
        assert len(split.good) == min(n_good, ranking.successes)


@given(st.lists(outcomes_of_one, max_size=20))
def test_one_objective_ranks_alike_by_loss_and_by_domination(outcomes):
    by_loss = filled(LossRanking(), outcomes).split(len(outcomes))
    by_domination = filled(ParetoRanking(1), outcomes).split(len(outcomes))

    assert by_loss.good.tolist() == by_domination.good.tolist()


def test_trials_that_nothing_dominates_are_good():
    outcomes = [feasible(1.0, 9.0), feasible(9.0, 1.0), feasible(5.0, 5.0), feasible(9.0, 9.0)]

    split = filled(ParetoRanking(2), outcomes).split(3)

    assert set(split.good.tolist()) == {0, 1, 2}


def test_among_equals_those_are_good_that_spread_along_the_front():
    front = [feasible(x, 1 - x) for x in (0.0, 0.48, 0.49, 0.5, 0.51, 0.52, 1.0)]

    split = filled(ParetoRanking(2), front).split(3)

    assert {0, 6} <= set(split.good.tolist())


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 1000, 123_456])
def test_a_thinned_out_list_stands_for_every_element(n):
    positions, weights = thin_out(n)

    assert weights.sum() == n
    assert len(positions) <= 256
    assert np.all(np.diff(positions) > 0)
    assert n == 0 or (positions.min() >= 0 and positions.max() < n)


def test_the_best_of_a_thinned_out_list_stand_closest():
    positions, _ = thin_out(10_000)

    gaps = np.diff(positions)

    assert gaps[0] < gaps[len(gaps) // 2] < gaps[-1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_domination_is_a_strict_partial_order(points):
    points = np.array(points, dtype=float)[:, :, None]

    for a, b, c in itertools.product(points, repeat=3):
        assert not (dominates(a, b) and dominates(b, a))
        assert not (dominates(a, b) and dominates(b, c)) or dominates(a, c)


def test_choosing_from_very_many_equals_is_possible():
    x = np.linspace(0, 1, 5000)

    chosen = spread_out(np.empty((2, 0)), np.array([x, 1 - x]), 25)

    assert len(set(chosen.tolist())) == 25
    assert x[chosen].min() < 0.05
    assert x[chosen].max() > 0.95
