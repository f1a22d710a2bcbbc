"""Which trials each stopping rule stops, on curves that show its definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import wilcoxon

from orion_like.errors import ConfigurationError
from orion_like.stopping import Curve, StoppingRules
from orion_like.stopping.base import best_completed, rank_among
from orion_like.stopping.extrapolation import Prediction
from orion_like.stopping.rules import BUILT_IN

_numbers = itertools.count()


def curve(*losses, completed=False, start=0, stride=1, objective="objective"):
    """A curve with these losses, numbers or tuples, at steps `start`, `start` + `stride`…"""
    points = [loss if isinstance(loss, tuple) else (loss,) for loss in losses]
    made = Curve(next(_numbers), points[-1] if completed else None, objective)
    for place, point in enumerate(points):
        names = [objective, "second", "third"]
        made.add(start + stride * place, point, dict(zip(names, point, strict=False)))
    return made


def completed(*levels, length=10):
    return [curve(*[level] * length, completed=True) for level in levels]


def verdict(configuration, mine, others=(), group="validation", **more):
    return StoppingRules(configuration).verdict(group, mine, lambda: list(others), **more)


# --- configuration -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_stored_has_every_parameter_and_builds_the_same_rule(name):
    rules = StoppingRules(name)

    again = StoppingRules(rules.configuration)

    assert set(rules.configuration[name]) >= {"group", "warmup_steps"}
    assert again.rules == rules.rules


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("medain", r"'medain' is unknown.*\(did you mean 'median'"),
        ({"median": {"min_trial": 3}}, r"no parameter 'min_trial'.*\(did you mean 'min_trials'"),
        ({"median": {"min_trials": 0}}, r"min_trials must be a whole number ≥ 1, not 0"),
        ({"median": {"warmup_steps": True}}, r"warmup_steps must be a whole number ≥ 0"),
        ({"median": {"group": ""}}, r"group must be a name"),
        ({"percentile": {"percentile": 100}}, r"percentile must be a number between 0 and 100"),
        ({"threshold": {"lower": 2, "upper": 1}}, r"lower must be at most upper, 1, not 2"),
        ({"threshold": {"upper": "2"}}, r"upper must be a number, not '2'"),
        ({"threshold": {"metric": 3}}, r"metric must be the name of a reported value"),
        ({"patience": {"min_delta": -1}}, r"min_delta must be a number ≥ 0"),
        ({"halving": {"reduction": 1}}, r"reduction must be a number > 1"),
        ({"wilcoxon": {"significance": 0}}, r"significance must be a number between 0 and 1"),
        ({"extrapolation": {"min_reports": 2}}, r"min_reports must be a whole number ≥ 3"),
        ({"timeout": {"seconds": 0}}, r"seconds must be a number > 0"),
        (["median"], r"must be the name of a rule or \{name: \{parameter: value\}\}"),
        ({"median": 5}, r"must be the name of a rule or"),
    ],
)
def test_a_wrong_configuration_is_refused_with_what_would_be_right(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        StoppingRules(wrong)


def test_no_rule_looks_at_other_groups_or_decides_before_its_warm_up():
    others = completed(0, 0, 0, 0, 0)
    bad = curve(9, 9, 9)

    assert verdict("median", bad, others)
    assert verdict("median", bad, others, group="training") is None
    assert verdict({"median": {"group": "training"}}, bad, others, group="training")
    assert verdict({"median": {"warmup_steps": 3}}, bad, others) is None
    assert verdict({"median": {"warmup_steps": 2}}, bad, others)


def test_the_first_rule_that_stops_gives_the_reason():
    rules = {"threshold": {"upper": 5}, "patience": {"patience": 1}}

    assert verdict(rules, curve(1, 9)).startswith("threshold: ")
    assert verdict(rules, curve(1, 2)).startswith("patience: ")
    assert verdict(rules, curve(2, 1)) is None


# --- median --------------------------------------------------------------------------------------


def test_median_compares_the_best_report_with_running_averages_at_the_same_step():
    others = [
        curve(4, 2, 0, 0, completed=True),
        curve(5, 3, 0, 0, completed=True),
        curve(6, 4, 0, 0, completed=True),
    ]
    rule = {"median": {"min_trials": 3}}

    # Averages up to step 1 are 3, 4 and 5; what comes later does not count.
    assert verdict(rule, curve(9, 4.5), others) == (
        "median: at step 1, 2 of 3 completed trials were better on average than this one at its "
        "best"
    )
    assert verdict(rule, curve(9, 4), others) is None
    assert verdict(rule, curve(3.5, 9), others) is None


def test_median_waits_for_enough_completed_trials():
    running = [curve(0, 0, 0) for _ in range(5)]

    assert verdict("median", curve(9, 9), completed(0, 0, 0, 0)) is None
    assert verdict("median", curve(9, 9), completed(0, 0, 0, 0) + running) is None
    assert verdict("median", curve(9, 9), completed(0, 0, 0, 0, 0))


def test_median_ignores_trials_that_reported_nothing_up_to_the_step():
    late = [curve(0, completed=True, start=100) for _ in range(5)]

    assert verdict("median", curve(9, 9), late) is None


def test_median_never_stops_what_most_do_not_dominate():
    others = completed((1, 2), (1, 2), (1, 2), (5, 5), (5, 5))

    assert verdict("median", curve((2, 3)), others)
    assert verdict("median", curve((9, 1)), others) is None
    assert verdict("median", curve((2, 2)), completed((1, 2), (1, 2), *[(5, 5)] * 3)) is None


# --- percentile ----------------------------------------------------------------------------------


def test_percentile_lets_the_best_part_go_on():
    others = [curve(level, level) for level in range(8)]
    rule = {"percentile": {"percentile": 25}}

    assert verdict(rule, curve(9, 1.5), others) is None  # 2 of 8 are better
    assert verdict(rule, curve(9, 2.5), others).startswith("percentile: at step 1, 3 of 8")
    assert verdict(rule, curve(1.5, 9), others) is None


def test_percentile_compares_only_with_trials_that_came_as_far():
    short = [curve(0) for _ in range(9)]

    assert verdict("percentile", curve(9, 9), short) is None
    assert verdict("percentile", curve(9), short)


# --- threshold -----------------------------------------------------------------------------------


def test_threshold_stops_beyond_bounds_and_at_nan():
    rule = {"threshold": {"lower": 0, "upper": 10}}

    assert verdict(rule, curve(5, 10)) is None
    assert verdict(rule, curve(5, 11)) == "threshold: objective is 11 at step 1, above 10"
    assert verdict(rule, curve(5, -1)) == "threshold: objective is -1 at step 1, below 0"
    assert verdict("threshold", curve(5, math.nan)) == "threshold: objective is NaN at step 1"
    assert verdict("threshold", curve(math.nan, 5)) is None


def test_threshold_takes_values_in_the_units_that_were_reported():
    mine = curve((1.0, 7.0))
    maximized = Curve(0, objective="accuracy")
    maximized.add(0, (-0.3,), {"accuracy": 0.3, "loss": 2.0})

    assert verdict({"threshold": {"metric": "second", "upper": 6}}, mine)
    assert verdict({"threshold": {"metric": "unreported", "upper": 6}}, mine) is None
    assert verdict({"threshold": {"lower": 0.4}}, maximized)
    assert verdict({"threshold": {"lower": 0.2}}, maximized) is None


# --- patience ------------------------------------------------------------------------------------


def test_patience_ends_after_reports_without_an_improvement():
    rule = {"patience": {"patience": 3}}

    assert verdict(rule, curve(5, 4, 4, 4, 4)) is not None
    assert verdict(rule, curve(5, 4, 4.5, 4)) is None
    assert verdict(rule, curve(5, 4, 4, 4, 3.9)) is None
    assert verdict(rule, curve(5, 4, 3, 4, 5, 3)) is not None


def test_patience_ignores_improvements_below_a_difference():
    rule = {"patience": {"patience": 2, "min_delta": 0.5}}

    assert verdict(rule, curve(5, 4.9, 4.8)) is not None
    assert verdict(rule, curve(5, 4.9, 4.4)) is None
    assert verdict(rule, curve(5, 4.7, 4.4, 4.2)) is None


def test_patience_takes_a_new_trade_off_for_an_improvement():
    rule = {"patience": {"patience": 2}}

    assert verdict(rule, curve((1, 5), (2, 6), (3, 4))) is None
    assert verdict(rule, curve((1, 5), (2, 6), (1, 5))) is not None


# --- successive halving --------------------------------------------------------------------------


def test_halving_lets_the_best_part_of_each_rung_go_on():
    rule = {"halving": {"min_steps": 1, "reduction": 2}}
    others = [curve(level, start=1) for level in (1, 2, 3, 4, 5)]

    # Of 6 with itself, 3 go on.
    assert verdict(rule, curve(2.5, start=1), others) is None
    assert verdict(rule, curve(3.5, start=1), others) == (
        "halving: at the rung of step 1, 3 of 5 other trials were better, and 3 of 6 may go on"
    )


def test_halving_decides_at_rungs_only_and_always_lets_the_first_go_on():
    rule = {"halving": {"min_steps": 2, "reduction": 2}}
    others = [curve(0, 0, 0, 0, 0, start=1) for _ in range(4)]

    stopped_at = [
        step
        for step in range(1, 10)
        if verdict(rule, curve(*[9] * step, start=1), others) is not None
    ]

    assert stopped_at == [2, 4]  # nobody has come to the rung at 8


def test_halving_takes_a_rung_that_was_jumped_over_at_the_first_report_after_it():
    rule = {"halving": {"min_steps": 3, "reduction": 3}}
    others = [curve(0, 0, 0, stride=4) for _ in range(5)]

    assert verdict(rule, curve(9), others) is None
    assert verdict(rule, curve(9, 9, stride=4), others) is not None


def test_halving_makes_the_decisions_of_a_plain_reference():
    rng = np.random.default_rng(7)
    losses, eta = rng.random(60), 4
    seen: list[float] = []
    expected = []
    for loss in losses:
        better = sum(other < loss for other in seen)
        expected.append(better < max(int((len(seen) + 1) / eta), 1))
        seen.append(loss)

    others: list[Curve] = []
    went_on = []
    for loss in losses:
        mine = curve(loss, start=1)
        went_on.append(verdict({"halving": {"reduction": eta}}, mine, others) is None)
        others.append(mine)

    assert went_on == expected


# --- Wilcoxon ------------------------------------------------------------------------------------


def test_wilcoxon_stops_what_is_significantly_worse_than_the_best_on_the_same_steps():
    rng = np.random.default_rng(3)
    difficulty = rng.random(10) * 100
    best = curve(*difficulty, completed=True)
    worse = difficulty + rng.normal(1, 1, 10)
    p = wilcoxon(worse - difficulty, alternative="greater").pvalue

    assert 0.001 < p < 0.1
    assert f"p = {p:.3g}" in verdict("wilcoxon", curve(*worse), [best, *completed(999)])
    assert verdict({"wilcoxon": {"significance": p * 0.9}}, curve(*worse), [best]) is None
    assert verdict("wilcoxon", curve(*(difficulty - 1)), [best]) is None
    assert verdict("wilcoxon", curve(*difficulty), [best]) is None


def test_wilcoxon_needs_steps_in_common():
    assert verdict("wilcoxon", curve(*[9] * 8, start=50), completed(0)) is None
    assert verdict("wilcoxon", curve(9, 9, 9), completed(0)) is None
    assert verdict("wilcoxon", curve(9, 9, 9, 9), completed(0)) is not None
    assert verdict("wilcoxon", curve(*[math.nan] * 4), completed(0)) is not None


def test_wilcoxon_needs_all_of_several_objectives_to_be_worse():
    best = completed((0, 0))

    assert verdict("wilcoxon", curve(*[(1, 1)] * 6), best) is not None
    assert verdict("wilcoxon", curve(*[(1, -1)] * 6), best) is None


# --- extrapolation -------------------------------------------------------------------------------


def power_law(level, fall=1.0, exponent=0.5, noise=0.01, length=20, seed=0):
    steps = np.arange(1, length + 1)
    rng = np.random.default_rng(seed)
    return level + fall * steps**-exponent + rng.normal(0, noise, length)


def test_extrapolation_stops_what_levels_out_above_the_best():
    best = curve(*power_law(0.1, length=100), completed=True)

    hopeless = curve(*power_law(0.6, length=20, seed=1))
    promising = curve(*power_law(0.0, fall=1.2, length=20, seed=2))

    assert verdict("extrapolation", hopeless, [best]).startswith("extrapolation: from its curve")
    assert verdict("extrapolation", promising, [best]) is None
    assert promising.last > best.final


def test_extrapolation_waits_for_reports_and_ends_at_the_horizon():
    best = curve(*[0.0] * 20, completed=True)
    bad = [9 + 0.01 * (-1) ** step for step in range(20)]

    assert verdict("extrapolation", curve(*bad[:4]), [best]) is None
    assert verdict("extrapolation", curve(*bad[:5]), [best]) is not None
    assert verdict("extrapolation", curve(*bad), [best]) is None
    assert verdict({"extrapolation": {"horizon": 99}}, curve(*bad), [best]) is not None
    assert verdict("extrapolation", curve(*bad[:10]), []) is None


def test_extrapolated_probabilities_are_about_right():
    """Of the predictions that a loss stays above a bound with 90 %, about that many hold."""
    rng = np.random.default_rng(5)
    held = []
    for seed in range(200):
        truth = power_law(
            rng.uniform(0, 1), rng.uniform(0.5, 2), rng.uniform(0.3, 1.5), 0.02, 60, seed
        )
        seen = 15
        prediction = Prediction(np.arange(1.0, seen + 1), truth[:seen], 60.0)
        bounds = np.linspace(-2, 3, 1001)
        tenth = bounds[np.searchsorted([prediction.below(bound) for bound in bounds], 0.1)]
        held.append(truth[-1] > tenth)

    assert 0.8 < np.mean(held) <= 1.0


def test_extrapolation_never_stops_what_may_end_as_a_trade_off():
    best = curve(*[(0.1, 0.9)] * 50, completed=True)
    mine = zip(power_law(0.5, seed=1), power_law(0.2, seed=2), strict=True)

    assert verdict("extrapolation", curve(*mine), [best]) is None
    worse = zip(power_law(0.5, seed=1), power_law(1.5, seed=2), strict=True)
    assert verdict("extrapolation", curve(*worse), [best]) is not None


# --- timeout -------------------------------------------------------------------------------------


def test_timeout_looks_at_the_clock_between_reports_too():
    rule = {"timeout": {"seconds": 10}, "patience": {"patience": 1}}
    mine = curve(5)

    mine.elapsed = 10.0
    in_time = verdict(rule, mine, by_clock=True)
    mine.elapsed = 10.5
    too_late = verdict(rule, mine, by_clock=True)

    assert in_time is None
    assert too_late == "timeout: it ran for 10 s, longer than 10 s"


# --- comparisons ---------------------------------------------------------------------------------


def test_the_best_completed_trials_are_those_that_no_other_dominates():
    curves = [*completed((1, 4), (2, 2), (3, 3), (4, 1), (2, 2)), curve((0, 0))]

    assert best_completed(curves) == [curves[0], curves[1], curves[3]]
    assert best_completed(completed(3, 1, 2))[0].final == (1,)


def test_nan_is_worse_than_everything():
    mine = curve(math.nan)

    assert rank_among(mine.last, [(1e300,)]) == 1
    assert rank_among((1e300,), [mine.last]) == 0
