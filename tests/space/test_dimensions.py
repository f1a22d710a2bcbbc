"""Dimensions: values, members, intervals, cardinalities and probabilities."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from orion_like.errors import PriorError, SpaceError
from orion_like.space import parse_prior


def quantiles(text: str, count: int = 10_000) -> list:
    """Return values at evenly spread quantiles, which show the prior's probabilities."""
    dimension = parse_prior(text)
    return [dimension.from_unit([(i + 0.5) / count]) for i in range(count)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("uniform(1, 4, discrete=True)", [1, 2, 3, 4]),
        ("uniform(0, 1, step=0.25)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("uniform(10, 40, discrete=True, step=10)", [10, 20, 30, 40]),
        ("randint(0, 4)", [0, 1, 2, 3]),
        ("choices(['a', 'b', 'c', 'd'])", ["a", "b", "c", "d"]),
        ("uniform(0.5, 3.9, discrete=True)", [1, 2, 3]),
        ("uniform(0, 9, discrete=True, low=5, high=6)", [5, 6]),
    ],
)
def test_values_of_a_uniform_grid_are_equally_probable(text, values):
    counts = Counter(quantiles(text))

    assert sorted(counts) == values
    expected = 10_000 / len(values)
    assert all(abs(count - expected) <= 1 for count in counts.values())


def test_categories_are_as_probable_as_asked_for():
    counts = Counter(quantiles("choices({'a': 0.2, 'b': 0, 'c': 0.8})"))

    assert counts == {"a": 2000, "c": 8000}


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("bernoulli", (0.3,)),
        ("betabinom", (9, 2, 3)),
        ("binom", (9, 0.4)),
        ("boltzmann", (0.5, 9)),
        ("dlaplace", (0.8,)),
        ("geom", (0.4,)),
        ("hypergeom", (20, 7, 12)),
        ("logser", (0.7,)),
        ("nbinom", (3, 0.4)),
        ("nhypergeom", (20, 7, 12)),
        ("planck", (0.5,)),
        ("poisson", (3,)),
        ("skellam", (3, 4)),
        ("yulesimon", (3,)),
        ("zipf", (3,)),
        ("zipfian", (1.2, 9)),
    ],
)
def test_integers_of_a_discrete_scipy_prior_have_its_probabilities(name, args):
    from scipy import stats

    counts = Counter(quantiles(f"{name}{args!r}".replace(",)", ")"), 2000))

    probabilities = getattr(stats, name)(*args).pmf(range(-5, 10))
    expected = [2000 * probability for probability in probabilities]
    assert [counts[value] for value in range(-5, 10)] == pytest.approx(expected, abs=2)


def test_a_tail_that_scipy_cannot_handle_needs_a_bound():
    with pytest.raises(PriorError, match="give an upper bound, such as high=1000"):
        parse_prior("zipf(1.1)")

    assert parse_prior("zipf(1.1, high=50)").interval() == (1, 50)


@pytest.mark.parametrize(
    "text", ["normal(0, 1e308)", "pareto(.001)", "lognormal(0, 1e3)", "poisson(1e30)"]
)
def test_priors_whose_values_no_number_can_hold_are_refused(text):
    with pytest.raises(PriorError, match="too large"):
        parse_prior(text)


def test_zero_has_no_sign():
    values = [*parse_prior("uniform(-0.3, 0.3, step=0.1)").values()]

    assert repr(values) == "[-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]"
    assert repr(parse_prior("uniform(-1, 1)").cast(-0.0)) == "0.0"


def test_low_integers_are_more_probable_on_a_logarithmic_scale():
    counts = Counter(quantiles("loguniform(1, 8, discrete=True)"))

    assert sorted(counts) == list(range(1, 9))
    assert all(counts[i] > counts[i + 1] for i in range(1, 8))
    assert counts[2] / counts[4] == pytest.approx(2, rel=0.05)


def test_rounded_normal_values_are_centred():
    values = quantiles("normal(0, 2, discrete=True)")

    assert np.mean(values) == pytest.approx(0, abs=1e-9)
    assert {type(value) for value in values} == {int}


@pytest.mark.parametrize(
    ("text", "median"),
    [
        ("uniform(2, 4)", 3.0),
        ("loguniform(0.01, 100)", 1.0),
        ("normal(5, 2)", 5.0),
        ("lognormal(0, 1)", 1.0),
        ("gamma(2)", 1.678),
        ("uniform(0, 10, low=8)", 9.0),
        ("normal(0, 1, low=0)", 0.6745),
        ("normal(0, 1, low=6, high=7)", 6.111),
        ("loguniform(0.0001, 1, low=0.01)", 0.1),
    ],
)
def test_half_of_the_values_lie_below_the_median_of_the_prior(text, median):
    assert parse_prior(text).from_unit([0.5]) == median


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("uniform(0, 1)", (0.0, 1.0)),
        ("normal(0, 1)", (-math.inf, math.inf)),
        ("normal(0, 1, low=-3)", (-3.0, math.inf)),
        ("uniform(0, 1, step=0.3)", (0.0, 0.9)),
        ("uniform(1.2, 5.7, discrete=True)", (2, 5)),
        ("poisson(2)", (0, math.inf)),
        ("normal(0, 5, discrete=True)", (-math.inf, math.inf)),
        ("randint(2, 5)", (2, 4)),
        ("choices(['a', 2])", ("a", 2)),
        ("fidelity(1, 9)", (1, 9)),
    ],
)
def test_the_interval_is_known(text, interval):
    assert parse_prior(text).interval() == interval


@pytest.mark.parametrize(
    ("text", "cardinality"),
    [
        ("uniform(0, 1)", math.inf),
        ("uniform(1, 2)", 1001),
        ("uniform(1, 2, precision=None)", math.inf),
        ("loguniform(1, 100, precision=1)", 19),
        ("loguniform(0.5, 10, precision=1)", 15),
        ("uniform(-3, -1, precision=1)", 3),
        ("uniform(0.1234567, 1, precision=1)", 10),
        ("uniform(1, 9, discrete=True)", 9),
        ("uniform(0, 1, step=0.1)", 11),
        ("normal(0, 5, discrete=True)", math.inf),
        ("normal(0, 5, discrete=True, low=-1, high=1)", 3),
        ("poisson(3)", math.inf),
        ("normal(0, 1)", math.inf),
        ("choices(['a', 'b', 'c'])", 3),
        ("choices({'a': 0, 'b': 1})", 1),
        ("choices(['a', 'b', 'c'], shape=4)", 81),
        ("uniform(0, 9, discrete=True, shape=(2, 2))", 10_000),
        ("fidelity(1, 9)", 1),
    ],
)
def test_the_cardinality_counts_the_values_that_can_be_sampled(text, cardinality):
    dimension = parse_prior(text)

    assert dimension.cardinality == cardinality
    if cardinality < 1000:
        values = [repr(value) for value in dimension.values()]
        assert len(values) == len(set(values)) == cardinality


@pytest.mark.parametrize(
    ("text", "members", "strangers"),
    [
        ("uniform(0, 1)", [0, 1, 0.123456789, np.float32(0.5)], [-0.1, 1.1, "0.5", True, None]),
        ("uniform(0, 1)", [], [math.nan, math.inf, [0.5], {}]),
        ("uniform(0, 1, step=0.1)", [0.1, 0.3, 0.1 + 0.2], [0.15, 1.1]),
        ("uniform(1, 9, discrete=True)", [1, 9, 3.0, np.int64(5)], [0, 10, 1.5, "3", True]),
        ("uniform(0, 8, discrete=True, step=4)", [0, 4, 8], [2]),
        ("uniform(0, 2**60, discrete=True)", [2**60, 2**60 - 1], [2**60 + 1, math.inf]),
        ("choices(['a', 1, None, [1, 2]])", ["a", 1, None, [1, 2], (1, 2)], ["b", "1", [1]]),
        ("choices([True, False])", [True, False], ["True", None, 2]),
        ("uniform(0, 1, shape=2)", [[0, 1], (0.5, 0.5), np.array([0.1, 0.2])], [0.5, [1], [0, 2]]),
        ("uniform(0, 1, shape=(1, 2))", [[[0, 1]]], [[0, 1], [[0], [1]]]),
        ("fidelity(2, 9)", [2, 9, 5.0], [1, 10, 2.5, math.nan, "2"]),
        ("normal(0, 1, low=0)", [0, 1e300], [-1e-9, math.inf]),
    ],
)
def test_membership_is_decided_by_value_type_and_shape(text, members, strangers):
    dimension = parse_prior(text)

    assert [value for value in members if value not in dimension] == []
    assert [value for value in strangers if value in dimension] == []


@pytest.mark.parametrize(
    ("text", "given", "value"),
    [
        ("uniform(0, 1)", "0.5", 0.5),
        ("uniform(0, 1)", 1, 1.0),
        ("uniform(0, 1)", np.float64(0.25), 0.25),
        ("uniform(0, 1, step=0.1)", 0.1 + 0.2, 0.3),
        ("uniform(1, 9, discrete=True)", "3", 3),
        ("uniform(1, 9, discrete=True)", "3.0", 3),
        ("uniform(1, 9, discrete=True)", np.int32(3), 3),
        ("choices([1, 2])", "2", 2),
        ("choices([1, 2])", 2.0, 2),
        ("choices(['1', 1])", "1", "1"),
        ("choices([None, True])", "True", True),
        ("choices([[1, 2], [3]])", (1, 2), [1, 2]),
        ("uniform(0, 9, shape=2)", "[1, 2.5]", [1.0, 2.5]),
        ("fidelity(1, 9)", "4", 4),
    ],
)
def test_values_of_other_types_are_cast(text, given, value):
    cast = parse_prior(text).cast(given)

    assert repr(cast) == repr(value)


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("uniform(0, 1)", 2, "2 is not between 0.0 and 1.0"),
        ("uniform(0, 1)", "x", "'x' is not a number"),
        ("uniform(0, 1)", True, "True is not a finite number"),
        ("uniform(0, 1)", math.nan, "nan is not a finite number"),
        ("uniform(0, 1, step=0.25)", 0.3, "0.3 is off the grid of step 0.25 (nearest: 0.25)"),
        ("uniform(0, 8, discrete=True, step=4)", 5, "5 is off the grid of step 4 (nearest: 4)"),
        ("uniform(1, 9, discrete=True)", 1.5, "1.5 is not a whole number"),
        ("choices(['sgd', 'adam'])", "adm", "not one of 'sgd', 'adam' (did you mean 'adam'?)"),
        ("uniform(0, 1, shape=2)", [1], "[1] does not have the shape 2"),
        ("uniform(0, 1, shape=2)", "1 2", "'1 2' is not a list"),
        ("fidelity(1, 9)", 10, "10 is not between 1 and 9"),
        ("fidelity(1, 9)", 1.5, "1.5 is not a whole number"),
    ],
)
def test_an_impossible_value_is_refused_with_the_reason(text, given, message):
    with pytest.raises(SpaceError) as caught:
        parse_prior(text).cast(given)

    assert message in str(caught.value)


def test_sampled_reals_have_the_asked_number_of_digits():
    values = quantiles("uniform(0, 1, precision=2)", 500)

    assert all(float(f"{value:.1e}") == value for value in values)


def test_rounding_never_leaves_the_bounds():
    dimension = parse_prior("uniform(0.12344, 0.12346, precision=2)")

    assert {dimension.from_unit([u]) for u in (0.0, 0.3, 1.0)} == {0.12344}
    assert dimension.cardinality == 1


def test_unbounded_priors_give_finite_values_at_the_ends_of_the_unit_interval():
    for text in ("normal(0, 1)", "normal(0, 1, low=0)", "poisson(3)", "cauchy()", "zipf(3)"):
        dimension = parse_prior(text)

        assert all(dimension.from_unit([u]) in dimension for u in (0.0, 1.0))


def test_steps_give_decimals_without_rounding_errors():
    values = list(parse_prior("uniform(0, 1, step=0.1)").values())

    assert values == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_arrays_are_nested_lists_of_plain_numbers():
    value = parse_prior("uniform(0, 9, discrete=True, shape=(2, 3))").sample(
        np.random.default_rng(0)
    )

    assert [len(row) for row in value] == [3, 3]
    assert {type(element) for row in value for element in row} == {int}


def test_a_fidelity_is_sampled_at_its_highest():
    dimension = parse_prior("fidelity(1, 27, base=3)")

    assert dimension.sample(np.random.default_rng(0)) == 27
    assert dimension.default_value == 27
    assert (dimension.low, dimension.high, dimension.base) == (1, 27, 3)


@pytest.mark.parametrize(
    ("text", "type_", "prior_name"),
    [
        ("uniform(0, 1)", "real", "uniform"),
        ("loguniform(1, 2)", "real", "reciprocal"),
        ("normal(0, 1)", "real", "norm"),
        ("uniform(0, 1, discrete=True)", "integer", "int_uniform"),
        ("loguniform(1, 2, discrete=True)", "integer", "int_reciprocal"),
        ("poisson(3)", "integer", "poisson"),
        ("choices([1, 2])", "categorical", "choices"),
        ("fidelity(1, 2)", "fidelity", None),
    ],
)
def test_types_and_names_are_those_of_orion(text, type_, prior_name):
    dimension = parse_prior(text)

    assert (dimension.type, dimension.prior_name) == (type_, prior_name)


def test_what_a_category_list_gives_away_can_be_changed_safely():
    dimension = parse_prior("choices([[1, 2], [3, 4]])")

    dimension.from_unit([0.0]).append(5)

    assert dimension.from_unit([0.0]) == [1, 2]
