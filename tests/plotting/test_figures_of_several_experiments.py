"""Figures that compare experiments."""

from __future__ import annotations

import pytest

from orion_like.plotting import PLOT_METHODS, durations, parallel_assessment, rankings, regrets

SEVERAL = ["regrets", "rankings", "durations", "parallel_assessment"]


def lines(figure):
    return {trace.name: list(trace.y) for trace in figure.data if trace.name is not None}


def bands(figure):
    return [trace for trace in figure.data if trace.fill == "toself"]


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("none", [None, [], {}, [None], {"a": []}, {"a": [None]}])
def test_a_comparison_of_no_experiment_is_refused(kind, none):
    with pytest.raises(ValueError, match="experiment"):
        PLOT_METHODS[kind](none)


@pytest.mark.parametrize("kind", SEVERAL)
def test_a_comparison_of_nothing_has_no_data_and_says_so(make, kind):
    figure = PLOT_METHODS[kind]([make(), make()])

    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No trial is completed yet"


@pytest.mark.parametrize("kind", SEVERAL)
def test_what_is_minimized_is_not_compared_with_what_is_maximized(make, kind):
    with pytest.raises(ValueError, match="cannot be compared"):
        PLOT_METHODS[kind]([make([1.0]), make([1.0], objectives=["o:maximize"])])


@pytest.mark.parametrize("kind", ["regrets", "rankings"])
def test_an_unknown_order_is_refused(make, kind):
    with pytest.raises(ValueError, match="order_by 'name' is unknown"):
        PLOT_METHODS[kind]([make([1.0])], order_by="name")


@pytest.mark.parametrize("kind", SEVERAL)
def test_one_experiment_can_stand_by_itself(make, kind):
    assert PLOT_METHODS[kind](make([1.0])).data


# --- regrets ------------------------------------------------------------------------------------


def test_regrets_has_a_line_for_each_experiment_of_a_list(make):
    figure = regrets([make([3.0, 1.0], name="a"), make([2.0, 4.0], name="b"), make(name="c")])

    assert lines(figure) == {"a-v1": [3.0, 1.0], "b-v1": [2.0, 2.0]}
    assert figure.layout.title.text == "Regret"
    assert not bands(figure)


def test_experiments_of_the_same_name_have_labels_of_their_own(make):
    same = make([1.0], name="a")

    assert list(lines(regrets([same, same]))) == ["a-v1", "a-v1 (2)"]


def test_experiments_of_a_dict_have_its_labels(make):
    assert lines(regrets({"mine": make([3.0, 1.0])})) == {"mine": [3.0, 1.0]}


def test_repetitions_are_averaged_up_to_the_end_of_the_shortest(make):
    repetitions = [make([5.0, 1.0, 0.5]), make([3.0, 3.0])]

    figure = regrets({"both": repetitions, "one": make([1.0, 1.0, 1.0])})

    assert lines(figure) == {"both": [4.0, 2.0], "one": [1.0, 1.0, 1.0]}
    (band,) = bands(figure)
    assert list(band.y) == pytest.approx([4 + 2**0.5, 2 + 2**0.5, 2 - 2**0.5, 4 - 2**0.5])
    assert figure.layout.title.text == "Average Regret"


# --- rankings -----------------------------------------------------------------------------------


def test_the_best_so_far_ranks_0(make):
    figure = rankings([make([3.0, 1.0], name="a"), make([2.0, 4.0], name="b")])

    assert lines(figure) == {"a-v1": [1.0, 0.0], "b-v1": [0.0, 1.0]}


def test_the_largest_ranks_0_when_maximizing(make):
    up = {"objectives": ["o:maximize"]}

    figure = rankings([make([3.0], name="a", **up), make([2.0], name="b", **up)])

    assert lines(figure) == {"a-v1": [0.0], "b-v1": [1.0]}


def test_repetitions_compete_one_by_one_and_their_ranks_are_averaged(make):
    figure = rankings({"a": [make([1.0]), make([5.0])], "b": [make([2.0]), make([4.0])]})

    assert lines(figure) == {"a": [0.5], "b": [0.5]}
    assert len(bands(figure)) == 2


def test_rankings_end_with_the_shortest_experiment(make):
    figure = rankings({"a": make([1.0, 1.0, 1.0]), "b": make([2.0])})

    assert lines(figure) == {"a": [0.0], "b": [1.0]}


def test_rankings_need_as_many_repetitions_under_each_label(make):
    with pytest.raises(ValueError, match="2 under 'a', 1 under 'b'"):
        rankings({"a": [make([1.0]), make([2.0])], "b": [make([2.0])]})


# --- times --------------------------------------------------------------------------------------


def test_durations_go_from_the_first_start_to_the_last_end(make_timed):
    figure = durations(
        {"a": make_timed((0, 30, 1.0), (30, 60, 1.0)), "b": make_timed((0, 10, 1.0), (5, 90, 1.0))}
    )

    (bars,) = figure.data
    assert list(bars.x) == ["a", "b"]
    assert list(bars.y) == [60.0, 90.0]
    assert figure.layout.yaxis.title.text == "Duration (minutes)"


def test_durations_of_repetitions_are_averaged(make_timed):
    (bars,) = durations({"a": [make_timed((0, 120, 1.0)), make_timed((0, 240, 1.0))]}).data

    assert list(bars.y) == [3.0]
    assert list(bars.error_y.array) == pytest.approx([2**0.5])


def test_the_best_objective_is_shown_against_how_parallel_an_experiment_was(make_timed):
    alone = make_timed((0, 1, 1.0), (1, 2, 5.0))
    three = make_timed((0, 2, 4.0), (0, 2, 3.0), (1, 3, 5.0))
    other_three = make_timed((0, 2, 2.0), (0, 2, 3.0), (1, 3, 5.0))

    (line,) = parallel_assessment({"tpe": [three, other_three, alone]}).data

    assert line.name == "tpe"
    assert dict(zip(line.x, line.y, strict=True)) == {1: 1.0, 3: 2.5}
