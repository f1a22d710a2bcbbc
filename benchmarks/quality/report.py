"""Tables and plots of the results in a store.

Solvers are compared run by run: a run is a problem with a seed that all of them have done. Its
score is the regret of the incumbent in units of the problem's scale, 100 in the suites of COCO,
or that of a random point. Differences below 1e-6 are of no interest, and incumbents that break
constraints come after all others, by how much they do.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.store import Result
from benchmarks.quality.suites import BUDGETS, SUITES

SMALLEST = 1e-6
INFEASIBLE = 6.0
"""Score, as a power of ten, from which on incumbents are infeasible."""

TARGETS = np.linspace(0, math.log10(SMALLEST), 25)
"""Scores that a solver is to reach; for the suites of COCO, regrets from 100 to 1e-4."""


@dataclass(frozen=True)
class Contestant:
    """A solver in a table, written ``NAME[/WORKERS][@VERSION]``.

    Parameters
    ----------
    text
        As it was written.
    solver, workers, version
        Its parts; without version the last one in the store counts.
    """

    text: str
    solver: str
    workers: int
    version: str | None

    @classmethod
    def parse(cls, text: str) -> Contestant:
        """Read the text.

        Examples
        --------
        >>> Contestant.parse("tpe/16@wider").workers
        16
        """
        name, _, version = text.partition("@")
        solver, _, workers = name.partition("/")
        return cls(text, solver, int(workers or 1), version or None)

    def results(self, results: Iterable[Result]) -> list[Result]:
        """Return the results of the solver."""
        own = [
            result
            for result in results
            if (result.key.solver, result.key.workers) == (self.solver, self.workers)
        ]
        if not own:
            return []
        version = self.version or own[-1].key.version
        return [result for result in own if result.key.version == version]


@cache
def scale(suite: str, problem: str) -> float:
    """Return the scale of a problem."""
    return SUITES[suite].problems[problem](0).scale


def score(result: Result, trials: int) -> float:
    """Return the decimal logarithm of the score after a number of trials."""
    violation, regret = result.at(trials)
    if violation > 0:
        return INFEASIBLE + math.log10(1 + min(violation, 1e12))
    usual = scale(result.key.suite, result.key.problem)
    return min(math.log10(max(regret / usual, SMALLEST)), INFEASIBLE)


def scores(
    suite: str, part: str, budget: str, contestants: Sequence[Contestant], results: list[Result]
) -> tuple[list[Contestant], list[tuple[str, int]], Any]:
    """Return who has results at a budget, the runs that all of them did, and the scores.

    The scores have a row for each run and a column for each contestant. Of several runs with
    different budgets, the one with the smallest budget that suffices counts.
    """
    problems = SUITES[suite].part(part)
    trials = {name: SUITES[suite].trials(name)[BUDGETS.index(budget)] for name in problems}
    tables: dict[Contestant, dict[tuple[str, int], tuple[int, float]]] = {}
    for contestant in contestants:
        table: dict[tuple[str, int], tuple[int, float]] = {}
        for result in contestant.results(results):
            run, spent = (result.key.problem, result.key.seed), result.key.budget
            if run[0] in trials and spent >= trials[run[0]]:
                found = (spent, score(result, trials[run[0]]))
                table[run] = min(table.get(run, found), found)
        if table:
            tables[contestant] = table
    if not tables:
        return [], [], np.empty((0, 0))
    runs = sorted(set.intersection(*(set(table) for table in tables.values())))
    values = [[table[run][1] for table in tables.values()] for run in runs]
    return list(tables), runs, np.array(values).reshape(len(runs), len(tables))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, largest = list(p_values), 0.0
    for place, index in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - place)))
        corrected[index] = largest
    return corrected


def compare(values: Any) -> dict[str, list[float]]:
    """Return columns that compare contestants, the first one being the reference.

    Parameters
    ----------
    values
        Scores, shape ``(runs, contestants)``.
    """
    from scipy.stats import rankdata, wilcoxon

    differences = values - values[:, :1]
    tests = [
        float(wilcoxon(column).pvalue) if np.any(column) else 1.0 for column in differences.T[1:]
    ]
    return {
        "rank": list(rankdata(values.round(9), axis=1).mean(axis=0)),
        "median regret": list(10 ** np.median(values, axis=0)),
        "targets": list((values[:, :, None] <= TARGETS + 1e-9).mean(axis=(0, 2))),
        "÷ first": list(10 ** np.minimum(differences, INFEASIBLE).mean(axis=0)),
        "first wins": [math.nan, *(differences[:, 1:] > 1e-9).mean(axis=0)],
        "first loses": [math.nan, *(differences[:, 1:] < -1e-9).mean(axis=0)],
        "p": [math.nan, *holm(tests)],
    }


def friedman(values: Any) -> float:
    """Return the p-value of all contestants being alike."""
    from scipy.stats import friedmanchisquare

    if values.shape[1] < 3 or len(values) < 2:
        return math.nan
    return float(friedmanchisquare(*values.T).pvalue)


FORMATS = {
    "rank": ".2f",
    "median regret": ".2g",
    "targets": ".3f",
    "÷ first": ".3g",
    "first wins": ".2f",
    "first loses": ".2f",
    "p": ".2g",
}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table of reStructuredText."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    edge = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return [edge, lines[0], edge, *lines[1:], edge]


def report(
    suite: str, part: str, contestants: Sequence[Contestant], results: list[Result]
) -> tuple[list[str], list[list[str]]]:
    """Return the text of a suite's tables, and the rows of medians by problem."""
    lines: list[str] = []
    medians: list[list[str]] = []
    for budget in BUDGETS:
        who, runs, values = scores(suite, part, budget, contestants, results)
        if len(who) < 2 or len(runs) < 2:
            continue
        size = SUITES[suite].budgets[BUDGETS.index(budget)]
        unit = "·d trials" if SUITES[suite].each else " trials"
        problems = sorted({problem for problem, _ in runs})
        lines += [
            f"{suite}, {size}{unit}: {len(problems)} problems, {len(runs)} runs, "
            f"Friedman p = {friedman(values):.2g}",
            "",
        ]
        columns = compare(values)
        rows = [
            [
                contestant.text,
                *(
                    "" if math.isnan(column[i]) else format(column[i], FORMATS[name])
                    for name, column in columns.items()
                ),
            ]
            for i, contestant in enumerate(who)
        ]
        lines += [*table(["solver", *columns], rows), ""]
        for problem in problems:
            of_problem = values[[run[0] == problem for run in runs]]
            for contestant, median in zip(who, np.median(of_problem, axis=0), strict=True):
                medians.append([suite, str(size), problem, contestant.text, f"{10**median:.4g}"])
    return lines, medians


def plot(suite: str, part: str, contestants: Sequence[Contestant], results: list[Result]) -> Any:
    """Return a figure of the share of targets reached after each number of trials."""
    import plotly.graph_objects as go

    figure = go.Figure()
    most = SUITES[suite].budgets[-1]
    at = np.unique(np.geomspace(1, most, 40))
    for contestant in contestants:
        own = contestant.results(results)
        curve = []
        for budget in at:
            reached = []
            for result in own:
                size = SUITES[suite].trials(result.key.problem)[-1] / most
                if result.key.problem in SUITES[suite].part(part) and (
                    result.key.budget >= budget * size
                ):
                    reached.append((score(result, int(budget * size)) <= TARGETS + 1e-9).mean())
            curve.append(float(np.mean(reached)) if reached else None)
        figure.add_scatter(x=at, y=curve, name=contestant.text, mode="lines")
    unit = "trials for each dimension" if SUITES[suite].each else "trials"
    figure.update_layout(title=suite, xaxis_title=unit, yaxis_title="share of targets reached")
    figure.update_xaxes(type="log")
    return figure


def write(
    folder: Path, suite: str, part: str, contestants: Sequence[Contestant], results: list[Result]
) -> list[str]:
    """Write the tables and the plot of a suite, and return the text of the tables."""
    own = [result for result in results if result.key.suite == suite]
    lines, medians = report(suite, part, contestants, own)
    if lines:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{suite}.rst").write_text("\n".join(lines))
        with (folder / f"{suite}.csv").open("w", newline="") as file:
            header = ["suite", "budget", "problem", "solver", "median regret ÷ scale"]
            csv.writer(file).writerows([header, *medians])
        figure = plot(suite, part, contestants, own)
        figure.write_html(folder / f"{suite}.html", include_plotlyjs="directory")
    return lines
