"""The benchmark of quality: its problems, wrappers, runs, store and tables."""

from __future__ import annotations

import doctest
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quality import report
from benchmarks.quality.classical import vector
from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem
from benchmarks.quality.report import Contestant, compare, standing
from benchmarks.quality.run import run
from benchmarks.quality.runner import ROOT
from benchmarks.quality.store import Key, Result, Store
from benchmarks.quality.suites import SUITES
from benchmarks.quality.wrappers import (
    Wrong,
    delayed,
    differentiated,
    infeasible,
    noisy,
    permuted,
    shifted,
)

PROBLEMS = [
    (suite, problem)
    for suite in ("classical", "engineering", "scikit-learn")
    for problem in SUITES[suite].problems
]


def sphere() -> Problem:
    return vector(lambda x: float(((x - 0.3) ** 2).sum()), 2, -1, 1, 0.3)


def near(problem: Problem, best: Params, rng: np.random.Generator) -> Params:
    """Return a point close to another one, within the ranges."""
    point = dict(best)
    for d in problem.dimensions:
        if d.name in best and not d.choices and not d.integer:
            step = (d.high - d.low) * 10.0 ** rng.uniform(-6, -1) * rng.standard_normal()
            point[d.name] = min(max(best[d.name] + step, d.low), d.high)
    return point


# --- problems ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("suite", "name"), PROBLEMS)
def test_the_best_known_point_of_a_problem_has_its_minimum(suite: str, name: str) -> None:
    problem = SUITES[suite].problems[name](3)
    assert problem.best is not None

    evaluation = problem.evaluate(problem.best, np.random.default_rng(0))

    assert evaluation.violation == 0
    assert evaluation.true == pytest.approx(problem.lowest, abs=1e-9 * problem.scale)


@pytest.mark.parametrize(("suite", "name"), PROBLEMS)
def test_no_feasible_point_is_better_than_the_minimum(suite: str, name: str) -> None:
    problem = SUITES[suite].problems[name](4)
    rng = np.random.default_rng(0)
    assert problem.best is not None
    points = [near(problem, problem.best, rng) for _ in range(60)]
    points += [problem.at(rng.random(len(problem.dimensions))) for _ in range(60)]

    evaluations = [problem.evaluate(point, rng) for point in points]

    feasible = [evaluation.true for evaluation in evaluations if evaluation.violation == 0]
    assert min(feasible, default=math.inf) >= problem.lowest - 1e-8 * problem.scale


def test_problems_and_seeds_for_tuning_are_never_reported() -> None:
    for suite in SUITES.values():
        assert suite.tuning
        assert not set(suite.tuning) & set(suite.reporting)


# --- wrappers ---------------------------------------------------------------------------------


def test_wrappers_compose_and_keep_the_minimum() -> None:
    problem = delayed(noisy(permuted(infeasible(shifted(sphere(), 1), 1, 0.4), 1), 0.1), 0.5)
    rng = np.random.default_rng(0)
    assert problem.best is not None

    at_best = problem.evaluate(problem.best, rng)
    others = [problem.evaluate(problem.at(rng.random(2)), rng) for _ in range(300)]

    assert at_best.true == pytest.approx(problem.lowest, abs=1e-12)
    assert at_best.objective != at_best.true
    crashed = sum(math.isnan(evaluation.objective) for evaluation in others)
    assert 30 < crashed < 150
    assert len({evaluation.duration for evaluation in others}) == 300


def test_a_shift_moves_the_minimum_to_a_place_that_depends_on_the_seed() -> None:
    places = [shifted(sphere(), seed).best for seed in range(3)]

    assert len({place["x0"] for place in places if place is not None}) == 3


def test_permuting_leaves_what_depends_behind_what_it_depends_on() -> None:
    dimensions = (
        Dimension("kind", choices=("a", "b", "c", "d")),
        *(Dimension(f"x{i}", condition=("kind", "a")) for i in range(4)),
    )
    problem = Problem(dimensions, sphere().evaluate, 0)

    permutations = [permuted(problem, seed).dimensions for seed in range(5)]

    assert {found[0].name for found in permutations} == {"kind"}
    assert len({found[0].choices for found in permutations}) > 1
    assert len({tuple(d.name for d in found) for found in permutations}) > 1


def test_gradients_are_reported_right_or_wrong_as_wanted() -> None:
    rng = np.random.default_rng(0)
    point = {"x0": 0.8, "x1": 0.3}

    def reported(wrong: Wrong | None) -> Mapping[str, float] | None:
        return differentiated(sphere(), wrong).evaluate(point, rng).gradient

    assert reported(None) == pytest.approx({"x0": 1.0, "x1": 0.0}, abs=1e-6)
    assert reported("sign") == pytest.approx({"x0": -1.0, "x1": 0.0}, abs=1e-6)
    assert reported("size") == pytest.approx({"x0": 10.0, "x1": 0.0}, abs=1e-5)
    anywhere = reported("direction")
    assert anywhere is not None
    assert math.hypot(*anywhere.values()) == pytest.approx(1)
    assert abs(anywhere["x1"]) > 0.01


# --- runs -------------------------------------------------------------------------------------


class Listed:
    """Ask for points of a list, and write down what happens."""

    def __init__(self, points: list[float]) -> None:
        self.points = points
        self.events: list[str] = []

    def ask(self) -> tuple[int, Params]:
        number = self.events.count("ask")
        self.events.append("ask")
        return number, {"x": self.points[number]}

    def tell(self, token: int, params: Params, evaluation: Evaluation) -> None:
        assert params == {"x": self.points[token]}
        self.events.append("tell")


def of_x(evaluate: Callable[[float], Evaluation]) -> Problem:
    return Problem((Dimension("x"),), lambda params, _: evaluate(params["x"]), 0.0)


def test_the_incumbent_is_chosen_by_what_was_told_and_judged_without_noise() -> None:
    problem = of_x(lambda x: Evaluation(objective=-x, true=x))

    done = run(lambda *_: Listed([0.2, 0.9, 0.5]), problem, seed=0, trials=3)

    assert done.trace == [(1, 0.2, 0), (2, 0.9, 0)]


def test_any_feasible_point_is_better_than_one_that_breaks_constraints_or_crashes() -> None:
    problem = of_x(lambda x: Evaluation(math.nan if x == 0.1 else x, x, (0.5 - x,)))

    done = run(lambda *_: Listed([0.1, 0.2, 0.4, 0.9]), problem, seed=0, trials=4)

    assert [(n, regret) for n, regret, _ in done.trace] == [(2, 0.2), (3, 0.4), (4, 0.9)]
    assert done.trace[-1][2] == 0


def test_with_several_workers_so_many_points_are_asked_for_before_the_first_result() -> None:
    solver = Listed([0.5] * 9)

    run(lambda *_: solver, of_x(lambda x: Evaluation(x, x)), seed=0, trials=9, workers=4)

    assert solver.events[:6] == ["ask"] * 4 + ["tell", "ask"]
    assert solver.events.count("ask") == solver.events.count("tell") == 9


# --- store and runner -------------------------------------------------------------------------


def result(problem: str = "camel", solver: str = "random", seed: int = 0, **more: Any) -> Result:
    return Result(
        Key("classical", problem, solver, "1", seed, more.get("budget", 40)),
        [(1, more.get("regret", 1.0), 0.0)],
        0.1,
    )


def test_a_line_that_a_crash_cut_off_is_no_result_and_harms_no_later_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    store.add(result(seed=0))
    store.path.write_bytes(store.path.read_bytes()[:-20])

    store.add(result(seed=1))

    assert [found.key.seed for found in store] == [1]
    assert next(iter(store)) == result(seed=1)


def test_what_was_killed_resumes_and_repeats_no_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    command = [sys.executable, "-m", "benchmarks.quality", "run", "--nice", "0"]
    command += ["--store", str(store.path), "--suites", "classical", "--seeds", "3"]
    command += ["--problems", "camel", "hartmann3", "--solvers", "random", "--label", "here"]

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()  # one run has ended
        first.kill()
    before = list(store)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)

    keys = [found.key for found in store]
    assert before
    assert list(store)[: len(before)] == before
    assert len(keys) == len(set(keys)) == 6
    assert {(key.problem, key.seed) for key in keys} == {
        (problem, seed) for problem in ("camel", "hartmann3") for seed in range(3)
    }


def test_a_solver_without_its_package_says_how_to_set_the_interpreter(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.quality", "run", "--solvers", "orion-tpe"]
    command += ["--store", str(tmp_path / "results.jsonl")]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 1
    assert "--peer-python orion=PATH" in done.stderr


# --- tables -----------------------------------------------------------------------------------


def test_solvers_are_compared_on_the_runs_that_all_of_them_did() -> None:
    results = [result(solver="tpe", seed=seed) for seed in (0, 1, 2)]
    results += [result(solver="random", seed=seed, regret=2.0) for seed in (1, 2, 3)]
    results += [result(solver="random", seed=1, regret=9.0, budget=100)]
    contestants = [Contestant.parse(text) for text in ("tpe", "random", "sobol")]

    found = standing("classical", "reporting", "medium", contestants, results)

    assert [contestant.solver for contestant in found.contestants] == ["tpe", "random"]
    assert found.runs == [("camel", 1), ("camel", 2)]
    assert found.values[:, 1] - found.values[:, 0] == pytest.approx(math.log10(2))


def test_the_better_solver_has_the_lower_rank_and_a_small_p() -> None:
    rng = np.random.default_rng(0)
    worse = rng.uniform(-3, -1, 30)
    values = np.column_stack([worse - 1, worse, worse])

    columns = compare(values)

    assert columns["rank"] == [1, 2.5, 2.5]
    assert columns["÷ first"] == pytest.approx([1, 10, 10])
    assert columns["first wins"][1:] == [1, 1]
    assert columns["p"][1] < 1e-4


def test_a_report_has_a_table_and_a_plot_for_each_suite(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    for solver, regret in (("tpe", 0.1), ("random", 1.0)):
        for seed in range(6):
            store.add(result(solver=solver, seed=seed, regret=regret))
    contestants = [Contestant.parse("tpe"), Contestant.parse("random")]

    standings = report.write(tmp_path, "classical", "reporting", contestants, list(store))

    text = (tmp_path / "classical.rst").read_text()
    assert [one.trials for one in standings] == ["10·d", "20·d"]
    assert text.startswith("classical, 10·d trials: 1 problems, 6 runs")
    assert report.overview(standings)[5].split() == ["tpe", "1.00", "1.00"]
    assert "camel,random," in (tmp_path / "classical.csv").read_text()
    assert "share of targets" in (tmp_path / "classical.html").read_text()


def test_the_examples_of_reports_are_true() -> None:
    assert doctest.testmod(report).failed == 0
