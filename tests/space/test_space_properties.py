"""Properties that hold for all spaces, tried on generated ones."""

from __future__ import annotations

import contextlib
import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_like.errors import PriorError
from orion_like.space import build_space, parse_prior

# Always the same examples, however long the first import of scipy takes.
generated = settings(deadline=None, derandomize=True, max_examples=100)

PLAIN_TYPES = (float, int, str, bool, type(None), list)

numbers = st.one_of(
    st.integers(-1000, 1000),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: float(f"{x:.6g}")),
)
categories = st.one_of(
    st.text(max_size=5), st.integers(-100, 100), st.booleans(), st.none(), st.floats(-9, 9)
)
shapes = st.sampled_from(["", "", "", ", shape=2", ", shape=(2, 3)"])
precisions = st.sampled_from(["", "", ", precision=2", ", precision=7"])


@st.composite
def bounds(draw, low=-1000, high=1000):
    a = draw(st.integers(low, high - 1))
    return a, draw(st.integers(a + 1, high))


@st.composite
def real_priors(draw):
    shape, precision = draw(shapes), draw(precisions)
    a, b = draw(bounds())
    c, d = draw(bounds(1, 10**6))
    prior = draw(
        st.sampled_from(
            [
                f"uniform({a}, {b}",
                f"uniform({a / 8}, {b / 8}",
                f"loguniform({c}, {d}",
                f"loguniform({c / 10**6}, {d}",
                f"normal({a}, {c / 100}",
                f"normal({a}, {b - a}, low={a - 0.5}, high={b}",
                f"lognormal({a / 500}, 0.5",
            ]
        )
    )
    return f"{prior}{shape}{precision})"


@st.composite
def grid_priors(draw):
    a, b = draw(bounds(-50, 50))
    c, d = draw(bounds(1, 60))
    prior = draw(
        st.sampled_from(
            [
                f"uniform({a}, {b}, discrete=True",
                f"uniform({a}, {b}, step={c}, discrete=True",
                f"uniform({a / 10}, {b / 10}, step={c / 10}",
                f"loguniform({c}, {d}, discrete=True",
                f"loguniform({c / 100}, {d}, step=0.3",
                f"normal({a}, {c}, discrete=True, low={a}, high={b}",
                f"randint({a}, {b}",
            ]
        )
    )
    return f"{prior})"


@st.composite
def categorical_priors(draw):
    values = draw(st.lists(categories, min_size=1, max_size=4, unique_by=lambda v: (v, str(v))))
    unique = []
    for value in values:
        if value not in unique:
            unique.append(value)
    if draw(st.booleans()):
        weights = [draw(st.integers(1, 9)) for _ in unique]
        table = {v: w / sum(weights) for v, w in zip(unique, weights, strict=True)}
        return f"choices({table!r})"
    return f"choices({unique!r})"


priors = st.one_of(real_priors(), grid_priors(), categorical_priors())


@st.composite
def spaces(draw, dimensions=priors):
    texts = draw(st.lists(dimensions, min_size=1, max_size=4))
    configuration = {f"d{i}": text for i, text in enumerate(texts)}
    configuration["switch"] = "choices(['on', 'off'])"
    for name in draw(st.sets(st.sampled_from(sorted(configuration)))) - {"switch"}:
        configuration[name] += draw(st.sampled_from([" if switch == 'on'", " if switch != 'on'"]))
    return build_space(configuration)


seeds = st.integers(0, 2**32 - 1)


def assert_plain(value):
    assert type(value) in PLAIN_TYPES
    for element in value if isinstance(value, list) else ():
        assert_plain(element)


@generated
@given(priors)
def test_text_to_dimension_to_text_is_exact(text):
    dimension = parse_prior(text, "x")

    written = dimension.get_prior_string()

    assert parse_prior(written, "x") == dimension
    assert parse_prior(written, "x").get_prior_string() == written


@generated
@given(spaces())
def test_configuration_to_space_to_configuration_is_exact(space):
    again = build_space(space.configuration, space.constraints)

    assert again == space
    assert again.configuration == space.configuration


@generated
@given(spaces(), seeds)
def test_sampled_points_are_members_with_plain_values(space, seed):
    params = space.sample(np.random.default_rng(seed))

    space.validate(params)
    assert params.keys() == space.active(params)
    for value in params.values():
        assert_plain(value)


@generated
@given(spaces(), seeds, st.sampled_from(["index", "onehot"]))
def test_decoding_undoes_encoding(space, seed, form):
    encoding = space.encoding(form)
    params = space.sample(np.random.default_rng(seed))

    vector = encoding.encode(params)

    assert encoding.decode(vector) == params
    assert repr(encoding.decode(vector)) == repr(params)


@generated
@given(spaces(), seeds)
def test_encoded_numbers_lie_in_the_unit_interval_and_nan_means_inactive(space, seed):
    encoding = space.encoding("onehot")
    params = space.sample(np.random.default_rng(seed))

    vector = encoding.encode(params)

    for number, column in zip(vector, encoding.columns, strict=True):
        assert math.isnan(number) == (column.name not in params)
        assert math.isnan(number) or 0 <= number <= 1


@generated
@given(spaces(), st.data())
def test_any_vector_decodes_to_a_member(space, data):
    encoding = space.encoding("onehot")
    numbers = st.floats(allow_nan=True, allow_infinity=True)
    vector = data.draw(st.lists(numbers, min_size=encoding.width, max_size=encoding.width))

    params = encoding.decode(vector)

    space.validate(params)
    assert params.keys() == space.active(params)


@generated
@given(spaces(), seeds)
def test_points_survive_storage_as_json(space, seed):
    params = space.sample(np.random.default_rng(seed))

    stored = json.loads(json.dumps(params))

    assert stored in space
    assert repr(space.complete(stored)) == repr(params)


@generated
@given(spaces(st.one_of(grid_priors(), categorical_priors())))
def test_a_finite_space_has_as_many_distinct_points_as_its_cardinality(space):
    if space.cardinality > 20_000:
        return

    points = [repr(point) for point in space.points()]

    assert len(points) == len(set(points)) == space.cardinality


@generated
@given(grid_priors(), st.floats(0, 1), st.floats(0, 1))
def test_values_rise_with_their_quantile_and_stand_in_the_middle_of_their_cell(text, u, v):
    dimension = parse_prior(text, "x")
    encoding = build_space({"x": dimension}).encoding()

    low, high = dimension.from_unit([min(u, v)]), dimension.from_unit([max(u, v)])

    assert low <= high
    for value in (low, high):
        (centre,) = encoding.encode({"x": value})
        assert dimension.from_unit([centre]) == value


@generated
@given(st.text(max_size=60))
def test_arbitrary_text_is_a_prior_or_a_prior_error(text):
    with contextlib.suppress(PriorError):
        parse_prior(text)


FRAGMENTS = [
    "uniform",
    "loguniform",
    "normal",
    "lognormal",
    "randint",
    "choices",
    "fidelity",
    "(",
    "(",
    ")",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    ",",
    "=",
    "low",
    "high",
    "shape",
    "default_value",
    "step",
    "discrete",
    "precision",
    "True",
    "None",
    "x",
    "'a'",
    "`a-b`",
    "0",
    "1",
    ".5",
    "1e999",
    "9**99",
    "if",
    "not",
    "and",
    "in",
    "max",
    "inf",
    "+",
    "-",
    "**",
    "//",
    "<",
    "==",
    "!=",
    "99999999999999999999999999",
]


@generated
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=15).map(" ".join))
def test_words_in_any_order_are_a_prior_or_a_prior_error(text):
    with contextlib.suppress(PriorError):
        parse_prior(text)


@generated
@given(
    st.sampled_from(["uniform", "loguniform", "normal", "lognormal", "randint", "fidelity"]),
    st.lists(
        st.one_of(numbers, st.floats(), st.integers(), st.text(max_size=3), st.none()), max_size=3
    ),
    st.dictionaries(
        st.sampled_from(["low", "high", "step", "shape", "precision", "discrete", "default_value"]),
        st.one_of(numbers, st.floats(allow_nan=False), st.booleans(), st.none()),
        max_size=3,
    ),
    seeds,
)
def test_a_prior_with_any_arguments_works_or_is_a_prior_error(function, args, keywords, seed):
    words = [repr(value) for value in args] + [f"{k}={v!r}" for k, v in keywords.items()]
    try:
        dimension = parse_prior(f"{function}({', '.join(words)})")
    except PriorError:
        return
    if dimension.size > 100:
        return

    value = dimension.sample(np.random.default_rng(seed))

    assert value in dimension
    assert parse_prior(dimension.get_prior_string()) == dimension
    assert dimension.cardinality >= 1
