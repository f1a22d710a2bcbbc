"""Run solvers on suites of problems, and write tables and plots of the results.

    python -m benchmarks.quality run --suites bbob-2 --solvers tpe optuna-tpe --seeds 15 \\
        --peer-python optuna=/path/to/bin/python
    python -m benchmarks.quality report --output report/

In reports a solver may be NAME/WORKERS@VERSION; the first one is what others are compared with.

Solvers are algorithms of this package by name, and those of others: optuna-tpe, optuna-gp,
optuna-cmaes, optuna-random, optuna-nsga2, nevergrad-ngopt, hyperopt-tpe, orion-tpe. Others need
an interpreter with their package, numpy and coco-experiment. What the store has is not run again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.quality.report import Contestant, Standing, comparison, overview, write
from benchmarks.quality.runner import Plan, execute, pairs
from benchmarks.quality.store import Store
from benchmarks.quality.suites import BUDGETS, FIRST_TUNING_SEED, PARTS, SUITES

STORE = Path("quality.jsonl")


def main() -> None:
    options = parser().parse_args()
    options.command(options)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True)
    run = commands.add_parser("run", help="run what the store lacks")
    run.set_defaults(command=run_missing)
    _common(run)
    run.add_argument("--store", type=Path, default=STORE)
    run.add_argument("--seeds", type=int, default=15, help="number of seeds")
    run.add_argument("--budget", choices=BUDGETS, default="medium")
    run.add_argument("--problems", nargs="*", default=[], help="only these")
    run.add_argument("--workers", type=int, default=1, help="simulated workers")
    run.add_argument("--processes", type=int, default=1)
    run.add_argument("--nice", type=int, default=10, help="lower the priority by so much")
    run.add_argument("--seconds", type=float, default=600, help="how long a run may take")
    run.add_argument("--label", help="version recorded for ours; default a digest of the code")
    run.add_argument("--most-trials", nargs="*", default=[], metavar="SOLVER=N")
    run.add_argument("--peer-python", nargs="*", default=[], metavar="PACKAGE=PATH")
    report = commands.add_parser("report", help="write a table and a plot for each suite")
    report.set_defaults(command=report_results)
    _common(report)
    report.add_argument("--store", type=Path, nargs="+", default=[STORE])
    report.add_argument("--output", type=Path, default=Path("report"), help="folder")
    return made


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--suites", nargs="*", default=list(SUITES), choices=list(SUITES))
    command.add_argument("--solvers", nargs="*", default=["tpe", "random"])
    command.add_argument("--part", choices=PARTS, default="reporting")


def run_missing(options: argparse.Namespace) -> None:
    os.nice(options.nice)
    first = FIRST_TUNING_SEED if options.part == "tuning" else 0
    plan = Plan(
        options.suites,
        options.solvers,
        options.part,
        range(first, first + options.seeds),
        options.budget,
        options.workers,
        {name: int(number) for name, number in pairs(options.most_trials)},
        options.problems,
    )
    pythons = dict(pairs(options.peer_python))
    store = Store(options.store)
    failures = execute(plan, store, pythons, options.processes, options.seconds, options.label)
    if failures:
        raise SystemExit(f"{len(failures)} runs failed; the first:\n{failures[0]}")


def report_results(options: argparse.Namespace) -> None:
    results = [result for path in options.store for result in Store(path)]
    contestants = [Contestant.parse(text) for text in options.solvers]
    standings: list[Standing] = []
    for suite in options.suites:
        standings += write(options.output, suite, options.part, contestants, results)
    lines = [line for one in standings for line in comparison(one)]
    ranks = overview(standings)
    print("\n".join([*lines, *ranks]))
    if ranks:
        (options.output / "overview.rst").write_text("\n".join(ranks))


if __name__ == "__main__":
    main()
