import builtins
import threading

import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.errors import AlgorithmError
from orion_like.testing.algorithms import SPACES, drive, make_trial, smooth_loss, suggestions


def create(space, **parameters):
    return create_algorithm({"nevergrad": {"budget": 40, **parameters}}, space, seed=1)


def best(trials):
    return min(trial.objective.value for trial in trials)


@pytest.mark.parametrize("model", ["CMA", "DE"])
def test_it_finds_better_points_than_random_search_does(model):
    space = SPACES["real"]()
    loss = smooth_loss(space)

    found = best(drive(create(space, model_name=model), loss, 30, workers=3))

    assert found < best(drive(create_algorithm("random", space, seed=1), loss, 30))


def test_names_are_understood_in_any_case_and_by_the_name_in_orion():
    algorithm = create_algorithm(
        {"NevergradOptimizer": {"model_name": "oneplusone"}}, SPACES["real"]()
    )

    assert algorithm.configuration == {
        "nevergrad": {"model_name": "OnePlusOne", "budget": 100, "num_workers": 10}
    }


def test_an_unknown_optimizer_is_guessed():
    with pytest.raises(AlgorithmError, match="did you mean 'OnePlusOne'"):
        create(SPACES["real"](), model_name="OnePlusOn")


@pytest.mark.parametrize("model", ["Cobyla", "NgIohTuned"])  # which chooses Cobyla here
def test_an_optimizer_whose_state_cannot_be_copied_is_refused_with_others(model):
    with pytest.raises(AlgorithmError, match="choose another model_name"):
        create(SPACES["real"](), model_name=model, num_workers=1)

    assert threading.active_count() <= 2


def test_it_says_how_to_install_what_is_missing(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "nevergrad":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(AlgorithmError, match=r"pip install 'orion_like\[nevergrad\]'"):
        create(SPACES["real"]())


def told(objectives=({"name": "a"},), constraints=()):
    """Return the points of a run on x² and (x - 2)², of which y is a constraint."""
    space = SPACES["real"]()
    algorithm = create_algorithm(
        {"nevergrad": {"model_name": "DE", "num_workers": 1}},
        space,
        seed=1,
        objectives=objectives,
        constraints=constraints,
    )
    points = []
    for number in range(60):
        [point] = suggestions(algorithm, number, 1)
        points.append(point)
        results = [
            {"name": "a", "type": "objective", "value": point["x"] ** 2},
            {"name": "b", "type": "objective", "value": -((point["x"] - 2) ** 2)},
            {"name": "c", "type": "constraint", "value": point["y"]},
        ]
        algorithm.observe([make_trial(space, point, number, "completed", results)])
    return points[30:]


def test_outcome_constraints_are_told():
    free = told()

    bound = told(constraints=[{"name": "c", "upper": 3.0}])

    assert np.median([p["y"] for p in bound]) < np.median([p["y"] for p in free])


def test_several_objectives_are_told_with_their_directions():
    points = told(objectives=[{"name": "a"}, {"name": "b", "direction": "maximize"}])

    assert np.median([abs(p["x"] - 1) for p in points]) < 2.5


def test_points_of_users_are_told_too():
    space = SPACES["real"]()
    alone, helped = create(space, model_name="OnePlusOne"), create(space, model_name="OnePlusOne")
    loss = smooth_loss(space)
    optimum = space.from_unit([0.3, 0.3])
    objective = {"name": "objective", "type": "objective", "value": loss(optimum)}

    helped.observe([make_trial(space, optimum, None, "completed", [objective])])

    assert suggestions(helped, 5, 1) != suggestions(alone, 5, 1)
