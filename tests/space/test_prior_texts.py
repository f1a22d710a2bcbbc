"""Texts of priors: what is understood, how it is written back, and what errors say."""

from __future__ import annotations

import pytest

from orion_like.errors import PriorError, SpaceError
from orion_like.space import Categorical, Fidelity, Integer, Real, parse_prior


@pytest.mark.parametrize(
    ("text", "kind", "canonical"),
    [
        ("uniform(0,1)", Real, "uniform(0, 1)"),
        ("uniform(low=0, high=1)", Real, "uniform(0, 1)"),
        ("uniform(2)", Real, "uniform(2, 3)"),
        ("uniform(loc=2, scale=3)", Real, "uniform(2, 5)"),
        ("uniform(-1e-5, 2.50)", Real, "uniform(-1e-05, 2.5)"),
        ("uniform(1, 10, discrete=True)", Integer, "uniform(1, 10, discrete=True)"),
        ("uniform(0, 1, step=0.25)", Real, "uniform(0, 1, step=0.25)"),
        ("uniform(0, 64, discrete=True, step=16)", Integer, None),
        ("uniform(0, 10, low=2, high=5)", Real, "uniform(0, 10, low=2, high=5)"),
        ("uniform(0, 1, precision=4)", Real, "uniform(0, 1)"),
        ("uniform(0, 1, precision=None)", Real, "uniform(0, 1, precision=None)"),
        ("uniform(0, 1, discrete=False)", Real, "uniform(0, 1)"),
        ("uniform(0, np.pi)", Real, "uniform(0, 3.141592653589793)"),
        ("uniform(-2**3, (1 + 1) / 4)", Real, "uniform(-8, 0.5)"),
        ("loguniform(1e-5, 1)", Real, "loguniform(1e-05, 1)"),
        ("reciprocal(a=10**-5, b=1)", Real, "loguniform(1e-05, 1)"),
        ("loguniform(1, 100, discrete=True)", Integer, None),
        ("normal(0, 1)", Real, None),
        ("norm()", Real, "normal(0, 1)"),
        ("gaussian(scale=2, loc=1)", Real, "normal(1, 2)"),
        ("normal(0, 5, discrete=True)", Integer, None),
        ("normal(0, 1, low=-2, high=inf)", Real, "normal(0, 1, low=-2)"),
        ("lognormal(0, 1)", Real, None),
        ("randint(0, 10)", Integer, "randint(0, 10)"),
        ("randint(low=0, high=10)", Integer, "randint(0, 10)"),
        ("beta(2, b=3)", Real, "beta(2, b=3)"),
        ("gamma(a=2, scale=3.5)", Real, "gamma(a=2, scale=3.5)"),
        ("poisson(mu=3)", Integer, "poisson(mu=3)"),
        ("bernoulli(.3)", Integer, "bernoulli(0.3)"),
        ("choices(['a', \"b\"])", Categorical, "choices(['a', 'b'])"),
        ("choices(1, 2, 3)", Categorical, "choices([1, 2, 3])"),
        ("choices('a')", Categorical, "choices(['a'])"),
        ("choices({'a': 0.123456789, 'b': 0.876543211})", Categorical, None),
        ("choices([True, None, 1.5, 'x', (1, 2)])", Categorical, None),
        ("fidelity(1, 100)", Fidelity, None),
        ("fidelity(1, 81, 3)", Fidelity, "fidelity(1, 81, base=3)"),
        ("fidelity(1, 81, base=2)", Fidelity, "fidelity(1, 81)"),
        ("uniform(0, 1, shape=(3,))", Real, "uniform(0, 1, shape=3)"),
        ("uniform(0, 1, shape=[2, 3])", Real, "uniform(0, 1, shape=(2, 3))"),
        (
            "uniform(0, 9, precision=2, discrete=False, default_value=3, shape=None)",
            Real,
            "uniform(0, 9, default_value=3.0, precision=2)",
        ),
        (
            "uniform(0, 9, discrete=True, default_value=[1, 2], shape=2, low=1)",
            Integer,
            "uniform(0, 9, low=1, shape=2, default_value=[1, 2], discrete=True)",
        ),
    ],
)
def test_a_prior_is_understood_and_written_back_in_canonical_form(text, kind, canonical):
    dimension = parse_prior(text, "x")

    written = dimension.get_prior_string()
    assert type(dimension) is kind
    assert canonical is None or written == canonical
    assert parse_prior(written, "x") == dimension
    assert parse_prior(written, "x").get_prior_string() == written


@pytest.mark.parametrize(
    "condition",
    [
        "optimizer == 'sgd'",
        "0 < x <= 1.5 and not (y or z)",
        "a + b * c - (d - e) / 2 ** -n > -1",
        "(-2) ** 2 == 4",
        "model.depth in [1, 2, 3] or kind not in ['a', 'b']",
        "max(x, y) - min(x, 3) < abs(z) + sqrt(x)",
        "layers[0] > layers[1] and len(layers) == 2",
        "`weight-decay` > 0.1",
        "flag",
        "not flag",
        "'it\\'s' == name",
        "(a == b) == True",
        "not (not a)",
    ],
)
def test_a_condition_is_written_back_so_that_it_reads_the_same(condition):
    dimension = parse_prior(f"uniform(0, 1) if {condition}", "x")

    written = dimension.get_prior_string()
    assert parse_prior(written, "x") == dimension
    assert parse_prior(written, "x").get_prior_string() == written


def test_text_survives_with_its_escapes():
    category = "tab\t, newline\n, quote ', backslash \\, é, \x00 and \U0001f600"

    dimension = parse_prior(f"choices([{category!r}])", "x")

    assert dimension.interval() == (category,)
    assert parse_prior(dimension.get_prior_string(), "x") == dimension


def test_spelling_numbers_differently_makes_no_difference():
    assert parse_prior("uniform(0, 1)") == parse_prior("uniform(0.0, 1e0)")
    assert parse_prior("uniform(0, 1)") != parse_prior("uniform(0, 1, precision=3)")
    assert parse_prior("choices([1, 2])") != parse_prior("choices(['1', '2'])")
    assert parse_prior("choices([1])") != parse_prior("choices([True])")


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        (
            "loguniform(0, 1)",
            "loguniform(0, 1) needs a lower bound > 0 (did you mean uniform(0, 1)?)",
            "0",
        ),
        ("uniform(1, 0)", "lower bound first (did you mean uniform(0, 1)?)", "1"),
        ("uniform(1, 1)", "only one value (did you mean choices([1])?)", "1"),
        ("randint(3, 3)", "did you mean uniform(3, 3, discrete=True)?", "3"),
        ("unifrom(0, 1)", "no prior named 'unifrom' (did you mean 'uniform'?)", "unifrom"),
        ("expn(0, 1)", "no prior named 'expn' (did you mean 'expon'?)", "expn"),
        ("uniform(0, 1, shpae=2)", "no argument 'shpae' (did you mean 'shape'?)", "shpae=2"),
        ("beta(2, 3, scael=4)", "did you mean 'scale'?", "scael=4"),
        ("uniform(0, 1, size=2)", "arrays have a shape", "size=2"),
        ("uniform(0, 1, seed=2)", "seeds belong to the experiment", "seed=2"),
        ("uniform(0, 1, default_value=3)", "default value is not possible", "default_value=3"),
        ("fidelity(1, 9, default_value=3)", "is its highest", "default_value=3"),
        ("uniform(0, 1, step=-1)", "step must be > 0", "step=-1"),
        ("uniform(0, 9, discrete=True, step=.5)", "whole number", "step=.5"),
        ("uniform(0, 1, precision=0)", "digits ≥ 1", "precision=0"),
        ("uniform(0, 1, step=.1, precision=2)", "no meaning next to step", "precision=2"),
        ("uniform(0, 1, shape=0)", "must be ≥ 1", "shape=0"),
        ("uniform(0, 1, discrete=1)", "True or False", "discrete=1"),
        ("uniform(0, 1, low=2)", "not possible", "0"),
        ("normal(0, 0)", "scale must be > 0", "0"),
        ("normal(0, 1, low=50, high=51)", "next to no values", "normal(0, 1, low=50, high=51)"),
        ("normal('a', 1)", "must be a number, not 'a'", "'a'"),
        ("uniform(0, inf)", "finite number", "inf"),
        ("uniform(0, 1e400)", "finite number", "1e400"),
        ("uniform(-1e308, 1e308)", "too far apart", "-1e308"),
        ("uniform(0, 2**63, discrete=True)", "too large for 64 bits", "0"),
        ("uniform(.2, .8, discrete=True)", "no whole number", ".2"),
        ("poisson(mu=-1)", "outside of what scipy.stats allows", "poisson(mu=-1)"),
        ("fidelity(0, 10)", "must be ≥ 1, not 0", "0"),
        ("fidelity(9, 1)", "did you mean fidelity(1, 9)?", "9"),
        ("fidelity(1, 9, base=0)", "base must be ≥ 1", "base=0"),
        ("fidelity(1, 9) if x > 1", "cannot have a condition", " if x > 1"),
        ("choices()", "needs categories", "choices()"),
        ("choices([1, 2, 1])", "given twice", "choices([1, 2, 1])"),
        ("choices([sgd])", "did you mean 'sgd' in quotes?", "sgd"),
        ("choices({'a': 0.2, 'b': 0.2})", "add up to 0.4", "{'a': 0.2, 'b': 0.2}"),
        ("choices({'a': -1, 'b': 2})", "≥ 0", "{'a': -1, 'b': 2}"),
        ("uniform(0, 1", "')' is missing", None),
        ("uniform(0 1)", "but here stands '1'", "1"),
        ("uniform(0, 'a)", "never closed", "'a)"),
        ("uniform(0, §)", "unexpected character", "§"),
        ("uniform(low=0, 1)", "put it first", "1"),
        ("uniform(0, 1, 2)", "takes fewer arguments", "2"),
        ("uniform(0, low=1, loc=3, high=4)", "no argument 'loc'", "loc=3"),
        ("uniform(0, 1) + 2", "unexpected '+'", "+"),
        ("uniform(0, 1) if", "ends too early", None),
        ("uniform(0, 1) if x = 3", "did you mean '=='?", "="),
        ("uniform(0, 1) if x && y", "did you mean 'and'?", "&&"),
        ("uniform(0, 1) if x > 1 else uniform(0, 2)", "'else' is not supported", "else"),
        ("uniform(0, 1) if x + 1", "neither true nor false", "x + 1"),
        ("uniform(0, 1) if mx(x) > 1", "unknown function 'mx' (did you mean 'max'?)", "mx"),
        ("uniform(0, 1) if abs(x, y) > 1", "abs takes one argument", "abs(x, y)"),
        ("0.5", "not a prior", "0.5"),
        ("uniform", "not a prior", "uniform"),
        ("__import__('os').system('true')", "unexpected character '.'", "."),
        ("__import__('os')", "no prior named '__import__'", "__import__"),
    ],
)
def test_an_error_says_what_is_wrong_and_marks_the_spot(text, message, marked):
    with pytest.raises(PriorError) as caught:
        parse_prior(text, "lr")

    first, *_, shown, marks = str(caught.value).splitlines()
    assert first.startswith("space 'lr': ")
    assert message in first
    if marked is not None:
        start = marks.index("^")
        assert shown[start : start + marks.count("^")] == marked


def test_an_error_in_the_middle_of_a_long_text_shows_its_surroundings():
    text = f"choices({['category'] * 100!r} ? {['category'] * 100!r})"

    with pytest.raises(PriorError) as caught:
        parse_prior(text, "x")

    shown, marks = str(caught.value).splitlines()[-2:]
    assert len(shown) < 120
    assert shown[marks.index("^")] == "?"


def test_an_error_in_a_text_of_several_lines_shows_the_line():
    with pytest.raises(PriorError) as caught:
        parse_prior("uniform(\n    0,\n    abc)", "x")

    assert str(caught.value).splitlines()[-2:] == ["        abc)", "        ^^^"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "uniform(" + "(" * 5000,
        "uniform(0, 1) if " + "not " * 5000 + "x",
        "uniform(0, 1) if " + "-" * 5000 + "x > 1",
        "uniform(0, 1) if x" + "[0]" * 5000 + " > 1",
        "uniform(0, 1) if " + "+".join("x" * 5000) + " > 1",
        "uniform(0, " + "9" * 5000 + ")",
        "uniform(0, 9**9**9**9)",
        "uniform(0, 10 ** 400)",
        "uniform(0, 1) if " + "(" * 18 + "x" + ("+ 1" * 100 + ")") * 18 + "> 1",
        "choices(['\\ud800'])",
        "choices([99999999999999999999])",
    ],
)
def test_hostile_texts_are_refused_quickly(text):
    with pytest.raises(PriorError):
        parse_prior(text)


def test_what_is_not_text_is_refused():
    with pytest.raises(PriorError, match="a prior is a text"):
        parse_prior(0.5, "x")


def test_priors_with_probabilities_of_two_decimals_can_be_read():
    dimension = parse_prior("choices({'a': 0.33, 'b': 0.33, 'c': 0.33})")

    assert dimension.from_unit([0.999]) == "c"


def test_the_error_of_a_prior_is_a_space_error():
    assert issubclass(PriorError, SpaceError)
