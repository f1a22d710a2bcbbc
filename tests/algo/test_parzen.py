import numpy as np
import pytest
from scipy.special import ndtr

from orion_like.algo.parzen import Axes, Kernel, ParzenEstimator, bandwidths, normal_cdf
from orion_like.space import build_space

KERNEL = Kernel(scale=0.3, spread_power=1.0)


def estimator(priors, points, weights=None, n_trials=20):
    encoding = build_space(priors).encoding()
    points = np.array(points, dtype=float).reshape(-1, encoding.width)
    weights = np.ones(len(points)) if weights is None else np.array(weights)
    return ParzenEstimator(
        Axes.of(encoding), points, weights, prior_weight=1.0, kernel=KERNEL, n_trials=n_trials
    )


def test_the_normal_distribution_function_is_exact_to_seven_digits():
    z = np.linspace(-9, 9, 1001)

    assert normal_cdf(z) == pytest.approx(ndtr(z), abs=1e-7)


@pytest.mark.parametrize("points", [[], [0.5], [0.0, 1.0], [0.01, 0.02, 0.03, 0.9]])
def test_a_density_of_numbers_integrates_to_one(points):
    density = estimator({"x": "uniform(0, 1)"}, points)
    middles = (np.arange(4000) + 0.5) / 4000

    values = np.exp(density.log_density(middles[:, None]))

    assert values.mean() == pytest.approx(1.0, abs=1e-4)


def test_a_density_of_categories_sums_to_one():
    prior = np.array([0.5, 0.3, 0.2])
    density = estimator({"c": "choices({'a': 0.5, 'b': 0.3, 'c': 0.2})"}, [0, 0, 2])

    ratios = np.exp(density.log_density(np.array([[0.0], [1.0], [2.0]])))

    assert ratios @ prior == pytest.approx(1.0)
    assert ratios[0] > 1 > ratios[1]


def test_samples_are_distributed_as_the_density_says():
    density = estimator({"x": "uniform(0, 1)", "c": "choices(['a', 'b'])"}, [[0, 0.1], [1, 0.8]])
    rng = np.random.default_rng(1)

    samples = density.sample(rng, 20_000)

    grid = (np.arange(20) + 0.5) / 20
    for category in (0, 1):
        of_category = samples[samples[:, 0] == category, 1]
        share, _ = np.histogram(of_category, bins=20, range=(0, 1))
        cells = np.column_stack([np.full(20, category), grid])
        expected = np.exp(density.log_density(cells)) * 0.5 / 20
        assert share / 20_000 == pytest.approx(expected, abs=0.008)


def test_a_column_that_is_inactive_in_the_argument_is_marginalised_out():
    points = [[0.2, 0.3], [0.7, 0.9], [0.5, 0.1]]
    density = estimator({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, points)
    middles = (np.arange(2000) + 0.5) / 2000

    joint = density.log_density(np.column_stack([np.full(2000, 0.4), middles]))
    marginal = density.log_density(np.array([[0.4, np.nan]]))

    assert np.exp(joint).mean() == pytest.approx(np.exp(marginal[0]), rel=1e-4)


def test_a_point_that_is_inactive_in_a_column_says_nothing_about_it():
    density = estimator({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, [[0.2, np.nan]])

    logs = density.log_density(np.array([[0.2, 0.1], [0.2, 0.9]]))

    assert logs[0] == pytest.approx(logs[1])


def test_weights_move_the_density():
    middle = np.array([[0.2], [0.8]])

    light = estimator({"x": "uniform(0, 1)"}, [0.2, 0.8], [0.1, 1.9]).log_density(middle)

    assert light[1] > light[0]


def test_bandwidths_shrink_with_the_number_of_trials_and_where_points_crowd():
    axes = Axes.of(build_space({"x": "uniform(0, 1)"}).encoding())
    points = np.array([[0.1], [0.11], [0.12], [0.9]])

    early, late = (bandwidths(axes, points, KERNEL, n) for n in (20, 2000))

    assert np.all(late < early)
    assert early[0, 0] < early[3, 0]


def test_bandwidths_reach_the_neighbouring_value_of_a_grid():
    axes = Axes.of(build_space({"n": "uniform(1, 4, discrete=True)"}).encoding())

    widths = bandwidths(axes, np.full((10, 1), 0.125), KERNEL, 1000)

    assert widths == pytest.approx(0.125)


def test_a_category_without_probability_does_no_harm():
    density = estimator({"c": "choices({'a': 1.0, 'b': 0.0})"}, [1, 1, 0])

    assert np.all(np.isfinite(density.log_density(np.array([[0.0], [1.0]]))))
