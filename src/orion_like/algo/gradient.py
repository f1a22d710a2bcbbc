"""Reported gradients, from the user's units to the encoded space.

A column of the encoding is the quantile u of a value v under its prior, so that by the chain
rule ∂f/∂u = ∂f/∂v · dv/du, and dv/du is one over the density of the prior at v. For values on
a grid, integers among them, the density is that of the cell of the value.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.problem import Problem
from orion_like.errors import InvalidResult, SpaceError
from orion_like.space import Dimension, Space
from orion_like.space.numeric import Numeric
from orion_like.trial import Result, Trial, is_number

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Gradients:
    """The gradients of a trial, one number per column of the encoding, NaN where not reported.

    Parameters
    ----------
    objectives
        One row per declared objective, with the sign that makes it one to be minimized.
    constraints
        A row by the name of each constraint that has a gradient.
    """

    objectives: Floats
    constraints: Mapping[str, Floats] = field(default_factory=dict)


class GradientReader:
    """Reads the gradients of trials, and says once per kind of mistake what it ignores.

    A gradient belongs to the objective or constraint that has its name. With a single
    objective, the first one of any other name belongs to that.

    Parameters
    ----------
    problem
        The space, objectives and constraints.
    categories
        ``index`` or ``onehot``, as in the encoding that is used. Default ``'index'``.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> from orion_like.testing.algorithms import make_trial
    >>> problem = Problem(build_space({"lr": "loguniform(1e-4, 1)", "x": "uniform(0, 2)"}))
    >>> gradient = {"name": "gradient", "type": "gradient", "value": {"lr": 10.0, "x": 3.0}}
    >>> trial = make_trial(problem.space, {"lr": 0.01, "x": 1.0}, 0, "completed", [gradient])
    >>> GradientReader(problem).read(trial).objectives.round(3)
    array([[0.921, 6.   ]])
    """

    def __init__(self, problem: Problem, categories: Literal["index", "onehot"] = "index") -> None:
        self._problem = problem
        encoding = problem.space.encoding(categories)
        self._width = encoding.width
        self._starts: dict[str, int] = {}
        for start, column in enumerate(encoding.columns):
            self._starts.setdefault(column.name, start)
        self._told: set[str] = set()

    def read(self, trial: Trial) -> Gradients | None:
        """Return the gradients of a trial, or None if it has none that can be used."""
        reported = [result for result in trial.results if result.type == "gradient"]
        if not reported:
            return None
        objectives = np.full((len(self._problem.objectives), self._width), np.nan)
        constraints: dict[str, Floats] = {}
        values = trial.flat_params
        for target, result in self._assigned(reported, trial):
            row = self._row(result, values)
            if row is None:
                continue
            if isinstance(target, int):
                objectives[target] = self._problem.objectives[target].sign * row
            else:
                constraints[target] = row
        if not constraints and np.isnan(objectives).all():
            return None
        return Gradients(objectives, constraints)

    def _assigned(self, reported: list[Result], trial: Trial) -> Iterator[tuple[int | str, Result]]:
        """Yield the place of an objective, or the name of a constraint, with its gradient."""
        objectives = {objective.name: i for i, objective in enumerate(self._problem.objectives)}
        constraints = {constraint.name for constraint in self._problem.constraints}
        constraints.update(str(result.name) for result in trial.constraints)
        left = []
        given: set[int | str] = set()
        for result in reported:
            name = str(result.name)
            target = objectives.get(name, name if name in constraints else None)
            if target is None or target in given:
                left.append(result)
            else:
                given.add(target)
                yield target, result
        if left and len(objectives) == 1 and 0 not in given:
            yield 0, left.pop(0)
        if left:
            self._tell(
                "name",
                f"gradient {left[0].name!r} is ignored: an objective or constraint has one "
                f"gradient, of its own name ({', '.join([*objectives, *sorted(constraints)])})",
            )

    def _row(self, result: Result, params: Mapping[str, Any]) -> Floats | None:
        try:
            partials = partial_derivatives(result.value, self._problem.space, params)
        except InvalidResult as error:
            self._tell("form", f"gradient {result.name!r} is ignored: {error}")
            return None
        row = np.full(self._width, np.nan)
        for name, derivatives in partials.items():
            dimension = self._problem.space[name]
            if isinstance(dimension, Numeric) and name in params:
                start = self._starts[name]
                chained = self._chained(dimension, derivatives, params[name])
                row[start : start + len(chained)] = chained
        return row

    def _chained(self, dimension: Numeric, derivatives: list[float | None], value: Any) -> Floats:
        """Return derivatives by the places in the unit interval, NaN where there are none."""
        if not all(d is None or math.isfinite(d) for d in derivatives):
            self._tell(
                "value",
                f"derivatives by {dimension.name!r} that are not finite are ignored: {derivatives}",
            )
        known = np.array([math.nan if d is None else d for d in derivatives])
        values = np.array(dimension.flatten(value), dtype=float)
        # At the ends of a prior, the density may be zero or infinite.
        with np.errstate(all="ignore"):
            chained: Floats = known / dimension.density(values)
        return np.where(np.isfinite(chained), chained, np.nan)

    def _tell(self, kind: str, message: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            logger.warning("%s", message)


def partial_derivatives(
    value: Any, space: Space, params: Container[str] | None = None
) -> dict[str, list[float | None]]:
    """Return the partial derivatives that a gradient holds, one per element of a dimension.

    Parameters
    ----------
    value
        ``{dimension: derivative}``, flat or nested, or a list of the derivatives by the real
        dimensions in order of their names. Those by array dimensions are lists. None is what
        is not known.
    space
        The search space.
    params
        Names of the active dimensions, which alone may be in a list. If None, lists are not
        checked in spaces with conditions. Default None.

    Raises
    ------
    InvalidResult
        If a name is unknown, a dimension has no derivatives, or a length is wrong.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> space = build_space({"/lr": "loguniform(1e-4, 1)", "w": "uniform(0, 1, shape=2)"})
    >>> partial_derivatives({"lr": 3.0, "w": [1.0, None]}, space)
    {'/lr': [3.0], 'w': [1.0, None]}
    >>> partial_derivatives([3.0, [1.0, 2.0]], space)
    {'/lr': [3.0], 'w': [1.0, 2.0]}
    >>> partial_derivatives({"wd": 3.0}, space)
    Traceback (most recent call last):
    ...
    orion_like.errors.InvalidResult: there is no dimension 'wd' (did you mean 'w'?)
    """
    if isinstance(value, Mapping):
        try:
            by_name = space.flatten(value)
        except SpaceError as error:
            raise InvalidResult(str(error).removeprefix("space: ")) from None
    elif not isinstance(value, (list, tuple)):
        raise InvalidResult(f"it must be {{dimension: derivative}} or a list, not {value!r}")
    elif params is None and space.is_conditional:
        return {}
    else:
        by_name = _by_name(value, space, params)
    return {name: _elements(item, space[name]) for name, item in by_name.items()}


def _by_name(value: Sequence[Any], space: Space, params: Container[str] | None) -> dict[str, Any]:
    """Give the items of a list to the real dimensions, all of them or the active ones."""
    every = [dimension for dimension in space.values() if dimension.type == "real"]
    active = [dimension for dimension in every if params is None or dimension.name in params]
    for dimensions in (active, every):
        names = [dimension.name for dimension in dimensions]
        if len(value) == len(names):
            return dict(zip(names, value, strict=True))
        sizes = [dimension.size for dimension in dimensions]
        if len(value) == sum(sizes):
            ends = np.cumsum(sizes).tolist()
            parts = [value[end - size : end] for size, end in zip(sizes, ends, strict=True)]
            return dict(zip(names, parts, strict=True))
    raise InvalidResult(
        f"a list has one derivative for each real dimension ({', '.join(d.name for d in every)}), "
        f"not {len(value)}; name the dimensions if some are left out: {{dimension: derivative}}"
    )


def _elements(item: Any, dimension: Dimension) -> list[float | None]:
    if item is None:
        return [None] * dimension.size
    if dimension.type == "categorical":
        raise InvalidResult(f"{dimension.name!r} is categorical, which has no derivative")
    elements = list(_numbers(item))
    if len(elements) != dimension.size:
        raise InvalidResult(
            f"{dimension.name!r} has {dimension.size} derivative(s), not {len(elements)}"
        )
    return elements


def _numbers(item: Any) -> Iterator[float | None]:
    if isinstance(item, (list, tuple)):
        for part in item:
            yield from _numbers(part)
    elif item is None or is_number(item):
        try:
            yield None if item is None else float(item)
        except OverflowError:  # an integer beyond the floats
            yield math.inf
    else:
        raise InvalidResult(f"a derivative must be a number, not {item!r}")
