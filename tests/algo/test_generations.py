import weakref
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_like.algo import Problem
from orion_like.algo.generations import Generations
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, make_trial

SPACE = build_space({"n": "uniform(0, 9999, discrete=True)", "epochs": "fidelity(1, 4)"})


class Path:
    """A state that remembers the way to it."""

    def __init__(self, steps):
        self.steps = steps


def founded(members):
    return Path([("founder", member.number, member.outcome.losses) for member in members])


def advanced(path, member):
    return Path([*path.steps, (member.number, member.outcome.losses)])


def generations(found=founded, advance=advanced, start=0):
    return Generations(Problem(SPACE), found, advance, start)


def point(n, epochs=4):
    return {"n": n, "epochs": epochs}


def done(number, value=None):
    return completed(SPACE, point(number), number, number if value is None else value)


def running(number):
    return make_trial(SPACE, point(number), number)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["reserved", "completed", "broken"])),
        max_size=40,
    ),
    st.sets(st.integers(0, 40)),
    st.integers(0, 10),
)
def test_the_state_is_that_of_taking_in_the_finished_trials_by_number(events, looks, start):
    found, last = generations(start=start), {}
    for step, (number, status) in enumerate(events):
        result = {"name": "objective", "type": "objective", "value": step}
        trial = make_trial(
            SPACE, point(number), number, status, [result] if status == "completed" else []
        )
        last[number] = trial
        found.observe([trial])
        if step in looks:
            assert found.state.steps is not None

    fresh = generations(start=start)
    fresh.observe([last[number] for number in sorted(last)])

    assert found.state.steps == fresh.state.steps
    finished = [number for number in sorted(last) if last[number].status != "reserved"]
    assert len(found.state.steps) == len(finished)


def test_running_trials_are_as_if_they_were_not_there():
    found = generations()

    found.observe([running(0), done(1), running(2), done(3)])

    assert found.state.steps == [(1, (1.0,)), (3, (3.0,))]
    assert found.is_taken(point(0))


def test_a_late_trial_is_taken_in_at_its_place():
    found = generations()
    found.observe([done(0), running(1), done(2)])
    assert len(found.state.steps) == 2

    found.observe([done(1)])

    assert [number for number, _ in found.state.steps] == [0, 1, 2]


def test_a_late_trial_costs_only_what_comes_after_it():
    steps = count()

    def advance(path, member):
        next(steps)
        return Path([])

    found = generations(advance=advance)
    found.observe([done(number) for number in range(1000) if number != 980])
    assert found.state
    before = next(steps)

    found.observe([done(980)])

    assert found.state
    assert next(steps) - before - 1 == 20


def test_few_states_are_kept_of_many_trials():
    alive = weakref.WeakSet()

    def advance(path, member):
        state = Path([])
        alive.add(state)
        return state

    found = generations(advance=advance)

    found.observe([done(number) for number in range(3000)])

    assert found.state
    assert len(alive) < 200


def test_the_states_kept_reach_back_to_the_beginning():
    found = generations()
    found.observe([done(number) for number in range(1, 3000)])
    assert found.state

    found.observe([done(0), done(1500, value=-1)])

    fresh = generations()
    fresh.observe([*(done(n) for n in range(3000) if n != 1500), done(1500, value=-1)])
    assert found.state.steps == fresh.state.steps


def test_inserted_trials_and_those_before_the_start_are_founders():
    found = generations(start=2)

    found.observe(
        [completed(SPACE, point(77), None, 7), done(3), done(1), done(0), done(2), running(5)]
    )

    assert found.state.steps == [
        ("founder", -1, (7.0,)),
        ("founder", 0, (0.0,)),
        ("founder", 1, (1.0,)),
        (2, (2.0,)),
        (3, (3.0,)),
    ]


def test_trials_at_a_lower_fidelity_are_left_out():
    found = generations()

    found.observe([completed(SPACE, point(0, epochs=1), 0, 1.0), done(1)])

    assert [number for number, _ in found.state.steps] == [1]


@pytest.mark.parametrize("again", ["new", "interrupted"])
def test_a_trial_that_is_run_again_is_forgotten_until_it_finishes(again):
    found = generations()
    found.observe([done(0), make_trial(SPACE, point(1), 1, "broken"), done(2)])
    assert len(found.state.steps) == 3

    found.observe([make_trial(SPACE, point(1), 1, again)])

    assert [number for number, _ in found.state.steps] == [0, 2]
