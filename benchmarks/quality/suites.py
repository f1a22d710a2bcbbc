"""The suites, and which part of each is for tuning and which for reporting.

Whoever tunes an algorithm looks at problems and seeds that no table is made of. Tuning has seeds
from 100 on and, in the suites of COCO, the odd functions (of the constrained ones, those with
one constraint) in instance 1. Reporting has seeds below 100 and the other functions, seed *s*
having instance 2 + *s*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks.quality import classical, engineering
from benchmarks.quality.coco import coco_problem
from benchmarks.quality.problem import Problem
from benchmarks.quality.tuning import REPORTING, TUNING, model_choice, tuning_problem

Make = Callable[[int], Problem]
"""Make a problem for a seed."""

FIRST_TUNING_SEED = 100
PARTS = ("tuning", "reporting")
BUDGETS = ("small", "medium", "large")


@dataclass(frozen=True)
class Suite:
    """Problems that are reported in one table.

    Parameters
    ----------
    tuning, reporting
        How to make the problems of each part, by name.
    budgets
        Numbers of trials after which results are compared: small, medium and large.
    each
        Whether they are numbers for each dimension. Default True.
    """

    tuning: Mapping[str, Make]
    reporting: Mapping[str, Make]
    budgets: tuple[int, int, int] = (10, 20, 50)
    each: bool = True

    @property
    def problems(self) -> dict[str, Make]:
        """The problems of both parts."""
        return {**self.tuning, **self.reporting}

    def part(self, name: str) -> Mapping[str, Make]:
        """Return the problems of a part."""
        return {"tuning": self.tuning, "reporting": self.reporting}[name]

    def trials(self, problem: str) -> list[int]:
        """Return the budgets of a problem."""
        size = len(self.problems[problem](0).dimensions) if self.each else 1
        return [budget * size for budget in self.budgets]


def _coco(
    suite: str,
    dimensions: int,
    tuning: Iterable[int] = range(1, 25, 2),
    reporting: Iterable[int] = range(2, 25, 2),
) -> Suite:
    def make(function: int, seed: int) -> Problem:
        instance = 1 if seed >= FIRST_TUNING_SEED else 2 + seed
        return coco_problem(suite, function, dimensions, instance)

    def of(functions: Iterable[int]) -> dict[str, Make]:
        return {f"f{number:02} {dimensions}d": partial(make, number) for number in functions}

    return Suite(of(tuning), of(reporting))


_constrained = partial(
    _coco,
    "bbob-constrained",
    tuning=range(1, 55, 6),  # one constraint
    reporting=(2, 14, 20, 32, 38, 50),  # three constraints
)


def _always(make: Callable[..., Problem], *arguments: str) -> Make:
    """Return how to make a problem that is the same for every seed."""
    return lambda _seed: make(*arguments)


_designs = {name: _always(engineering.PROBLEMS.__getitem__, name) for name in engineering.PROBLEMS}

SUITES: Mapping[str, Suite] = {
    "classical": Suite(classical.TUNING, classical.REPORTING),
    "bbob-2": _coco("bbob", 2),
    "bbob-5": _coco("bbob", 5),
    "bbob-10": _coco("bbob", 10),
    "mixint-5": _coco("bbob-mixint", 5),
    "constrained-2": _constrained(2),
    "constrained-5": _constrained(5),
    "engineering": Suite(
        {"cantilever": _designs.pop("cantilever")}, _designs, (50, 100, 200), each=False
    ),
    "scikit-learn": Suite(
        {name: _always(tuning_problem, name) for name in TUNING},
        {
            **{name: _always(tuning_problem, name) for name in REPORTING},
            "model choice digits": _always(model_choice, "digits", "svm", "forest", "neighbours"),
        },
        (25, 50, 100),
        each=False,
    ),
}
