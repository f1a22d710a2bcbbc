"""Points as vectors and back."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from orion_like.errors import SpaceError
from orion_like.space import Column, build_space


def encode(prior: str, *values) -> list[float]:
    """Return the numbers that stand for values of a single dimension."""
    rows = build_space({"x": prior}).encoding().encode_many([{"x": value} for value in values])
    return [float(number) for number in rows[:, 0]]


@pytest.mark.parametrize(
    ("prior", "values", "numbers"),
    [
        ("uniform(2, 4)", [2, 2.5, 4], [0, 0.25, 1]),
        ("loguniform(0.01, 100)", [0.01, 1, 100], [0, 0.5, 1]),
        ("normal(3, 2)", [3, -1], [0.5, 0.02275]),
        ("lognormal(0, 1)", [1], [0.5]),
        ("expon()", [0, math.log(2)], [0, 0.5]),
        ("normal(0, 1, low=0)", [0, 0.67449], [0, 0.5]),
        ("uniform(1, 4, discrete=True)", [1, 2, 3, 4], [0.125, 0.375, 0.625, 0.875]),
        ("uniform(0, 1, step=0.5)", [0, 0.5, 1], [1 / 6, 0.5, 5 / 6]),
        ("randint(0, 2)", [0, 1], [0.25, 0.75]),
        ("bernoulli(0.3)", [0, 1], [0.35, 0.85]),
        ("choices(['a', 'b', 'c'])", ["c", "a"], [2, 0]),
    ],
)
def test_numbers_become_quantiles_and_categories_their_index(prior, values, numbers):
    assert encode(prior, *values) == pytest.approx(numbers, abs=1e-5)


def test_values_beyond_the_bounds_stay_in_the_unit_interval():
    assert encode("uniform(0, 1)", -5, 7) == [0, 1]
    assert encode("uniform(0, 9, discrete=True)", -5, 70) == [0, 1]
    assert encode("loguniform(1, 10)", -5, 70) == [0, 1]


def test_columns_say_what_they_mean():
    space = build_space(
        {
            "c": ["a", "b"],
            "i": "randint(0, 5) if c == 'a'",
            "x": "uniform(0, 1, shape=2)",
            "e": "fidelity(1, 9)",
        }
    )

    assert space.encoding("onehot").columns == [
        Column("c", 0, "category", 2, category=0),
        Column("c", 0, "category", 2, category=1),
        Column("i", 0, "numeric", 5, conditional=True),
        Column("x", 0, "numeric", None),
        Column("x", 1, "numeric", None),
    ]
    assert [column.name for column in space.encoding().columns] == ["c", "i", "x", "x"]
    assert space.encoding().width == 4


def test_encodings_are_made_once():
    space = build_space({"x": "uniform(0, 1)"})

    assert space.encoding("onehot") is space.encoding("onehot")
    assert space.encoding("onehot") is not space.encoding()


def test_inactive_dimensions_are_nan():
    space = build_space({"c": ["a", "b"], "x": "uniform(0, 1, shape=2) if c == 'a'"})

    matrix = space.encoding().encode_many([{"c": "b"}, {"c": "a", "x": [0.0, 1.0]}])

    np.testing.assert_array_equal(matrix, [[1, math.nan, math.nan], [0, 0, 1]])


def test_decoding_applies_conditions():
    encoding = build_space({"c": ["a", "b"], "x": "uniform(0, 1) if c == 'a'"}).encoding()

    assert encoding.decode([1, 0.5]) == {"c": "b"}
    assert encoding.decode(np.array([0, 0.5])) == {"c": "a", "x": 0.5}
    assert encoding.decode([0, math.nan]) == {"c": "a", "x": 0.5}


def test_one_hot_vectors_decode_to_the_largest_weight():
    encoding = build_space({"c": ["a", "b", "c"]}).encoding("onehot")

    np.testing.assert_array_equal(encoding.encode({"c": "b"}), [0, 1, 0])
    assert encoding.decode([0.2, 0.3, 0.7]) == {"c": "c"}


def test_decoding_snaps_to_the_grid_and_the_bounds():
    space = build_space({"i": "uniform(1, 4, discrete=True)", "c": ["a", "b"]})

    assert space.encoding().decode([7.2, -3]) == {"c": "b", "i": 1}
    assert space.encoding().decode([0.2, 0.49]) == {"c": "a", "i": 2}


def test_fidelities_are_left_out_unless_asked_for():
    space = build_space({"e": "fidelity(1, 81, base=3)", "x": "uniform(0, 1)"})

    assert space.encoding().decode([0.5]) == {"e": 81, "x": 0.5}
    for fidelity in (1, 2, 40, 81):
        encoding = space.encoding(fidelity=True)
        point = {"e": fidelity, "x": 0.5}
        assert encoding.decode(encoding.encode(point)) == point


def test_trials_can_be_encoded():
    encoding = build_space({"x": "uniform(0, 2)"}).encoding()

    np.testing.assert_array_equal(encoding.encode(SimpleNamespace(flat_params={"x": 1})), [0.5])


def test_many_vectors_are_decoded_at_once():
    encoding = build_space({"x": "uniform(0, 2)"}).encoding()

    assert encoding.decode_many([[0], [0.5]]) == [{"x": 0.0}, {"x": 1.0}]


def test_no_points_make_an_empty_matrix():
    assert build_space({"x": "uniform(0, 2)"}).encoding().encode_many([]).shape == (0, 1)


def test_what_cannot_be_encoded_is_an_error():
    space = build_space({"c": ["sgd", "adam"]})

    with pytest.raises(SpaceError, match=r"space 'c': 'adm' is not one of .*did you mean 'adam'"):
        space.encoding().encode({"c": "adm"})
    with pytest.raises(SpaceError, match="a vector has 1 numbers, not 2"):
        space.encoding().decode([1, 2])
    with pytest.raises(SpaceError, match="'index' or 'onehot', not 'one-hot'"):
        space.encoding("one-hot")


def test_quantiles_of_the_whole_space_give_points():
    space = build_space({"x": "uniform(0, 1, shape=2)", "c": ["a", "b"], "e": "fidelity(1, 4)"})

    assert space.unit_width == 3
    assert space.from_unit(np.array([0.9, 0.25, 0.75])) == {"c": "b", "e": 4, "x": [0.25, 0.75]}
