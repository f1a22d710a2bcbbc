"""The best trial and the Pareto front, followed trial by trial."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orion_like.algo import Kind, Objective, Outcome
from orion_like.algo.hypervolume import is_efficient
from orion_like.algo.outcome import FAILED
from orion_like.experiment.front import FrontFollower
from orion_like.experiment.incumbent import Incumbent

TWO = (Objective("loss"), Objective("gain", "maximize"))

losses = st.tuples(st.integers(-3, 3), st.integers(-3, 3)).map(lambda two: tuple(map(float, two)))
outcomes = st.one_of(
    st.just(FAILED),
    losses.map(lambda two: Outcome(Kind.FEASIBLE, two)),
    st.builds(lambda two, n: Outcome(Kind.INFEASIBLE, two, n / 2), losses, st.integers(1, 4)),
)
trials = st.lists(outcomes, max_size=12).flatmap(
    lambda found: st.permutations(list(enumerate(found)))
)


def followed(follower, observed):
    for number, outcome in observed:
        follower.observe(f"t{number}", number, outcome)
    return follower


@given(trials)
def test_the_front_is_that_of_the_feasible_trials_in_whatever_order_they_come(observed):
    front = followed(FrontFollower(TWO), observed).front

    feasible = [(n, outcome.losses) for n, outcome in sorted(observed) if outcome.is_feasible]
    points = np.array([two for _, two in feasible]).reshape(-1, 2)
    expected = {f"t{feasible[row][0]}" for row in np.flatnonzero(is_efficient(points))}
    assert set(front.trial_ids) == expected
    assert [loss for loss, _ in front.values] == sorted(loss for loss, _ in front.values)


@given(trials)
def test_the_best_trial_does_not_depend_on_the_order_in_which_they_come(observed):
    incumbent = followed(Incumbent(TWO[0]), observed)

    ranked = sorted(
        (outcome.kind, outcome.violation, outcome.losses[0], number)
        for number, outcome in observed
        if outcome.kind is not Kind.FAILED
    )
    assert incumbent.trial_id == (f"t{ranked[0][-1]}" if ranked else None)
    assert incumbent.is_feasible == (ranked[0][0] is Kind.FEASIBLE if ranked else None)


def test_the_best_trial_is_one_of_the_highest_fidelity_however_good_cheaper_ones_look():
    incumbent = Incumbent(Objective())
    runs = [(1, 0.1, 0), (27, 0.4, 1), (9, 0.2, 2), (27, 0.3, 3)]

    for fidelity, loss, number in runs:
        incumbent.observe(f"t{number}", number, Outcome(Kind.FEASIBLE, (loss,)), fidelity)

    assert (incumbent.trial_id, incumbent.value) == ("t3", 0.3)


def test_objectives_are_told_in_the_direction_of_the_user():
    incumbent, follower = Incumbent(TWO[1]), FrontFollower(TWO)

    incumbent.observe("a", 0, Outcome(Kind.FEASIBLE, (-4.0,)))
    follower.observe("a", 0, Outcome(Kind.FEASIBLE, (1.0, -4.0)))

    assert incumbent.value == 4.0
    assert follower.front.values == ((1.0, 4.0),)


def test_of_trials_that_miss_a_constraint_without_bounds_the_one_with_the_least_loss_is_best():
    incumbent = Incumbent(TWO[0])

    for number, loss in enumerate([2.0, 1.0, 3.0]):
        incumbent.observe(f"t{number}", number, Outcome(Kind.INFEASIBLE, (loss,), math.inf))

    assert (incumbent.trial_id, incumbent.is_feasible) == ("t1", False)


def test_trials_without_a_number_come_after_those_with_one():
    incumbent, follower = Incumbent(TWO[0]), FrontFollower(TWO)

    for uid, number in [("inserted", None), ("suggested", 7)]:
        incumbent.observe(uid, number, Outcome(Kind.FEASIBLE, (1.0, 1.0)))
        follower.observe(uid, number, Outcome(Kind.FEASIBLE, (1.0, 1.0)))

    assert incumbent.trial_id == "suggested"
    assert follower.front.trial_ids == ("suggested",)
