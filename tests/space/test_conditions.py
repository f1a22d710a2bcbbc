"""Conditions: when dimensions are active, and mistakes that are found at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orion_like.errors import PriorError, SpaceError
from orion_like.space import build_space

OPTIMIZERS = {
    "optimizer": "choices(['sgd', 'adam'])",
    "momentum": "uniform(0, 1) if optimizer == 'sgd'",
    "nesterov": "choices([True, False]) if momentum > 0.5",
}


def holds(condition: str, **values) -> bool:
    """Tell whether a condition over the given values makes a dimension active."""
    priors = {
        "i": "uniform(-9, 9, discrete=True)",
        "x": "uniform(-9, 9)",
        "flag": "choices([True, False])",
        "word": "choices(['a', 'b', 'c'])",
        "any": "choices([1, 'one', None])",
        "list": "uniform(0, 9, discrete=True, shape=2)",
    }
    space = build_space({**priors, "target": f"uniform(0, 1) if {condition}"})
    return "target" in space.active(values)


def test_inactive_dimensions_are_absent_from_points():
    space = build_space(OPTIMIZERS)
    rng = np.random.default_rng(0)

    points = [space.sample(rng) for _ in range(200)]

    assert {frozenset(point) for point in points} == {
        frozenset({"optimizer"}),
        frozenset({"optimizer", "momentum"}),
        frozenset({"optimizer", "momentum", "nesterov"}),
    }
    for point in points:
        assert ("momentum" in point) == (point["optimizer"] == "sgd")
        assert ("nesterov" in point) == (point.get("momentum", 0) > 0.5)


def test_a_condition_on_an_inactive_dimension_makes_inactive():
    space = build_space(OPTIMIZERS)

    assert space.active({"optimizer": "adam", "momentum": 0.9}) == {"optimizer"}


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("i > 3", {"i": 4}, True),
        ("0 < i <= 3", {"i": 3}, True),
        ("0 < i < 3", {"i": 3}, False),
        ("i == 1 or i == 2 and x > 0", {"i": 1, "x": -1.0}, True),
        ("(i == 1 or i == 2) and x > 0", {"i": 1, "x": -1.0}, False),
        ("not i == 1", {"i": 2}, True),
        ("flag", {"flag": True}, True),
        ("not flag", {"flag": True}, False),
        ("word in ['a', 'b']", {"word": "c"}, False),
        ("word not in ('a', 'b')", {"word": "c"}, True),
        ("word != 'a'", {"word": "b"}, True),
        ("any == 'one'", {"any": "one"}, True),
        ("any == None", {"any": None}, True),
        ("i + 2 * x ** 2 - 1 >= 7 / 2", {"i": 1, "x": 2.0}, True),
        ("i // 2 == 1 and i % 2 == 1", {"i": 3}, True),
        ("-i > +2", {"i": -3}, True),
        ("-i ** 2 == -4", {"i": 2}, True),
        ("max(i, 3) == 3 and min(i, 1, x) == 0 and abs(i) == 2", {"i": 2, "x": 0.0}, True),
        ("sum(list) == 7 and list[0] < list[1] and len(list) == 2", {"list": [3, 4]}, True),
        ("max(list) == 4 and 3 in list", {"list": [3, 4]}, True),
        (
            "sqrt(i) == 2 and log(exp(i)) == 4 and log2(i) == 2 and log10(100) == i / 2",
            {"i": 4},
            True,
        ),
        ("1 / i > 0", {"i": 0}, False),
        ("i % 0 == 0 or i // 0 == 0", {"i": 1}, False),
        ("log(i) < 1", {"i": -1}, False),
        ("sqrt(i) >= 0", {"i": -1}, False),
        ("i ** 0.5 >= 0", {"i": -1}, False),
        ("exp(1000 * i) > 1", {"i": 9}, True),
        ("i ** 1000 > 1", {"i": 9}, True),
        ("i ** 39 == 4052555153018976267", {"i": 3}, True),
    ],
)
def test_expressions_mean_what_they_mean_in_mathematics(condition, values, expected):
    assert holds(condition, **values) is expected


def test_a_nested_dict_can_hold_a_condition_for_all_in_it():
    space = build_space(
        {
            "optimizer": ["sgd", "adam"],
            "sgd": {
                "if": "optimizer == 'sgd'",
                "momentum": "uniform(0, 1)",
                "warmup": {"if": "momentum > 0.5 or momentum < 0.1", "steps": "randint(1, 9)"},
            },
        }
    )

    assert space.configuration == {
        "optimizer": "choices(['sgd', 'adam'])",
        "sgd.momentum": "uniform(0, 1) if optimizer == 'sgd'",
        "sgd.warmup.steps": (
            "randint(1, 9) if optimizer == 'sgd' and (sgd.momentum > 0.5 or sgd.momentum < 0.1)"
        ),
    }
    assert build_space(space.configuration) == space


def test_names_are_found_in_the_same_dict_and_full_names_come_first():
    space = build_space(
        {
            "kind": ["x", "y"],
            "a": {"size": "uniform(0, 1) if kind == 'x'", "kind": ["v", "w"]},
            "b": {"size": "uniform(0, 1) if form == 'v'", "form": ["v", "w"]},
        }
    )

    assert str(space["a.size"].condition) == "kind == 'x'"
    assert str(space["b.size"].condition) == "b.form == 'v'"


def test_the_condition_of_a_dict_means_the_same_for_all_in_it():
    space = build_space(
        {
            "a": {
                "x": ["on", "off"],
                "b": {"if": "x == 'on'", "x": "uniform(0, 1)", "y": "uniform(0, 1) if x > 0.5"},
            }
        }
    )

    assert str(space["a.b.x"].condition) == "a.x == 'on'"
    assert str(space["a.b.y"].condition) == "a.x == 'on' and a.b.x > 0.5"


def test_names_with_a_slash_are_referred_to_without_it():
    space = build_space({"/opt": ["sgd", "adam"], "/lr": "uniform(0, 1) if opt == 'sgd'"})

    assert space.configuration["/lr"] == "uniform(0, 1) if opt == 'sgd'"
    assert build_space(space.configuration) == space
    assert space.active({"/opt": "sgd"}) == {"/opt", "/lr"}


def test_names_that_are_no_words_are_quoted():
    space = build_space(
        {"/weight-decay": "uniform(0, 1)", "x": "randint(0, 9) if `weight-decay`>0.5"}
    )

    assert space.configuration["x"] == "randint(0, 9) if `weight-decay` > 0.5"
    assert {"/weight-decay": 0.7, "x": 3} in space


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("optmizer == 'sgd'", "no dimension 'optmizer' (did you mean 'optimizer'?)"),
        ("optimizer == 'sdg'", "'sdg' is not one of 'sgd', 'adam' (did you mean 'sgd'?)"),
        ("'sdg' != optimizer", "did you mean 'sgd'?"),
        ("optimizer in ['sgd', 'adma']", "did you mean 'adam'?"),
        ("optimizer > 3", "no order"),
        ("optimizer + 1 > 3", "this is text, not a number"),
        ("-optimizer > 3", "this is text, not a number"),
        ("max(optimizer) > 3", "this is text, not a number"),
        ("depth == 'deep'", "'depth' is a number, never the text 'deep'"),
        ("depth in 3", "a list such as [1, 2] must follow 'in'"),
        ("depth", "neither true nor false"),
        ("abs(depth)", "neither true nor false"),
        ("weight - decay > 0", "did you mean `weight-decay`?"),
        ("epochs > 3", "points are the same at all fidelities"),
    ],
)
def test_mistakes_show_when_the_space_is_built(condition, message):
    with pytest.raises(PriorError) as caught:
        build_space(
            {
                "optimizer": ["sgd", "adam"],
                "depth": "uniform(1, 9, discrete=True)",
                "weight-decay": "uniform(0, 1)",
                "epochs": "fidelity(1, 9)",
                "x": f"uniform(0, 1) if {condition}",
            }
        )

    assert message in str(caught.value)
    assert "^" in str(caught.value)


def test_conditions_in_a_circle_are_refused():
    with pytest.raises(SpaceError, match="'a', 'b' refer to each other in a circle"):
        build_space({"a": "uniform(0, 1) if b > 0", "b": "uniform(0, 1) if a > 0", "c": ["x"]})


def test_a_fidelity_cannot_be_conditional():
    with pytest.raises(SpaceError, match="cannot have a condition"):
        build_space({"o": ["a"], "n": {"if": "o == 'a'", "epochs": "fidelity(1, 9)"}})


def test_operands_of_the_wrong_kind_are_an_error_when_they_turn_up():
    space = build_space({"any": "choices([1, 'one'])", "x": "uniform(0, 1) if any + 1 > 0"})

    with pytest.raises(SpaceError, match="'one' is not a number"):
        space.active({"any": "one"})


def test_the_cardinality_counts_only_what_is_active():
    space = build_space(
        {
            "o": ["a", "b", "c"],
            "n": "randint(0, 10) if o == 'a'",
            "m": "randint(0, 5) if o != 'c'",
            "k": "randint(0, 2)",
        }
    )

    assert space.cardinality == 2 * (10 * 5 + 5 + 1)
    assert len(list(space.points())) == space.cardinality


def test_the_cardinality_is_an_upper_bound_if_conditions_depend_on_too_much():
    space = build_space({"i": "randint(0, 20000)", "n": "randint(0, 3) if i > 5"})

    assert space.cardinality == 60_000


def test_a_conditional_dimension_without_end_makes_the_space_endless():
    space = build_space({"o": ["a", "b"], "x": "uniform(0, 1) if o == 'a'"})

    assert space.cardinality == math.inf
    assert not space.is_finite
    assert space.is_conditional
