import logging
import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from orion_like.algo import create_algorithm
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.regression import NoisePrior, Posterior, most_probable
from orion_like.algo.gp.slopes import Slopes
from orion_like.space import build_space
from orion_like.testing.algorithms import make_trial

SPACE = {"x": "uniform(-5, 10, precision=9)", "y": "uniform(0, 15, precision=9)"}


def branin(x, y):
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def branin_gradient(x, y):
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    by_x = 2 * bowl * (5 / math.pi - 5.1 / (2 * math.pi**2) * x)
    return by_x - 10 * (1 - 1 / (8 * math.pi)) * math.sin(x), 2 * bowl


def right(x, y):
    return dict(zip("xy", branin_gradient(x, y), strict=True))


def only_by_x(x, y):
    return {"x": branin_gradient(x, y)[0], "y": None}


def uphill(x, y):
    return dict(zip("xy", (-part for part in branin_gradient(x, y)), strict=True))


def valley(**point):
    """Rosenbrock's function."""
    x = np.array(list(point.values()))
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def up_the_valley(**point):
    x = np.array(list(point.values()))
    bends = x[1:] - x[:-1] ** 2
    slope = np.zeros(len(x))
    slope[:-1] = -400 * x[:-1] * bends - 2 * (1 - x[:-1])
    slope[1:] += 200 * bends
    return dict(zip(point, (-slope).tolist(), strict=True))


def best_of(gradient, n_trials, seed=1, space=SPACE, function=branin):
    """Return the lowest value of a run in which each trial reports a gradient."""
    algorithm = create_algorithm("gp", build_space(space), seed=seed)
    values = []
    for number in range(n_trials):
        params = algorithm.suggest(algorithm.problem.stream(number), number)
        values.append(function(**params))
        results = [{"name": "objective", "type": "objective", "value": values[-1]}]
        if gradient:
            value = gradient(**params)
            results.append({"name": "gradient", "type": "gradient", "value": value})
        trial = make_trial(algorithm.space, params, number, "completed", results)
        algorithm.observe([trial])
    return min(values)


def test_gradients_save_trials():
    assert best_of(right, 15) < min(1e-2, best_of(None, 15) / 10)


def test_a_gradient_by_some_of_the_parameters_is_used():
    assert best_of(only_by_x, 16) < best_of(None, 16)


def test_gradients_that_contradict_the_values_are_ignored_and_told(caplog):
    with caplog.at_level(logging.WARNING):
        best = best_of(uphill, 30)

    assert best < 0.05
    told = [record.message for record in caplog.records if "contradict" in record.message]
    assert len(told) == 1


def test_gradients_of_the_wrong_sign_mislead_no_more_than_none_although_they_fit_each_other():
    problem = {"space": {f"x{i}": "uniform(-2, 2)" for i in range(4)}, "function": valley}

    misled = [best_of(up_the_valley, 35, seed, **problem) for seed in (1, 2)]

    alone = [best_of(None, 35, seed, **problem) for seed in (1, 2)]
    assert np.prod(misled) < 9 * np.prod(alone)


def test_right_gradients_are_told_nothing(caplog):
    with caplog.at_level(logging.WARNING):
        best_of(right, 12)

    assert not caplog.records


@pytest.fixture
def observed():
    """Points, values and all slopes of a smooth function of two numbers and a category."""
    space = build_space({"c": "choices(['a', 'b'])", "x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    rng = np.random.default_rng(1)
    vectors = space.encoding().encode_many([space.sample(rng) for _ in range(8)])
    embedding = Embedding(space.encoding())
    coordinates = embedding.coordinates(vectors, Box.unit(2))
    x, y = coordinates[:, 0], coordinates[:, 1]
    slopes = np.stack([3 * np.cos(3 * x), 2 * y], axis=1)
    points, by = np.divmod(np.arange(16), 2)
    return embedding, coordinates, np.sin(3 * x) + y**2, Slopes(points, by, slopes.ravel())


def test_a_model_with_slopes_has_these_slopes(observed):
    embedding, coordinates, values, slopes = observed
    noise = NoisePrior(1e-6, 1e-8)
    fit = most_probable(embedding, coordinates, values, noise, slopes)

    posterior = Posterior.given(embedding, fit.hyperparameters, coordinates, values, slopes)

    for point, (by_x, by_y) in zip(coordinates, slopes.values.reshape(-1, 2), strict=True):
        _, _, gradient, _ = posterior.predict_with_gradient(point)
        assert gradient[:2] == pytest.approx([by_x, by_y], abs=0.02)


def test_slopes_make_predictions_better(observed):
    embedding, coordinates, values, slopes = observed
    noise = NoisePrior(1e-6, 1e-8)
    grid = np.random.default_rng(2).random((50, coordinates.shape[1]))
    grid[:, 2:] = coordinates[0, 2:]
    truth = np.sin(3 * grid[:, 0]) + grid[:, 1] ** 2

    errors = []
    for given in ((), (slopes,)):
        fit = most_probable(embedding, coordinates, values, noise, *given)
        model = Posterior.given(embedding, fit.hyperparameters, coordinates, values, *given)
        errors.append(np.abs(model.predict(grid)[0] - truth).max())

    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize("with_slopes", [False, True])
def test_the_gradient_of_a_prediction_is_that_of_its_mean_and_variance(observed, with_slopes):
    embedding, coordinates, values, slopes = observed
    given = (slopes,) if with_slopes else ()
    fit = most_probable(embedding, coordinates, values, NoisePrior(1e-3, 1e-4), *given)
    model = Posterior.given(embedding, fit.hyperparameters, coordinates, values, *given)
    point = np.random.default_rng(3).random(coordinates.shape[1])

    _, _, by_mean, by_variance = model.predict_with_gradient(point)

    means = approx_fprime(point, lambda p: model.predict(p[None])[0][0], 1e-6)
    variances = approx_fprime(point, lambda p: model.predict(p[None])[1][0], 1e-6)
    assert by_mean == pytest.approx(means, abs=1e-4)
    assert by_variance == pytest.approx(variances, abs=1e-4)
