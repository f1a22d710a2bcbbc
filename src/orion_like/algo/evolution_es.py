"""Evolution of a population in which two by two compete, level by level.

The search method of D. R. So, C. Liang and Q. V. Le, The evolved transformer, ICML 2019 (arXiv
1901.11117): tournaments whose winners are mutated, with more effort for those that stay
(section 3.2), in the form that Oríon has for it, with a red and a blue team.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from orion_like.algo.base import Algorithm, Requirements, Suggestion, positive_integer
from orion_like.algo.explore import Genotype, scaled, within
from orion_like.algo.hyperband import checked_repetitions
from orion_like.algo.population import Evolution, Member, Verdict, population_levels
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import ROUNDING, fidelity_of
from orion_like.errors import AlgorithmError
from orion_like.space import Fidelity
from orion_like.spelling import did_you_mean
from orion_like.trial import Trial

TEAM_STREAM = 4

MUTATED = 0.3
"""Share of the parameters that a mutation changes."""

DEFAULT_MUTATE: Mapping[str, Any] = {
    "function": "default_mutate",
    "multiply_factor": 3.0,
    "add_factor": 1,
    "volatility": 0.001,
}


class EvolutionES(Algorithm):
    """Let the members of a population compete two by two, and replace losers by changed winners.

    On each level of the fidelity, members of a red and a blue team meet in pairs drawn at random.
    The winner goes on to the next level; in place of the loser starts a trial that goes on from
    the winner with some parameters changed.

    With base 1, every whole number of the fidelity is a level; otherwise levels are the factor
    `base` apart, or somewhat more.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    repetitions
        How many populations are run, one after the other; None is no limit. Default None.
    nums_population
        Members on each level. Default 20.
    mutate
        ``{'multiply_factor': 3.0, 'add_factor': 1, 'volatility': 0.001}``: real values are
        multiplied or divided by up to the first, integers raised or lowered by the second, and
        categories drawn anew; what comes to lie beyond a bound is put at about `volatility` of the
        range from it. With ``'function'``, the path of a function of one's own, this is called
        with the dimension, a `numpy.random.Generator`, the value, and the other entries by name,
        and returns another value.
    max_retries
        Draws for a mutation that no trial has. Default 1000.

    Raises
    ------
    AlgorithmError
        If a parameter is invalid.
    """

    name = "evolutiones"
    requires = Requirements(fidelity=True, max_objectives=1)
    has_population = True

    def __init__(
        self,
        problem: Problem,
        repetitions: int | None = None,
        nums_population: int = 20,
        mutate: str | Mapping[str, Any] | None = None,
        max_retries: int = 1000,
    ) -> None:
        super().__init__(problem)
        self.repetitions = checked_repetitions("evolutiones", repetitions)
        self.ends_early = self.repetitions is not None
        self.nums_population = positive_integer("evolutiones", "nums_population", nums_population)
        self.max_retries = positive_integer("evolutiones", "max_retries", max_retries)
        mutation = _Mutation(problem, mutate)
        self.mutate: Mapping[str, Any] = mutation.configuration
        self.levels = _levels(fidelity_of(problem))
        self._evolution = Evolution(
            problem,
            nums_population,
            self.levels,
            _Teams(problem.seed),
            mutation,
            self.repetitions,
            max_retries,
        )

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all levels."""
        self._evolution.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return what is due on the lowest level: a first member, a winner, or a mutation."""
        del rng  # what is due does not depend on who fills it
        return self._evolution.suggest(number)


def _levels(fidelity: Fidelity) -> tuple[int, ...]:
    if fidelity.base == 1:
        return tuple(range(fidelity.low, fidelity.high + 1))
    steps = math.log(fidelity.high / fidelity.low) / math.log(fidelity.base)
    return population_levels(fidelity, max(1, int(steps + ROUNDING)))


class _Teams:
    """Pairs the members of a level at random."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, levels: Sequence[Sequence[Member]], size: int) -> Verdict:
        members = levels[-1]
        if len(members) < size:
            return Verdict()
        rng = np.random.default_rng([self._seed, TEAM_STREAM, len(levels)])
        order = [members[place] for place in rng.permutation(size).tolist()]
        replaced: dict[str, list[Member]] = {}
        for red, blue in zip(order[::2], order[1::2], strict=False):
            winner, loser = sorted((red, blue), key=lambda member: member.rank)
            replaced[loser.id] = [winner]
        kept = [member for member in order if member.id not in replaced]
        return Verdict(frozenset(member.id for member in kept), replaced, kept)


class _Mutation:
    """Changes some of the parameters of a winner."""

    def __init__(self, problem: Problem, mutate: str | Mapping[str, Any] | None) -> None:
        given: Mapping[str, Any] = {"function": mutate} if isinstance(mutate, str) else mutate or {}
        if not isinstance(given, Mapping):
            raise AlgorithmError(
                f"algorithm 'evolutiones': mutate must be a dict such as "
                f"{dict(DEFAULT_MUTATE)}, not {mutate!r}"
            )
        name = given.get("function") or DEFAULT_MUTATE["function"]
        self._function = None if name == DEFAULT_MUTATE["function"] else _load(name)
        if self._function is None:
            given = {**DEFAULT_MUTATE, **given, "function": name}
            for key in given:
                if key not in DEFAULT_MUTATE:
                    raise AlgorithmError(
                        f"algorithm 'evolutiones': mutate has no entry {key!r}; it has "
                        f"{', '.join(DEFAULT_MUTATE)}{did_you_mean(key, DEFAULT_MUTATE)}"
                    )
            for key, least in (("multiply_factor", 1.0), ("add_factor", 1.0), ("volatility", 0.0)):
                within("evolutiones", key, given[key], least, np.inf)
        self.configuration = dict(given)
        self._genotype = Genotype(problem)

    def __call__(
        self, rng: np.random.Generator, member: Member, /, **context: Any
    ) -> dict[str, Any]:
        del context
        genotype, options = self._genotype, self.configuration
        vector = genotype.read(rng, member.point)
        n_changed = min(len(vector), max(1, round(MUTATED * len(vector))))
        chosen = sorted(rng.choice(len(vector), n_changed, replace=False).tolist())
        if self._function is not None:
            return self._with_function(self._function, rng, member, chosen)
        for index in chosen:
            column = genotype.encoding.columns[index]
            factor = float(options["multiply_factor"] ** rng.random())
            is_integer = genotype.space[column.name].type == "integer"
            change = _added(options["add_factor"]) if is_integer else scaled(factor)
            vector[index] = genotype.changed(rng, vector, index, change, options["volatility"])
        return genotype.express(vector)

    def _with_function(
        self,
        function: Callable[..., Any],
        rng: np.random.Generator,
        member: Member,
        chosen: list[int],
    ) -> dict[str, Any]:
        space = self._genotype.space
        options = {key: value for key, value in self.configuration.items() if key != "function"}
        point = dict(member.point)
        for name in dict.fromkeys(self._genotype.encoding.columns[i].name for i in chosen):
            if name in point:
                value = function(space[name], rng, point[name], **options)
                point[name] = space[name].cast(value)
        # What a change switches on gets its value from the prior.
        return self._genotype.express(self._genotype.read(rng, point))


def _added(step: float) -> Callable[[np.random.Generator, Any, float], float]:
    def change(rng: np.random.Generator, dimension: Any, value: float) -> float:
        del dimension
        return value + step if rng.random() < 0.5 else value - step

    return change


def _load(path: Any) -> Callable[..., Any]:
    module, _, attribute = str(path).replace(":", ".").rpartition(".")
    try:
        found = getattr(import_module(module), attribute) if module else None
    except (ImportError, AttributeError) as error:
        raise AlgorithmError(
            f"algorithm 'evolutiones': the function {path!r} of mutate cannot be loaded: {error}"
        ) from error
    if not callable(found):
        raise AlgorithmError(
            "algorithm 'evolutiones': function of mutate must be 'default_mutate' or the path of "
            f"a function ('my_module.mutate'), not {path!r}"
            f"{did_you_mean(str(path), ['default_mutate'])}"
        )
    return found  # type: ignore[no-any-return] # it is callable
