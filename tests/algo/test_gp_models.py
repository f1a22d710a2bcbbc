import numpy as np
import pytest
from scipy.optimize import approx_fprime

from orion_like.algo.gp.acquisition import (
    ExpectedImprovement,
    Feasibility,
    HypervolumeImprovement,
    log_improvement,
    log_probability_between,
)
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.regression import LogPosterior, NoisePrior, Posterior, most_probable
from orion_like.algo.gp.slopes import NO_SLOPES, Slopes
from orion_like.algo.gp.threads import one_thread
from orion_like.algo.gp.warping import half_rank, warp_bounded, warp_losses
from orion_like.algo.hypervolume import hypervolume
from orion_like.space import build_space

FRONT, REFERENCE = np.array([[-1.0, 1.0], [0.0, 0.2], [0.7, -0.5]]), np.array([1.0, 1.3])

NOISE = NoisePrior(1e-4, 1e-6)


class TestAcquisition:
    @pytest.mark.parametrize(
        ("z", "exact"),  # calculated with 60 digits
        [
            (5.0, 1.6094379231264313),
            (0.0, -0.9189385332046728),
            (-0.99, -2.4661143916690493),
            (-1.01, -2.504199857480257),
            (-7.0, -29.368107183141277),
            (-50.0, -1258.744182868461),
            (-3e3, -4500016.931674002),
        ],
    )
    def test_the_logarithm_of_the_improvement_is_exact_also_where_it_is_tiny(self, z, exact):
        assert log_improvement(np.array([z]))[0] == pytest.approx(exact, rel=1e-9)

    def test_it_falls_all_the_way(self):
        z = -np.logspace(-2, 8, 200)

        values = log_improvement(z)

        assert np.isfinite(values).all()
        assert (np.diff(values) < 0).all()

    def test_an_interval_in_the_tail_has_a_finite_log_probability(self):
        values = log_probability_between(np.array([30.0, -31.0]), np.array([31.0, -30.0]))

        assert values == pytest.approx([-454.3212, -454.3212], abs=1e-3)

    @pytest.mark.parametrize(
        "term",
        [
            ExpectedImprovement(None, 0.3),
            Feasibility(None, -np.inf, 0.2),
            Feasibility(None, 0.1, np.inf),
            Feasibility(None, 0.1, 0.2),
        ],
    )
    @pytest.mark.parametrize("mean", [-2.0, 0.15, 3.0])
    def test_derivatives_by_mean_and_variance_are_those_of_the_value(self, term, mean):
        at = np.array([mean, 0.4])

        _, by_means, by_variances = term.value(at[:1, None], at[1:, None])

        expected = approx_fprime(at, lambda p: term.value(p[:1, None], p[1:, None])[0][0], 1e-7)
        found = [by_means[0, 0], by_variances[0, 0]]
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)

    @pytest.mark.parametrize("means", [(0.1, 0.1), (-0.5, 0.9), (3.0, 2.0), (-2.0, -2.0)])
    def test_derivatives_of_the_hypervolume_are_right_also_where_there_is_hardly_any_hope(
        self, means
    ):
        term = HypervolumeImprovement((None, None), FRONT, REFERENCE)
        at = np.array([*means, 0.2, 0.3])

        _, by_means, by_variances = term.value(at[:2, None], at[2:, None])

        expected = approx_fprime(at, lambda p: term.value(p[:2, None], p[2:, None])[0][0], 1e-7)
        found = np.concatenate([by_means[:, 0], by_variances[:, 0]])
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)

    def test_the_expected_improvement_of_the_hypervolume_is_the_mean_of_what_draws_improve(self):
        term = HypervolumeImprovement((None, None), FRONT, REFERENCE)
        means, variances = np.array([[0.1], [0.1]]), np.array([[0.3], [0.2]])
        shape = np.random.default_rng(1).standard_normal((2000, 2))
        draws = means[:, 0] + np.sqrt(variances[:, 0]) * np.concatenate([shape, -shape])

        improvement = np.exp(term.value(means, variances)[0][0])

        volumes = [hypervolume([*FRONT, draw], REFERENCE) for draw in draws]
        assert improvement == pytest.approx(
            np.mean(volumes) - hypervolume(FRONT, REFERENCE), rel=0.05
        )


class TestEmbedding:
    @pytest.fixture
    def space(self):
        return build_space(
            {
                "kind": "choices(['a', 'b', 'c'])",
                "x": "uniform(0, 1)",
                "m": "uniform(0, 1) if kind == 'a'",
            }
        )

    def distances(self, space, *points):
        embedding = Embedding(space.encoding())
        vectors = space.encoding().encode_many(points)
        squares = embedding.squared_differences(embedding.coordinates(vectors, Box.unit(2)))
        return np.sqrt(squares.reshape(embedding.width, len(points), len(points))[:, 0, 1])

    def test_all_categories_are_equally_far_from_each_other(self, space):
        apart = [
            self.distances(space, {"kind": "b", "x": 0.5}, {"kind": kind, "x": 0.5})
            for kind in ("c", "b")
        ]

        columns = [column.name for column in space.encoding().columns]
        assert apart[0][columns.index("kind")] == pytest.approx(1.0)
        assert apart[1][columns.index("kind")] == 0.0

    def test_points_that_lack_a_dimension_do_not_differ_in_it(self, space):
        lacking = self.distances(space, {"kind": "b", "x": 0.1}, {"kind": "c", "x": 0.9})
        other = self.distances(space, {"kind": "a", "m": 0.5, "x": 0.1}, {"kind": "b", "x": 0.1})

        column = [column.name for column in space.encoding().columns].index("m")
        assert lacking[column] == 0.0
        assert other[column] > 0.0


class TestRegression:
    @pytest.fixture
    def observed(self):
        space = build_space({"c": "choices(['a', 'b'])", "x": "uniform(0, 1)"})
        rng = np.random.default_rng(1)
        vectors = space.encoding().encode_many([space.sample(rng) for _ in range(12)])
        embedding = Embedding(space.encoding())
        coordinates = embedding.coordinates(vectors, Box.unit(1))
        return embedding, coordinates, np.sin(5 * coordinates[:, 0]) + coordinates[:, 1]

    @pytest.mark.parametrize(
        "slopes",
        [NO_SLOPES, Slopes(np.array([0, 3, 7]), np.zeros(3, dtype=int), np.array([1.0, -2.0, 3]))],
    )
    def test_the_gradient_of_the_log_density_is_right(self, observed, slopes):
        posterior = LogPosterior(*observed, NOISE, slopes)
        start = posterior.start()
        theta = start + np.linspace(-0.5, 0.5, len(start))

        _, gradient = posterior.negative(theta)

        expected = approx_fprime(theta, lambda t: posterior.negative(t)[0], 1e-6)
        assert gradient == pytest.approx(expected, rel=1e-3, abs=1e-3)

    def test_noise_is_told_from_signal(self):
        space = build_space({"x": "uniform(0, 1)"})
        embedding, coordinates = Embedding(space.encoding()), np.linspace(0, 1, 40)[:, None]
        values = np.sin(5 * coordinates[:, 0])
        noisy = values + 0.5 * np.random.default_rng(2).standard_normal(len(values))

        clean = most_probable(embedding, coordinates, values, NOISE).hyperparameters.noise
        found = most_probable(embedding, coordinates, noisy, NOISE).hyperparameters.noise

        assert clean < np.log(1e-3) < found

    def test_what_is_believed_leaves_the_mean_and_takes_the_variance(self, observed):
        embedding, coordinates, values = observed
        fit = most_probable(embedding, coordinates, values, NOISE)
        model = Posterior.given(embedding, fit.hyperparameters, coordinates, values)
        point = np.array([[0.5, 0.0, 0.7]])

        believing = model.believing(point)

        assert believing.predict(point)[0] == pytest.approx(model.predict(point)[0], abs=1e-4)
        assert believing.predict(point)[1][0] < model.predict(point)[1][0] / 10

    def test_equal_points_with_unequal_values_do_no_harm(self, observed):
        embedding, coordinates, values = observed
        doubled = np.concatenate([coordinates, coordinates])
        fit = most_probable(embedding, doubled, np.concatenate([values, values + 1]), NOISE)

        model = Posterior.given(
            embedding, fit.hyperparameters, doubled, np.concatenate([values, values + 1])
        )

        assert np.isfinite(model.predict(coordinates)[0]).all()


class TestWarping:
    @pytest.mark.parametrize(
        "losses",
        [[1.0], [2.0, 2.0, 2.0], [1e308, -1e308, 0.0], [5e-324, 0.0, 1.0], [1.0, 2.0, 3.0, 1e300]],
    )
    def test_targets_are_finite_and_in_the_order_of_the_losses(self, losses):
        losses = np.array(losses)

        for targets in (warp_losses(losses, 1.0)[0], half_rank(losses)):
            assert np.isfinite(targets).all()
            assert (np.diff(targets[np.argsort(losses)]) >= 0).all()

    def test_slopes_are_those_of_the_targets(self):
        losses = np.array([1.0, 1.0001, 4.0, 4.0001, 30.0, 30.0001])

        targets, slopes = warp_losses(losses, 1.0)

        assert np.diff(targets)[::2] / 1e-4 == pytest.approx(slopes[::2], rel=1e-3)

    def test_bounds_stay_between_the_values_that_keep_and_those_that_break_them(self):
        values = np.array([-5.0, 1.0, 2.0, 400.0])

        targets, lower, upper = warp_bounded(values, 0.0, 3.0)

        assert targets[0] < lower < targets[1] < targets[2] < upper < targets[3]


def test_linear_algebra_gets_its_threads_back():
    def product():
        return (np.ones((300, 300)) @ np.ones((300, 300)))[0, 0]

    with one_thread():
        alone = product()

    assert product() == alone == 300
