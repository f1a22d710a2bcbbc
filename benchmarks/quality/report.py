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

LEAST_SHARE = 0.08
"""Solvers that did less of the runs than this share of the most are left out of a table."""

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


@dataclass(frozen=True)
class Standing:
    """The scores of solvers on a suite at one of its budgets.

    Parameters
    ----------
    suite, budget
        Their names.
    contestants
        Those that have enough results.
    runs
        Problem and seed of the runs that all of them did.
    values
        Scores, shape ``(runs, contestants)``.
    """

    suite: str
    budget: str
    contestants: list[Contestant]
    runs: list[tuple[str, int]]
    values: Any

    @property
    def problems(self) -> list[str]:
        return sorted({problem for problem, _ in self.runs})

    @property
    def trials(self) -> str:
        """The number of trials, as text."""
        suite = SUITES[self.suite]
        return f"{suite.budgets[BUDGETS.index(self.budget)]}{'·d' if suite.each else ''}"


def standing(
    suite: str, part: str, budget: str, contestants: Sequence[Contestant], results: list[Result]
) -> Standing:
    """Return how solvers stand on a suite.

    Of several runs with different budgets, the one with the smallest budget that suffices counts.
    """
    problems = SUITES[suite].part(part)
    trials = {name: SUITES[suite].trials(name)[BUDGETS.index(budget)] for name in problems}
    tables: dict[Contestant, dict[tuple[str, int], tuple[int, float]]] = {}
    for contestant in contestants:
        table: dict[tuple[str, int], tuple[int, float]] = {}
        for result in contestant.results(results):
            run, spent = (result.key.problem, result.key.seed), result.key.budget
            if result.key.suite == suite and spent >= trials.get(run[0], math.inf):
                found = (spent, score(result, trials[run[0]]))
                table[run] = min(table.get(run, found), found)
        tables[contestant] = table
    most = max(map(len, tables.values()), default=0)
    tables = {who: table for who, table in tables.items() if len(table) > LEAST_SHARE * most}
    runs = sorted(set.intersection(*map(set, tables.values()))) if tables else []
    values = np.array([[table[run][1] for table in tables.values()] for run in runs])
    return Standing(suite, budget, list(tables), runs, values.reshape(len(runs), len(tables)))


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


def cell(value: float, kind: str) -> str:
    """Return the text of a number in a column."""
    if math.isnan(value):
        return ""
    if kind == "median regret" and value >= 10**INFEASIBLE:
        return "infeasible"
    return format(value, FORMATS[kind])


def comparison(standing: Standing) -> list[str]:
    """Return a heading, and a table that compares the solvers with the first one."""
    heading = (
        f"{standing.suite}, {standing.trials} trials: {len(standing.problems)} problems, "
        f"{len(standing.runs)} runs, Friedman p = {friedman(standing.values):.2g}"
    )
    columns = compare(standing.values)
    rows = [
        [contestant.text, *(cell(column[i], name) for name, column in columns.items())]
        for i, contestant in enumerate(standing.contestants)
    ]
    return [heading, "", *table(["solver", *columns], rows), ""]


def medians(standing: Standing) -> list[list[str]]:
    """Return a row for each problem and solver, with the median regret."""
    rows = []
    for problem in standing.problems:
        own = standing.values[[run[0] == problem for run in standing.runs]]
        for contestant, value in zip(standing.contestants, np.median(own, axis=0), strict=True):
            text = cell(10**value, "median regret")
            rows.append([standing.suite, standing.trials, problem, contestant.text, text])
    return rows


def overview(standings: Sequence[Standing]) -> list[str]:
    """Return tables of the average rank of each solver in each suite, one for each budget."""
    lines: list[str] = []
    for budget in BUDGETS:
        suites = [standing for standing in standings if standing.budget == budget]
        ranks: dict[str, dict[str, float]] = {}
        for standing in suites:
            for who, rank in zip(
                standing.contestants, compare(standing.values)["rank"], strict=True
            ):
                ranks.setdefault(who.text, {})[standing.suite] = rank
        complete = {who: own for who, own in ranks.items() if len(own) == len(suites)}
        rows = [
            [
                who,
                *(f"{own[s.suite]:.2f}" if s.suite in own else "" for s in suites),
                f"{np.mean(list(own.values())):.2f}" if who in complete else "",
            ]
            for who, own in ranks.items()
        ]
        if rows:
            heading = f"Average ranks with the {budget} budgets"
            lines += [heading, "", *table(["solver", *(s.suite for s in suites), "mean"], rows), ""]
    return lines


def plot(suite: str, part: str, contestants: Sequence[Contestant], results: list[Result]) -> Any:
    """Return a figure of the share of targets reached after each number of trials."""
    import plotly.graph_objects as go

    figure = go.Figure()
    most = SUITES[suite].budgets[-1]
    at = np.unique(np.geomspace(1, most, 40))
    sizes = {name: SUITES[suite].trials(name)[-1] / most for name in SUITES[suite].part(part)}
    for contestant in contestants:
        own = contestant.results(results)
        curve = []
        for budget in at:
            reached = []
            for result in own:
                size = sizes.get(result.key.problem, math.inf)
                if result.key.suite == suite and result.key.budget >= budget * size:
                    reached.append((score(result, int(budget * size)) <= TARGETS + 1e-9).mean())
            curve.append(float(np.mean(reached)) if reached else None)
        figure.add_scatter(x=at, y=curve, name=contestant.text, mode="lines")
    unit = "trials for each dimension" if SUITES[suite].each else "trials"
    figure.update_layout(title=suite, xaxis_title=unit, yaxis_title="share of targets reached")
    figure.update_xaxes(type="log")
    return figure


def write(
    folder: Path, suite: str, part: str, contestants: Sequence[Contestant], results: list[Result]
) -> list[Standing]:
    """Write the tables and the plot of a suite, and return what they show."""
    found = [standing(suite, part, budget, contestants, results) for budget in BUDGETS]
    found = [one for one in found if len(one.contestants) > 1 and len(one.runs) > 1]
    if found:
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for one in found for line in comparison(one)]
        (folder / f"{suite}.rst").write_text("\n".join(lines))
        with (folder / f"{suite}.csv").open("w", newline="") as file:
            header = ["suite", "trials", "problem", "solver", "median regret ÷ scale"]
            csv.writer(file).writerows([header, *(row for one in found for row in medians(one))])
        figure = plot(suite, part, contestants, results)
        figure.write_html(folder / f"{suite}.html", include_plotlyjs="directory")
    return found
