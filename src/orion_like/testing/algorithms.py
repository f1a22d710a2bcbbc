"""Conformance suite for algorithms, also for those of plug-ins.

Derive a test class, say which algorithm, and let pytest collect it::

    from orion_like.testing.algorithms import AlgorithmConformance

    class TestMine(AlgorithmConformance):
        configuration = {"mine": {"population": 8}}

Every test runs on every space of `SPACES` that the algorithm accepts. :func:`drive` and the
functions that make trials are there for tests of one's own.
"""
# ruff: noqa: D102 - the names of tests are sentences

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, ClassVar

import numpy as np
import pytest

from orion_like.algo import (
    Algorithm,
    AlgorithmChoice,
    Exhausted,
    Problem,
    Wait,
    as_algorithm,
    create_algorithm,
    find_algorithm,
    parent_of,
)
from orion_like.errors import AlgorithmError
from orion_like.space import Space, build_space
from orion_like.trial import Trial

Params = dict[str, Any]

SPACES: Mapping[str, Callable[[], Space]] = {
    "real": lambda: build_space({"x": "uniform(-5, 10)", "y": "uniform(0, 15)"}),
    "log": lambda: build_space({"lr": "loguniform(1e-6, 1)", "decay": "lognormal(0, 1)"}),
    "normal": lambda: build_space({"x": "normal(3, 2)", "y": "normal(0, 1, low=-1, high=1)"}),
    "integer": lambda: build_space(
        {
            "n": "uniform(1, 100, discrete=True)",
            "width": "loguniform(8, 4096, discrete=True)",
            "even": "uniform(0, 1000, discrete=True, step=2)",
        }
    ),
    "categorical": lambda: build_space(
        {
            "activation": "choices(['relu', 'tanh', 'gelu', None])",
            "optimizer": "choices({'sgd': 0.2, 'adam': 0.7, 'rmsprop': 0.1})",
            "batch": "choices([16, 32, 64, 128])",
            "flip": "choices([True, False])",
        }
    ),
    "mixed": lambda: build_space(
        {
            "lr": "loguniform(1e-5, 1)",
            "model": {"depth": "uniform(1, 10, discrete=True)", "kind": "choices(['a', 'b'])"},
            "dropout": "uniform(0, 0.9)",
        }
    ),
    "conditional": lambda: build_space(
        {
            "optimizer": "choices(['sgd', 'adam'])",
            "lr": "loguniform(1e-5, 1)",
            "momentum": "uniform(0, 1) if optimizer == 'sgd'",
            "nesterov": "choices([True, False]) if momentum > 0.5",
            "beta": "uniform(0.8, 1) if optimizer == 'adam'",
        }
    ),
    "constrained": lambda: build_space(
        {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "n": "uniform(1, 9, discrete=True)"},
        constraints=["x + y <= 1"],
    ),
    "shaped": lambda: build_space(
        {"w": "uniform(-1, 1, shape=3)", "c": "choices(['a', 'b'], shape=2)"}
    ),
    "fidelity": lambda: build_space({"x": "uniform(0, 1)", "epochs": "fidelity(1, 27, base=3)"}),
    "finite": lambda: build_space(
        {"n": "uniform(1, 4, discrete=True)", "kind": "choices(['a', 'b', 'c'])"}
    ),
    "finite conditional": lambda: build_space(
        {"kind": "choices(['a', 'b'])", "n": "uniform(1, 7, discrete=True) if kind == 'a'"}
    ),
    "finite constrained": lambda: build_space(
        {"i": "uniform(0, 4, discrete=True)", "j": "uniform(0, 4, discrete=True)"},
        constraints=["i + j <= 4"],
    ),
    "single point": lambda: build_space({"kind": "choices(['only'])"}),
}
"""Spaces of every sort."""

FINITE = [name for name, build in SPACES.items() if build().cardinality <= 100]

ODD_OBJECTIVES: Mapping[str, Sequence[Any]] = {
    "NaN": [math.nan],
    "infinite": [math.inf, -math.inf],
    "huge": [1e308, -1e308, 10**400],
    "tiny": [5e-324, -5e-324, 0.0, -0.0],
    "constant": [1.0],
    "mixed": [1.0, math.nan, math.inf, -1e308, 2.0, -math.inf, 1e308],
}
"""Objectives that have broken algorithms."""


# --- trials -----------------------------------------------------------------------------------


def make_trial(
    space: Space,
    params: Mapping[str, Any],
    number: int | None,
    status: str = "reserved",
    results: Sequence[Mapping[str, Any]] = (),
    parent: str | None = None,
) -> Trial:
    """Return a trial as an algorithm may meet it: results are not checked.

    Parameters
    ----------
    space
        The search space.
    params
        The point, flat.
    number
        Number of the suggestion; None for trials that a user inserted.
    status
        Status of the trial. Default ``'reserved'``.
    results
        ``{"name", "type", "value"}`` of each result. Default none.
    parent
        Id of the trial that it continues. Default none.
    """
    return Trial.from_document(
        {
            "experiment": 1,
            "parent": parent,
            "number": number,
            "status": status,
            "params": space.to_document(params),
            "results": [dict(result) for result in results],
        }
    )


def completed(space: Space, params: Mapping[str, Any], number: int | None, value: Any) -> Trial:
    """Return a completed trial with one objective."""
    return make_trial(space, params, number, "completed", [objective(value)])


def objective(value: Any) -> dict[str, Any]:
    """Return the result that an objective is."""
    return {"name": "objective", "type": "objective", "value": value}


def smooth_loss(space: Space) -> Callable[[Params], float]:
    """Return a loss with its minimum inside the space: the squared distance to a point."""
    encoding = space.encoding("onehot")
    target = encoding.encode(space.from_unit([0.3] * space.unit_width))

    def loss(params: Params) -> float:
        distance = np.nan_to_num(encoding.encode(params) - target, nan=0.5)
        return float(distance @ distance)

    return loss


def drive(
    algorithm: Algorithm,
    loss: Callable[[Params], Any],
    n_trials: int,
    workers: int = 1,
) -> Iterator[Trial]:
    """Run an algorithm as an experiment with some workers would, and yield trials as they end.

    Parameters
    ----------
    algorithm
        A fresh algorithm.
    loss
        The objective of a point, or None for a broken trial.
    n_trials
        How many trials at most.
    workers
        How many trials run at a time; they end in an order that differs from that of their
        start. Default 1.
    """
    space = algorithm.space
    running: list[Trial] = []
    number = 0
    going = True
    while going or running:
        while going and len(running) < workers:
            params = algorithm.suggest(algorithm.problem.stream(number), number)
            if params is Wait:
                assert running, "an algorithm waits although no trial is running"
                break
            if params is Exhausted:
                going = False
                break
            running.append(make_trial(space, params, number, parent=parent_of(params)))
            algorithm.observe(running[-1:])
            number += 1
            going = number < n_trials
        if running:
            ended = running.pop((7 * number) % len(running))
            value = loss(ended.flat_params)
            results = [] if value is None else [objective(value)]
            status = "completed" if results else "broken"
            point, parent = ended.flat_params, ended.parent
            trial = make_trial(space, point, ended.number, status, results, parent)
            algorithm.observe([trial])
            yield trial


def suggestions(algorithm: Algorithm, start: int, n: int) -> list[Any]:
    """Return what would be suggested for `n` numbers, without any of them being taken."""
    stream = algorithm.problem.stream
    return [algorithm.suggest(stream(number), number) for number in range(start, start + n)]


def points_of(space: Space, trials: Iterable[Trial]) -> list[str]:
    """Return the points of trials as texts, with the highest fidelity."""
    highest = {} if space.fidelity is None else {space.fidelity.name: space.fidelity.high}
    points = [trial.flat_params for trial in trials]
    return [repr({name: highest.get(name, p[name]) for name in p}) for p in points]


def started(space: Space, trials: Iterable[Trial]) -> list[str]:
    """Return the points of trials that continue no others."""
    return points_of(space, [trial for trial in trials if trial.parent is None])


# --- the suite --------------------------------------------------------------------------------


class AlgorithmConformance:
    """What every algorithm must do; derive from it and set `configuration`.

    Attributes
    ----------
    configuration
        Name of the algorithm, ``{name: parameters}``, or its class.
    deterministic
        Whether points are the same for every seed. Default False.
    n_trials
        Trials in each run; enough that the algorithm uses its model. Default 30.
    cost_at
        Numbers of trials at which the cost of a suggestion is compared. Default (300, 3000).
    cost_ratio
        Growth of the cost between them that counts as bounded. Default 5.
    """

    configuration: ClassVar[Any]
    deterministic: ClassVar[bool] = False
    n_trials: ClassVar[int] = 30
    cost_at: ClassVar[tuple[int, int]] = (300, 3000)
    cost_ratio: ClassVar[float] = 5.0

    def space(self, name: str) -> Space:
        """Return a space of `SPACES`, with a fidelity if the algorithm needs one."""
        return self._with_fidelity(SPACES[name]())

    def _with_fidelity(self, space: Space) -> Space:
        if space.fidelity is not None or not self._class().requires.fidelity:
            return space
        priors = {**space.configuration, "budget": "fidelity(1, 9, base=3)"}
        return build_space(priors, constraints=space.constraints)

    def create(self, space: Space, seed: int = 1, **problem: Any) -> Algorithm:
        """Return a fresh algorithm, or skip the test when it does not accept the space."""
        try:
            return create_algorithm(self.configuration, space, seed=seed, **problem)
        except AlgorithmError:
            unmet = self._class().requires.unmet(Problem.build(space, seed, **problem))
            if unmet is None:
                raise
        pytest.skip(f"the algorithm {unmet}")

    def _class(self) -> type[Algorithm]:
        algorithm = AlgorithmChoice.parse(self.configuration).algorithm
        return as_algorithm(algorithm) if isinstance(algorithm, type) else find_algorithm(algorithm)

    def _run(self, space: Space, workers: int = 1, seed: int = 1) -> tuple[Algorithm, list[Trial]]:
        algorithm = self.create(space, seed)
        n_trials = int(min(self.n_trials, max(1, space.cardinality / 2)))
        return algorithm, list(drive(algorithm, smooth_loss(space), n_trials, workers))

    @pytest.mark.parametrize("name", SPACES)
    def test_points_lie_in_the_space(self, name: str) -> None:
        space = self.space(name)

        _, trials = self._run(space, workers=3)

        assert trials
        for trial in trials:
            space.validate(trial.flat_params)

    @pytest.mark.parametrize("name", SPACES)
    def test_the_same_seed_gives_the_same_points(self, name: str) -> None:
        space = self.space(name)
        np.random.seed(1)
        _, first = self._run(space)
        np.random.seed(2)

        _, second = self._run(space)

        assert [t.flat_params for t in first] == [t.flat_params for t in second]

    def test_another_seed_gives_other_points_unless_there_is_no_randomness(self) -> None:
        space = self.space("mixed")
        _, first = self._run(space, seed=1)

        _, second = self._run(space, seed=2)

        same = [t.flat_params for t in first] == [t.flat_params for t in second]
        assert same == self.deterministic

    @pytest.mark.parametrize("name", SPACES)
    def test_replaying_the_trials_by_number_gives_the_same_suggestions(self, name: str) -> None:
        space = self.space(name)
        algorithm, trials = self._run(space, workers=4)
        fresh = self.create(space)

        fresh.observe(sorted(trials, key=lambda trial: trial.number or 0))

        assert suggestions(fresh, 30, 4) == suggestions(algorithm, 30, 4)

    @pytest.mark.parametrize("name", SPACES)
    def test_the_order_and_the_size_of_observations_do_not_matter(self, name: str) -> None:
        space = self.space(name)
        _, trials = self._run(space)
        pending = [make_trial(space, t.flat_params, t.number, parent=t.parent) for t in trials]
        at_once, piecemeal = self.create(space), self.create(space)
        at_once.observe(trials)

        for trial in [*reversed(pending), *reversed(trials[::2]), *trials]:
            piecemeal.observe([trial])

        assert suggestions(piecemeal, 30, 4) == suggestions(at_once, 30, 4)

    @pytest.mark.parametrize("name", FINITE)
    def test_a_finite_space_is_exhausted_exactly_when_every_point_was_visited(
        self, name: str
    ) -> None:
        space = self.space(name)
        everything = [repr(params) for params in space.points()]
        algorithm = self.create(space)

        trials = list(drive(algorithm, smooth_loss(space), 10 * len(everything), workers=2))

        begun = started(space, trials)
        assert len(begun) == len(set(begun))
        assert algorithm.ends_early or set(points_of(space, trials)) == set(everything)
        assert suggestions(algorithm, len(trials), 1) == [Exhausted]

    @pytest.mark.parametrize("name", FINITE)
    def test_points_that_users_inserted_are_not_suggested(self, name: str) -> None:
        space = self.space(name)
        everything = list(space.points())
        inserted, left = everything[::2], everything[1::2]
        algorithm = self.create(space)
        algorithm.observe([completed(space, params, None, 1.0) for params in inserted])

        trials = list(drive(algorithm, smooth_loss(space), 10 * len(everything)))

        begun = started(space, trials)
        assert len(begun) == len(set(begun))
        assert set(begun) <= {*map(repr, left)}
        assert algorithm.ends_early or {*map(repr, left)} <= set(points_of(space, trials))

    @pytest.mark.parametrize("name", [name for name in SPACES if name != "single point"])
    def test_a_point_that_turns_out_to_be_taken_is_not_suggested_for_ever(self, name: str) -> None:
        space = self.space(name)
        algorithm, trials = self._run(space)
        number = len(trials)
        rng = algorithm.problem.stream(number)
        taken = algorithm.suggest(rng, number)
        assert isinstance(taken, dict)
        algorithm.observe([make_trial(space, taken, None)])

        others = [algorithm.suggest(rng, number) for _ in range(5)]

        assert any(other != taken for other in others)

    @pytest.mark.parametrize("name", ["real", "mixed", "conditional", "finite"])
    def test_pending_trials_change_the_suggestion(self, name: str) -> None:
        space = self.space(name)
        algorithm, trials = self._run(space)
        if not algorithm.uses_trials:
            pytest.skip("suggestions depend on the number alone")
        number = len(trials)
        [before] = suggestions(algorithm, number, 1)
        assert isinstance(before, dict)

        algorithm.observe([make_trial(space, before, number + 1)])

        assert suggestions(algorithm, number, 1) != [before]

    @pytest.mark.parametrize("odd", ODD_OBJECTIVES)
    @pytest.mark.parametrize("name", ["mixed", "conditional", "fidelity"])
    def test_odd_objectives_do_no_harm(self, name: str, odd: str) -> None:
        space = self.space(name)
        values = cycle(ODD_OBJECTIVES[odd])
        algorithm = self.create(space)

        trials = list(drive(algorithm, lambda _: next(values), self.n_trials))

        assert len(trials) == self.n_trials
        for trial in trials:
            space.validate(trial.flat_params)

    @pytest.mark.parametrize("every", [1, 2])
    @pytest.mark.parametrize("name", ["mixed", "conditional", "fidelity"])
    def test_broken_trials_do_no_harm(self, name: str, every: int) -> None:
        space = self.space(name)
        loss = smooth_loss(space)
        algorithm = self.create(space)
        numbers = iter(range(self.n_trials))

        trials = list(
            drive(algorithm, lambda p: loss(p) if next(numbers) % every else None, self.n_trials)
        )

        assert len(trials) == self.n_trials
        for trial in trials:
            space.validate(trial.flat_params)

    @pytest.mark.parametrize("name", ["mixed", "fidelity"])
    def test_results_that_are_not_there_do_no_harm(self, name: str) -> None:
        space = self.space(name)
        algorithm = self.create(space)
        rng = np.random.default_rng(1)
        points = [space.sample(rng) for _ in range(self.n_trials)]

        algorithm.observe([make_trial(space, p, k, "completed") for k, p in enumerate(points)])

        [params] = suggestions(algorithm, self.n_trials, 1)
        space.validate(params)

    def test_the_cost_of_a_suggestion_stays_bounded_as_trials_grow(self) -> None:
        space = self._with_fidelity(build_space({f"x{i}": "uniform(0, 1)" for i in range(5)}))
        algorithm = self.create(space)
        loss = smooth_loss(space)
        rng = np.random.default_rng(1)
        few, many = self.cost_at

        costs = []
        for start, stop in ((0, few), (few, many)):
            points = [space.sample(rng) for _ in range(start, stop)]
            algorithm.observe(
                [completed(space, p, k, loss(p)) for k, p in enumerate(points, start)]
            )
            costs.append(min(self._cost(algorithm, stop) for _ in range(15)))

        assert costs[1] <= self.cost_ratio * costs[0]

    def _cost(self, algorithm: Algorithm, number: int) -> float:
        rng = algorithm.problem.stream(number)
        before = time.process_time_ns()
        for _ in range(3):
            algorithm.suggest(rng, number)
        return time.process_time_ns() - before

    def test_the_configuration_holds_every_parameter_and_builds_the_same_algorithm(self) -> None:
        space = self.space("fidelity")
        algorithm = self.create(space)
        [(name, parameters)] = algorithm.configuration.items()

        again = create_algorithm({self._class(): parameters}, space, seed=1)

        assert name == self._class().name
        assert parameters.keys() == algorithm.parameters().keys()
        assert again.configuration == algorithm.configuration

    def test_an_unknown_parameter_is_refused_by_name(self) -> None:
        with pytest.raises(AlgorithmError, match="'no_such_parameter'"):
            create_algorithm({self._class(): {"no_such_parameter": 1}}, self.space("fidelity"))
