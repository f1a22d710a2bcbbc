"""Multi-start quasi-Newton search on reported gradients, within bounds.

R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, A limited memory algorithm for bound constrained
optimization, SIAM Journal on Scientific Computing 16 (1995): steps minimize, within bounds, a
quadratic model made of the latest differences of gradients. A trust region takes the place of
the line search (J. Nocedal and S. J. Wright, Numerical Optimization, 2nd edition (2006),
chapters 4 and 18), since it can be told from the trials alone, see
:mod:`orion_like.algo.local_search`.

Where no gradients are reported, or they contradict the objective, the model is a regression on
the trials around, as in derivative-free optimization.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Requirements, Suggestion, positive_integer
from orion_like.algo.gradient import GradientReader
from orion_like.algo.local_search import (
    NEAR,
    TOLERANCE,
    Geometry,
    Point,
    Search,
    Searches,
    advance,
    by_promise,
    is_learning,
    owner,
    same,
    unknown,
)
from orion_like.algo.outcome import Kind, judge
from orion_like.algo.problem import OutcomeConstraint, Problem
from orion_like.algo.sequence import point_key
from orion_like.algo.sobol import Sobol
from orion_like.algo.trust_region import minimum, quasi_newton, regression
from orion_like.space.categorical import Categorical
from orion_like.space.numeric import Numeric
from orion_like.trial import Trial

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Key = tuple[int, str]

FEW_LEVELS = 16
"""Values of a grid up to which a column is searched value by value."""

MEMORY = 20
"""Differences of gradients in a model, the latest ones."""

FIRST_STEP = 0.1
"""Largest coordinate of the first step of a search."""

SMALLEST_RADIUS = 1e-6
"""Trust region of a search that has converged."""

SAME_MINIMUM = 0.02
"""Distance in every column at which the worse one of two searches ends."""

MAX_PENDING = 3
"""Running steps of a search, unless it is learning slopes."""

MIN_RATIOS = 5
"""Steps after which gradients can be told to be multiples of what they should be."""

APART = 0.3
"""Distance of a step from running ones, as a share of its length; else it has another length."""

MAX_HALVINGS = 8
"""Times that a step is halved until it is new and keeps the input constraints."""

MAX_NEIGHBOURS = 20
"""Neighbouring values that are looked at for one that is new."""

DISCRETE_SHARE = 0.25
"""Share of the steps that change a category or a neighbouring value instead."""


class LBFGS(Algorithm):
    """Descend from several starts by quasi-Newton steps; from the best one first.

    Parameters
    ----------
    problem
        The space, seed, objective and constraints.
    n_starts
        Points of a Sobol' sequence that are evaluated before the first step. Default 2.

    Raises
    ------
    AlgorithmError
        If `n_starts` is not a positive integer.
    """

    name = "lbfgs"
    uses_gradients = True
    requires = Requirements(max_objectives=1)

    def __init__(self, problem: Problem, n_starts: int = 2) -> None:
        super().__init__(problem)
        self.n_starts = positive_integer(self.name, "n_starts", n_starts)
        self._sobol = Sobol(problem)
        self._encoding = problem.space.encoding()
        self._reader = GradientReader(problem)
        self._fidelity = problem.space.fidelity
        columns = self._encoding.columns
        levels = [1 if c.kind == "category" else c.levels for c in columns]
        smooth = np.array([n is None or n >= FEW_LEVELS for n in levels], dtype=bool)
        cells = np.array([0.0 if n is None else 1.0 / n for n in levels])
        self._geometry = Geometry(smooth, cells[smooth])
        self._is_discrete = np.array([c.levels is not None for c in columns], dtype=bool)
        self._points: dict[str, Point] = {}
        self._pending: dict[str, tuple[int, dict[str, Any]]] = {}
        self._order: list[Key] = []
        self._states = [Searches()]  # before each trial of the order, as far as replayed
        self._taken: set[str] = set()
        self._has_warned = False

    # --- trials

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        for trial in trials:
            params = trial.flat_params
            if self._fidelity is None or params.get(self._fidelity.name) == self._fidelity.high:
                self._observe(trial, params)

    def _observe(self, trial: Trial, params: dict[str, Any]) -> None:
        number = -1 if trial.number is None else trial.number
        self._taken.add(point_key(params))
        self._sobol.observe([trial])
        self._pending.pop(trial.id, None)
        before = self._points.pop(trial.id, None)
        if before is not None:
            self._forget(before)
        point = self._judged(trial, number, params)
        if point is None:
            self._pending[trial.id] = (number, params)
            return
        self._points[trial.id] = point
        insort(self._order, (number, trial.id))
        self._rewind((number, trial.id))

    def _judged(self, trial: Trial, number: int, params: dict[str, Any]) -> Point | None:
        outcome = judge(trial, self.problem)
        if outcome is None:
            return None
        missing = np.full(self._encoding.width, np.nan)
        found = None if outcome.kind is Kind.FAILED else self._reader.read(trial)
        slopes = missing, missing
        if found is not None:
            slopes = found.objectives[0], self._violation_slope(trial, found.constraints, missing)
        return Point(number, trial.id, self._encoding.encode(params), outcome, slopes)

    def _violation_slope(
        self, trial: Trial, gradients: Mapping[str, Floats], missing: Floats
    ) -> Floats:
        """Return the gradient of the sum of violations."""
        declared = {constraint.name: constraint for constraint in self.problem.constraints}
        slope = np.zeros(len(missing))
        for result in trial.constraints:
            name = str(result.name)
            constraint = declared.get(name, OutcomeConstraint(name, lower=0.0))
            if constraint.violation(result.value) > 0:
                is_below = constraint.lower is not None and result.value < constraint.lower
                slope += (-1.0 if is_below else 1.0) * gradients.get(name, missing)
        return slope

    def _forget(self, point: Point) -> None:
        key = (point.number, point.id)
        del self._order[bisect_left(self._order, key)]
        self._rewind(key)

    def _rewind(self, key: Key) -> None:
        del self._states[bisect_left(self._order, key) + 1 :]

    def _replayed(self) -> Searches:
        """Return the local searches after all trials."""
        for number, id_ in self._order[len(self._states) - 1 :]:
            point = self._points[id_]
            is_start = number >= 0 and self._is_start(number, point.vector)
            self._states.append(advance(self._states[-1], point, is_start, self._geometry))
        return self._states[-1]

    def _is_start(self, number: int, vector: Floats) -> bool:
        start = self._sobol.point(number)
        return start is not None and bool(same(self._encoding.encode(start), vector).all())

    # --- suggestions

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the next step of the best search that is not waiting for one, or a new start."""
        searches = self._replayed()
        self._warn(searches)
        running, n_starting = self._running(searches)
        if searches.n_started + n_starting >= self.n_starts:
            for index in self._going_on(searches):
                params = self._step(searches, searches.active[index], running[index], rng)
                if params is not None:
                    return params
        start = self._sobol.suggest(self.problem.stream(number), number)
        if isinstance(start, dict) and point_key(start) in self._taken:
            return self._sobol.suggest(rng, number)
        return start

    def _warn(self, searches: Searches) -> None:
        """Say once that the gradients are not those of the objective."""
        n, factor = len(searches.ratios), searches.factor
        is_scaled = n >= MIN_RATIOS and not 1 / TOLERANCE <= factor <= TOLERANCE
        if self._has_warned or (searches.trust and not is_scaled):
            return
        self._has_warned = True
        logger.warning(
            "the reported gradients contradict the objective, which changed %.3g times as much as "
            "they say (median of %d steps); %s",
            factor,
            n,
            "what counts is their direction" if searches.trust else "they are ignored",
        )

    def _running(self, searches: Searches) -> tuple[list[list[Floats]], int]:
        """Return the pending points of each search, and how many new starts are pending."""
        running: list[list[Floats]] = [[] for _ in searches.active]
        n_starting = 0
        latest = sorted((number, id_) for id_, (number, _) in self._pending.items())[-256:]
        for number, id_ in latest:
            vector = self._encoding.encode(self._pending[id_][1])
            is_start = number >= 0 and self._is_start(number, vector)
            index = None if is_start else owner(searches.active, vector, self._geometry)
            if index is None:
                n_starting += 1
            else:
                running[index].append(vector)
        return running, n_starting

    def _going_on(self, searches: Searches) -> list[int]:
        """Return the searches that go on, the one with the best trial first."""
        active = searches.active
        chosen: list[int] = []
        seen: list[Search] = []
        for index in by_promise(active):
            search = active[index]
            has_ended = search.center.has_failed or search.radius < SMALLEST_RADIUS
            if not has_ended and not any(self._is_same(search, better) for better in seen):
                chosen.append(index)
            seen.append(search)
        return chosen

    def _is_same(self, search: Search, better: Search) -> bool:
        a, b = search.center.vector, better.center.vector
        return (
            self._geometry.distance(a, b) < SAME_MINIMUM and self._geometry.n_differences(a, b) == 0
        )

    def _step(
        self, searches: Searches, search: Search, running: list[Floats], rng: np.random.Generator
    ) -> dict[str, Any] | None:
        """Return the next point of a search, None if it has enough running or has converged."""
        learning = is_learning(search, self._geometry, searches.trust)
        if len(running) >= (max(MAX_PENDING, self._encoding.width) if learning else MAX_PENDING):
            return None
        params = None
        if not self._is_discrete.any() or rng.random() >= DISCRETE_SHARE:
            difference = (
                self._probe(searches, search, running, rng)
                if learning
                else self._descent(searches, search, running)
            )
            params = None if difference is None else self._within(search.center, difference)
        return self._neighbour(search.center, searches.trust, rng) if params is None else params

    def _within(self, center: Point, difference: Floats) -> dict[str, Any] | None:
        """Return the point at a difference to the centre, nearer if a constraint demands it."""
        for _ in range(MAX_HALVINGS):
            params = self._encoding.decode(center.vector + difference)
            if self.space.satisfies(params) and point_key(params) not in self._taken:
                return params
            difference = difference / 2
        return None

    def _bounds(self, center: Floats, radius: float) -> tuple[Floats, Floats]:
        return np.maximum(-radius, -center), np.minimum(radius, 1.0 - center)

    def _active(self, center: Point) -> NDArray[np.bool_]:
        return self._geometry.smooth & ~np.isnan(center.vector)

    def _probe(
        self, searches: Searches, search: Search, running: list[Floats], rng: np.random.Generator
    ) -> Floats:
        """Return a step in a direction in which nothing is known of the slope yet."""
        center = search.center.vector
        columns = np.flatnonzero(self._geometry.smooth)
        columns = columns[unknown(search.center, self._geometry, searches.trust)]
        known = [step.point.vector for step in search.steps if step.point is not search.center]
        steps = np.array([vector[columns] - center[columns] for vector in [*known, *running]])
        direction = rng.standard_normal(len(columns))
        near = [s for s in steps if np.max(np.abs(s)) <= NEAR * search.radius]
        for axis in np.linalg.qr(np.array(near).T)[0].T if near else ():
            direction = direction - (axis @ direction) * axis
        if not np.linalg.norm(direction) > 1e-9:
            direction = rng.standard_normal(len(columns))
        direction *= search.radius / np.max(np.abs(direction))
        low, high = self._bounds(center[columns], search.radius)
        there, back = np.clip(direction, low, high), np.clip(-direction, low, high)
        difference = np.zeros(len(center))
        difference[columns] = there if np.sum(there**2) >= np.sum(back**2) else back
        return difference

    def _descent(self, searches: Searches, search: Search, running: list[Floats]) -> Floats | None:
        """Return the step to the minimum of the model, None if there is nothing to gain."""
        center = search.center
        columns = np.flatnonzero(self._active(center))
        if not len(columns):
            return None
        with np.errstate(all="ignore"):
            gradient, matrix = self._model(searches, search, columns)
            if not (np.isfinite(gradient).all() and np.isfinite(matrix).all()):
                return None
            low, high = self._bounds(center.vector[columns], search.radius)
            step = minimum(gradient, matrix, low, high)
            longer = np.clip(2 * step, low, high)
        busy = [vector[columns] - center.vector[columns] for vector in running]
        difference = np.zeros(len(center.vector))
        for trial_step in (step, step / 2, longer, step / 4):
            if all(
                np.max(np.abs(trial_step - b)) > APART * np.max(np.abs(trial_step)) for b in busy
            ):
                difference[columns] = trial_step
                return difference
        return None

    def _model(
        self, searches: Searches, search: Search, columns: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """Return the slope at the centre and the second derivatives around it."""
        center = search.center
        kind = center.outcome.kind
        steps = [
            step
            for step in search.steps
            if not step.point.has_failed
            and self._geometry.n_differences(step.point.vector, center.vector) == 0
        ]
        slope = center.slope(kind)[columns]
        if not unknown(center, self._geometry, searches.trust).any():
            pairs = [
                (
                    (step.point.vector - step.origin.vector)[columns],
                    (step.point.slope(kind) - step.origin.slope(kind))[columns],
                )
                for step in steps
                if not step.origin.has_failed
            ]
            usable = [(s, y) for s, y in pairs if np.isfinite(y).all() and np.isfinite(s).all()]
            return slope, quasi_newton(slope, usable[-MEMORY:], FIRST_STEP)
        points = [step.point for step in steps if step.point is not center]
        points += [
            step.origin
            for step in steps[:1]
            if step.origin is not center and not step.origin.has_failed
        ]
        differences = np.array([(p.vector - center.vector)[columns] for p in points])
        differences = differences.reshape(len(points), len(columns))
        values = np.array([p.value(kind) - center.value(kind) for p in points])
        gradients = (
            []
            if not searches.trust
            else [
                ((p.vector - center.vector)[columns], p.slope(kind)[columns])
                for p in [*points, center]
            ]
        )
        return regression(differences, values, gradients, search.radius)

    def _neighbour(
        self, center: Point, trust: bool, rng: np.random.Generator
    ) -> dict[str, Any] | None:
        """Return the centre with another category or neighbouring value in one column."""
        columns = np.flatnonzero(self._is_discrete & ~np.isnan(center.vector))
        for _ in range(MAX_NEIGHBOURS if len(columns) else 0):
            place = int(rng.choice(columns))
            value = self._other_value(center, place, trust, rng)
            if value is None:
                continue
            # What becomes active by the change gets a random value.
            vector = np.where(
                np.isnan(center.vector), rng.random(len(center.vector)), center.vector
            )
            vector[place] = value
            params = self._encoding.decode(vector)
            if self.space.satisfies(params) and point_key(params) not in self._taken:
                return params
        return None

    def _other_value(
        self, center: Point, place: int, trust: bool, rng: np.random.Generator
    ) -> float | None:
        column = self._encoding.columns[place]
        dimension = self.space[column.name]
        if isinstance(dimension, Categorical):
            others = [dimension.index(category) for category in dimension.elements()]
            others = [index for index in others if index != center.vector[place]]
            return float(rng.choice(others)) if others else None
        if not isinstance(dimension, Numeric):
            return None
        slope = center.slopes[0][place] if trust else np.nan
        sign = rng.choice([-1, 1]) if np.isnan(slope) or slope == 0 else -np.sign(slope)
        value = dimension.element_from_unit(center.vector[place])
        moved = value + int(sign) * (dimension.step or 1)
        low, high = dimension.interval()
        if not low <= moved <= high:
            return None
        return float(dimension.elements_to_unit(np.array([moved], dtype=float))[0])
