import numpy as np
import pytest

from orion_like.algo.trust_region import minimum, quasi_newton, regression

RNG = np.random.default_rng(3)
ROOT = RNG.standard_normal((4, 4))
CURVATURE = ROOT @ ROOT.T / 3 + np.eye(4)
SLOPE = RNG.standard_normal(4)


def quadratic(p):
    return SLOPE @ p + p @ CURVATURE @ p / 2


def test_differences_of_gradients_along_conjugate_steps_give_the_curvature():
    curvature = np.eye(4) + CURVATURE / np.trace(CURVATURE)
    steps = np.linalg.eigh(curvature)[1].T

    matrix = quasi_newton(SLOPE, [(s, curvature @ s) for s in steps], reach=0.1)

    assert matrix == pytest.approx(curvature)


def test_without_differences_the_first_step_goes_down_the_gradient_as_far_as_said():
    matrix = quasi_newton(SLOPE, [], reach=0.1)

    step = np.linalg.solve(matrix, -SLOPE)

    assert np.abs(step).max() == pytest.approx(0.1)
    assert step @ SLOPE == pytest.approx(-np.linalg.norm(step) * np.linalg.norm(SLOPE))


def test_negative_curvature_leaves_the_model_convex():
    pairs = [(np.eye(4)[i], -5.0 * np.eye(4)[i]) for i in range(4)]

    assert np.linalg.eigvalsh(quasi_newton(SLOPE, pairs, reach=0.1)).min() > 0


def test_enough_values_determine_a_quadratic():
    points = 0.1 * RNG.standard_normal((15, 4))

    slope, curvature = regression(points, np.array([quadratic(p) for p in points]), [], reach=0.1)

    assert slope == pytest.approx(SLOPE, rel=0.02)
    assert curvature == pytest.approx(CURVATURE, rel=0.1, abs=0.1)


def test_partial_derivatives_stand_for_many_values():
    points = 0.1 * RNG.standard_normal((5, 4))
    values = np.array([quadratic(p) for p in points])
    known = np.array([1.0, 1.0, 1.0, np.nan])
    gradients = [(p, (SLOPE + CURVATURE @ p) * known) for p in [*points, np.zeros(4)]]

    slope, curvature = regression(points, values, gradients, reach=0.5)

    assert slope == pytest.approx(SLOPE, rel=0.05, abs=0.05)
    assert curvature[:3] == pytest.approx(CURVATURE[:3], rel=0.05, abs=0.05)


def test_huge_values_give_no_model():
    slope, _ = regression(np.eye(2), np.array([1e-310, 0.0]), [(np.zeros(2), np.full(2, 1e300))], 1)

    assert np.isnan(slope).all()


def test_the_minimum_within_bounds_has_no_way_down():
    for _ in range(20):
        low, high = -RNG.random(4), RNG.random(4)

        found = minimum(SLOPE, CURVATURE, low, high)

        gradient = SLOPE + CURVATURE @ found
        assert np.all((found >= low - 1e-12) & (found <= high + 1e-12))
        assert np.all((gradient > -1e-9) | (found > high - 1e-9))
        assert np.all((gradient < 1e-9) | (found < low + 1e-9))


def test_along_negative_curvature_the_minimum_goes_down_the_slope():
    found = minimum(np.array([-1.0, 0.0]), np.diag([-1.0, 1.0]), np.full(2, -3.0), np.full(2, 3.0))

    assert found == pytest.approx([1.0, 0.0])
