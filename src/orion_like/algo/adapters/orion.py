"""Classes written for Oríon's ``BaseAlgorithm`` as algorithms."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from orion_like.algo.adapters.orion_space import OrionSpace, Requirement, nearest
from orion_like.algo.adapters.replay import Asked, Replay
from orion_like.algo.base import Algorithm, Exhausted, Requirements, Signal, Suggestion, Wait
from orion_like.algo.gradient import partial_derivatives
from orion_like.algo.outcome import Kind, Outcome
from orion_like.algo.problem import Problem
from orion_like.errors import AlgorithmError, InvalidResult
from orion_like.space import Dimension, Space
from orion_like.space.dimension import plain
from orion_like.space.numeric import Numeric
from orion_like.trial import Trial

logger = logging.getLogger(__name__)

REQUIRED = inspect.Parameter.empty

QUANTILES = "uniform(0, 1, precision=None"

Partials: TypeAlias = Mapping[str, list[float]]


def is_written_for_orion(cls: type[Any]) -> bool:
    """Tell whether a class has the methods of Oríon's ``BaseAlgorithm`` that are called."""
    return all(callable(getattr(cls, name, None)) for name in ("suggest", "observe"))


@cache
def adapt(cls: type[Any]) -> type[Algorithm]:
    """Return an algorithm that asks instances of a class which was written for Oríon.

    Its name in configurations is the path of the class, by which all workers can find it.

    Examples
    --------
    >>> from orion_like.algo.adapters import BaseAlgorithm
    >>> class Mine(BaseAlgorithm):
    ...     def __init__(self, space, speed=1.0):
    ...         super().__init__(space, speed=speed)
    >>> adapt(Mine).parameters()
    {'speed': 1.0}
    """
    path = f"{cls.__module__}:{cls.__qualname__}"
    return type(cls.__name__, (OrionAlgorithm,), {"name": path, "adapted": cls})


class OrionAlgorithm(Algorithm):
    """Ask an instance of a class that was written for Oríon.

    The class sees the space as its ``requires_type``, ``requires_dist`` and ``requires_shape``
    say, without conditions and constraints; values of inactive dimensions are left out of its
    suggestions, and what breaks a constraint is asked for again. It minimizes the objective.
    It observes trials that are completed, with their results, and those that failed, as
    broken ones.

    Its ``seed_rng`` is called before each suggestion; the instance is copied by
    `copy.deepcopy`.

    Parameters
    ----------
    problem
        The space, seed and objective.
    **parameters
        Parameters of the class.

    Raises
    ------
    AlgorithmError
        If the class refuses the space or the parameters.
    """

    adapted: ClassVar[type[Any]]
    requires = Requirements(max_objectives=1)

    def __init__(self, problem: Problem, **parameters: Any) -> None:
        super().__init__(problem)
        defaults = self.parameters()
        missing = [
            n for n, default in defaults.items() if {**defaults, **parameters}[n] is REQUIRED
        ]
        if missing:
            raise AlgorithmError(
                f"algorithm {self.name!r}: its parameter {missing[0]!r} is missing"
            )
        self._parameters = {**defaults, **parameters}
        self._host = _host(self.adapted, problem.space)
        self._replay = Replay(problem, self._fresh)
        self._fresh()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._parameters.items())
        return f"{type(self).__name__}({values})"

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Return the names of the parameters of the class and their defaults."""
        others = list(inspect.signature(cls.adapted).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return {p.name: p.default for p in others if p.kind in named and p.name != "seed"}

    @property
    def configuration(self) -> dict[str, dict[str, Any]]:
        """``{path: {parameter: value}}`` with every parameter."""
        return {self.name: dict(self._parameters)}

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        self._replay.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:  # noqa: ARG002
        """Return what the class suggests."""
        return self._replay.suggest(number)

    def _fresh(self) -> _Instance:
        try:
            instance = self._host.create(self.adapted, self._parameters)
        except Exception as error:
            raise AlgorithmError(f"algorithm {self.name!r} cannot be made: {error}") from error
        return _Instance(self.name, self.problem, self._host, instance)


class _Host(Protocol):
    """Makes instances of a class, and trials as they see them."""

    def create(self, cls: type[Any], parameters: Mapping[str, Any]) -> Any:
        """Return an instance."""

    def params(self, point: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what an instance sees for a point of the search space."""

    def trial(self, document: dict[str, Any]) -> Any:
        """Return a trial for an instance."""

    def point(self, trial: Any) -> dict[str, Any]:
        """Return the point of the search space that an instance suggests."""

    def gradient(self, partials: Partials, point: Mapping[str, Any]) -> list[float]:
        """Return partial derivatives as an instance sees them, 0 where there are none."""


class _Instance:
    """An instance of a class, as an optimizer that can be asked, told and copied."""

    minds_unused = True  # it may wait for them

    def __init__(self, name: str, problem: Problem, host: _Host, instance: Any) -> None:
        self._name = name
        self._problem = problem
        self._host = host
        self._instance = instance

    def __deepcopy__(self, memo: dict[int, Any]) -> _Instance:
        return _Instance(self._name, self._problem, self._host, deepcopy(self._instance, memo))

    def seed(self, seed: int) -> None:
        """Start all randomness anew."""
        if hasattr(self._instance, "seed_rng"):
            self._call(lambda: self._instance.seed_rng(seed))

    def ask(self) -> Asked | Signal:
        """Return the next suggestion."""
        if self._call(lambda: getattr(self._instance, "is_done", False)):
            return Exhausted
        trials = self._call(lambda: self._instance.suggest(1))
        if not trials:
            return Wait
        return Asked(self._host.point(trials[0]), trials[0])

    def tell(self, trial: Trial, outcome: Outcome | None, token: Any) -> None:
        """Register a trial, and observe it if it is finished."""
        # Its own suggestion has values of what is inactive, too.
        params = (
            self._host.params(trial.flat_params)
            if token is None
            else [param.to_dict() for param in token._params]
        )
        document = {"params": params, "parent": getattr(token, "parent", None), "results": []}
        if outcome is None:
            if token is None and hasattr(self._instance, "register"):
                seen = self._host.trial({**document, "status": "new"})
                self._call(lambda: self._instance.register(seen))
            return
        if outcome.kind is Kind.FAILED:
            document["status"] = "broken"
        else:
            document |= {"status": "completed", "results": list(self._results(trial, outcome))}
        seen = self._host.trial(document)
        self._call(lambda: self._instance.observe([seen]))

    def _results(self, trial: Trial, outcome: Outcome) -> Iterator[dict[str, Any]]:
        objective = self._problem.objectives[0]
        yield {"name": objective.name, "type": "objective", "value": outcome.losses[0]}
        point = trial.flat_params
        for result in trial.results:
            if result.type in ("constraint", "statistic"):
                yield result.to_dict()
            elif result.type == "gradient":
                try:
                    partials = partial_derivatives(result.value, self._problem.space, point)
                except InvalidResult as error:
                    logger.warning("gradient %r is ignored: %s", result.name, error)
                    continue
                signed = {
                    name: [objective.sign * (value or 0.0) for value in values]
                    for name, values in partials.items()
                }
                yield {**result.to_dict(), "value": self._host.gradient(signed, point)}

    def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            raise AlgorithmError(
                f"algorithm {self._name!r} failed: {type(error).__name__}: {error}"
            ) from error


# --- with and without Oríon ------------------------------------------------------------------


def _host(cls: type[Any], space: Space) -> _Host:
    is_orions = any(base.__module__.startswith("orion.algo.base") for base in cls.__mro__)
    return _OrionHost(space) if is_orions else _OwnHost(space, Requirement.of(cls))


class _OwnHost:
    """Shows our space and our trials, which are enough like Oríon's."""

    def __init__(self, space: Space, requirement: Requirement) -> None:
        self._space = OrionSpace(space, requirement)

    def create(self, cls: type[Any], parameters: Mapping[str, Any]) -> Any:
        return cls(self._space, **parameters)

    def params(self, point: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._space.params(point)

    def trial(self, document: dict[str, Any]) -> Trial:
        return Trial.from_document(document)

    def point(self, trial: Any) -> dict[str, Any]:
        return self._space.point(trial)

    def gradient(self, partials: Partials, point: Mapping[str, Any]) -> list[float]:
        return self._space.gradient(partials, point)


class _OrionHost:
    """Shows Oríon's own spaces and trials to classes that derive from its ``BaseAlgorithm``.

    Numbers that it has no prior for are shown as the quantiles of theirs.
    """

    def __init__(self, space: Space) -> None:
        from orion.core.io.space_builder import SpaceBuilder

        self._space = space
        priors = {name: _orions_prior(dimension) for name, dimension in space.items()}
        self._quantiles = {name for name, prior in priors.items() if prior.startswith(QUANTILES)}
        self._orions = SpaceBuilder().build(priors)

    def create(self, cls: type[Any], parameters: Mapping[str, Any]) -> Any:
        from orion.core.worker.primary_algo import create_algo

        return create_algo(cls, self._orions, **parameters)

    def params(self, point: Mapping[str, Any]) -> list[dict[str, Any]]:
        whole = {
            name: point.get(name, dimension.from_unit([0.5] * max(1, dimension.size)))
            for name, dimension in self._space.items()
        }
        document = self._space.to_document(whole)
        for param in document:
            dimension = self._space[param["name"]]
            if param["name"] in self._quantiles and isinstance(dimension, Numeric):
                elements = np.array(dimension.flatten(param["value"]), dtype=float)
                units = dimension.elements_to_unit(elements).tolist()
                param |= {"type": "real", "value": dimension.assemble(units)}
        return document

    def trial(self, document: dict[str, Any]) -> Any:
        from orion.core.worker.trial import Trial as OrionTrial

        return OrionTrial(**document)

    def point(self, trial: Any) -> dict[str, Any]:
        values = {param.name: plain(param.value) for param in trial._params}
        params = {name: self._value(dim, values[name]) for name, dim in self._space.items()}
        return self._space.prune(params)

    def _value(self, dimension: Dimension, shown: Any) -> Any:
        if dimension.name in self._quantiles:
            return dimension.from_unit(dimension.flatten(shown))
        if isinstance(dimension, Numeric):
            elements = [nearest(dimension, element) for element in dimension.flatten(shown)]
            return dimension.assemble(elements)
        return dimension.cast(shown)

    def gradient(self, partials: Partials, point: Mapping[str, Any]) -> list[float]:  # noqa: ARG002
        return [value for name in self._space for value in partials.get(name, [0.0])]


def _orions_prior(dimension: Dimension) -> str:
    """Return a prior as Oríon reads it, without condition."""
    from orion.core.io.space_builder import DimensionBuilder

    text = dimension.conditioned(None).get_prior_string()
    if not isinstance(dimension, Numeric):
        return text
    # It has no steps, and its attempts to draw within bounds may fail.
    if dimension.step is None and (dimension.prior.low, dimension.prior.high) == (None, None):
        with suppress(TypeError, ValueError):
            DimensionBuilder().build(dimension.name, text)
            return text
    return f"{QUANTILES}, shape={dimension.shape})" if dimension.shape else f"{QUANTILES})"
