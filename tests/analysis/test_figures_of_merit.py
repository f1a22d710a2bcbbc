"""Best so far, means, ranks and times of frames of trials."""

from __future__ import annotations

import math

import pandas
import pytest

from orion_like.analysis import (
    average,
    elapsed_seconds,
    hypervolume,
    pareto_front,
    peak_concurrency,
    ranking,
    reference_of,
    regret,
)


def frame(objectives, **columns):
    ids = [f"t{i}" for i in range(len(objectives))]
    return pandas.DataFrame({"id": ids, "objective": objectives, **columns})


# --- regret -------------------------------------------------------------------------------------


def test_regret_carries_the_best_objective_and_its_trial_on():
    result = regret(frame([3.0, 5.0, 1.0, 2.0]))

    assert result["best"].tolist() == [3.0, 3.0, 1.0, 1.0]
    assert result["best_id"].tolist() == ["t0", "t0", "t2", "t2"]


def test_regret_follows_the_largest_when_maximizing():
    result = regret(frame([3.0, 5.0, 1.0]), direction="maximize")

    assert result["best"].tolist() == [3.0, 5.0, 5.0]
    assert result["best_id"].tolist() == ["t0", "t1", "t1"]


def test_of_equal_objectives_the_first_stays_the_best():
    assert regret(frame([1.0, 1.0]))["best_id"].tolist() == ["t0", "t0"]


def test_trials_without_an_objective_are_never_the_best():
    result = regret(frame([None, 2.0, math.nan, -math.inf, 1.0]))

    assert math.isnan(result["best"][0])
    assert result["best"].tolist()[1:] == [2.0, 2.0, 2.0, 1.0]
    assert result["best_id"].tolist() == [None, "t1", "t1", "t1", "t4"]


def test_infeasible_trials_are_never_the_best():
    result = regret(frame([1.0, 3.0, 2.0], feasible=[False, True, True]))

    assert math.isnan(result["best"][0])
    assert result["best_id"].tolist() == [None, "t1", "t2"]


def test_until_a_trial_is_feasible_the_least_infeasible_one_may_stand_for_the_best():
    trials = frame(
        [1.0, 3.0, 5.0, 4.0, 0.0],
        feasible=[False, False, True, True, False],
        violation=[2.0, 1.0, 0.0, 0.0, 0.5],
    )

    result = regret(trials, least_infeasible=True)

    assert result["best"].tolist() == [1.0, 3.0, 5.0, 4.0, 4.0]
    assert regret(trials)["best"].tolist()[2:] == [5.0, 4.0, 4.0]
    assert regret(trials)["best"].isna().tolist() == [True, True, False, False, False]


def test_the_columns_of_regret_can_be_named_and_the_frame_stays_as_it_is():
    trials = frame([2.0])

    result = regret(trials, names=("lowest", "who"))

    assert list(result.columns) == ["id", "objective", "lowest", "who"]
    assert list(trials.columns) == ["id", "objective"]


def test_regret_of_no_trials_is_empty():
    assert list(regret(frame([]))["best"]) == []


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column 'objective'; it has id"):
        regret(pandas.DataFrame({"id": ["a"]}))


@pytest.mark.parametrize("function", [regret, ranking])
def test_an_unknown_direction_is_refused(function):
    trials = frame([1.0], best=[1.0], order=[0])

    with pytest.raises(ValueError, match="'minimize' or 'maximize'"):
        function(trials, direction="max")


# --- average and ranking ------------------------------------------------------------------------


@pytest.fixture
def repetitions():
    return pandas.DataFrame(
        {"order": [1, 2, 1, 2, 1], "best": [4.0, 2.0, 2.0, 1.0, 3.0], "worse": [1.0] * 5}
    )


def test_average_is_taken_over_rows_of_the_same_order(repetitions):
    averaged = average(repetitions)

    assert averaged.to_dict("list") == {"order": [1, 2], "best_mean": [3.0, 1.5]}


def test_average_gives_the_sample_variance_when_asked(repetitions):
    averaged = average(repetitions, return_var=True)

    assert averaged["best_var"].tolist() == [1.0, 0.5]


def test_the_columns_of_average_can_be_chosen(repetitions):
    assert list(average(repetitions, group_by="best", key="worse").columns) == [
        "best",
        "worse_mean",
    ]


def test_average_of_no_trials_has_its_columns():
    averaged = average(pandas.DataFrame(), return_var=True)

    assert list(averaged.columns) == ["order", "best_mean", "best_var"]
    assert averaged.empty


def test_the_rank_of_the_best_in_its_group_is_0(repetitions):
    assert ranking(repetitions)["rank"].tolist() == [2.0, 1.0, 0.0, 0.0, 1.0]


def test_the_largest_ranks_first_when_maximizing(repetitions):
    ranked = ranking(repetitions, direction="maximize")

    assert ranked["rank"].tolist() == [0.0, 0.0, 2.0, 1.0, 1.0]


def test_rows_that_are_level_share_their_ranks():
    trials = pandas.DataFrame({"order": [0, 0, 0], "best": [1.0, 1.0, 3.0]})

    assert ranking(trials)["rank"].tolist() == [0.5, 0.5, 2.0]


def test_rows_without_a_best_rank_last():
    trials = pandas.DataFrame({"order": [0, 0], "best": [math.nan, 3.0]})

    assert ranking(trials)["rank"].tolist() == [1.0, 0.0]


# --- times --------------------------------------------------------------------------------------


def times(*texts):
    return pandas.to_datetime([None if text is None else f"2024-01-01 {text}" for text in texts])


def test_elapsed_time_goes_from_the_first_start_to_the_last_end():
    trials = pandas.DataFrame(
        {
            "reserved": times("01:00", "00:30", "00:00", None),
            "completed": times("02:00", "01:00", None, None),
        }
    )

    assert elapsed_seconds(trials) == 1.5 * 3600


def test_nothing_that_ran_took_no_time():
    assert elapsed_seconds(pandas.DataFrame()) == 0
    assert peak_concurrency(pandas.DataFrame()) == 0


def test_trials_that_follow_each_other_are_not_parallel():
    trials = pandas.DataFrame(
        {"reserved": times("00:00", "01:00"), "completed": times("01:00", "02:00")}
    )

    assert peak_concurrency(trials) == 1


def test_trials_that_overlap_are_parallel():
    trials = pandas.DataFrame(
        {
            "reserved": times("00:00", "00:10", "00:20", "03:00"),
            "completed": times("01:00", "02:00", "00:30", "04:00"),
        }
    )

    assert peak_concurrency(trials) == 3


def test_a_trial_without_duration_ran_all_the_same():
    trials = pandas.DataFrame({"reserved": times("00:00"), "completed": times("00:00")})

    assert peak_concurrency(trials) == 1


# --- several objectives ---------------------------------------------------------------------------

DIRECTIONS = {"loss": "minimize", "gain": "maximize"}


@pytest.fixture
def of_two():
    """Trials of which the first and the third are in the front."""
    values = [(3.0, 6.0), (3.0, 5.0), (1.0, 4.0), (None, 9.0), (0.0, 9.0), (1.0, 4.0)]
    return pandas.DataFrame(
        {
            "id": list("abcdef"),
            "objective.loss": [loss for loss, _ in values],
            "objective.gain": [gain for _, gain in values],
            "feasible": [True, True, True, True, False, True],
        }
    )


def test_the_front_has_the_feasible_rows_that_none_beats_in_all_objectives(of_two):
    assert pareto_front(of_two, DIRECTIONS)["id"].tolist() == ["a", "c"]


def test_the_hypervolume_is_carried_on_by_rows_that_are_not_in_the_front(of_two):
    volumes = hypervolume(of_two, DIRECTIONS, reference_point=[4.0, 3.0])["hypervolume"]

    assert volumes.tolist() == [3.0, 3.0, 5.0, 5.0, 5.0, 5.0]


def test_the_default_reference_point_is_a_tenth_beyond_the_worst_of_the_front(of_two):
    assert reference_of(of_two, DIRECTIONS) == pytest.approx([3.2, 3.8])
    assert hypervolume(of_two, DIRECTIONS)["hypervolume"].tolist()[-1] == pytest.approx(0.84)


def test_trials_without_a_front_have_no_volume(of_two):
    nothing = of_two[of_two["id"].isin(["d", "e"])]

    assert hypervolume(nothing, DIRECTIONS)["hypervolume"].tolist() == [0.0, 0.0]
    assert pareto_front(nothing, DIRECTIONS).empty


def test_a_missing_objective_and_a_reference_point_of_another_size_are_refused(of_two):
    with pytest.raises(ValueError, match=r"no column 'objective\.cost'"):
        pareto_front(of_two, {"cost": "minimize"})
    with pytest.raises(ValueError, match="one number for each of loss, gain"):
        hypervolume(of_two, DIRECTIONS, reference_point=[1.0])
