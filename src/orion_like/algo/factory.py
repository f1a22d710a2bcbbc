"""Algorithms by name: those of the package, and those that other packages register."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, TypeAlias

from orion_like.algo.base import Algorithm
from orion_like.algo.prior_task import PriorTask
from orion_like.algo.problem import Problem
from orion_like.algo.warm_start import WarmStarted
from orion_like.errors import AlgorithmError
from orion_like.space import Space
from orion_like.spelling import did_you_mean

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "orion_like.algorithms"

ORION_ENTRY_POINT_GROUP = "BaseAlgorithm"
"""Where packages register classes written for Oríon, whose names are those of the classes."""

DEFAULT_ALGORITHM = "auto"

BUILT_IN: Mapping[str, str] = {
    "asha": "orion_like.algo.asha:ASHA",
    "auto": "orion_like.algo.auto:Auto",
    "bohb": "orion_like.algo.bohb:BOHB",
    "cmaes": "orion_like.algo.cmaes:CMAES",
    "de": "orion_like.algo.differential_evolution:DifferentialEvolution",
    "dehb": "orion_like.algo.dehb:DEHB",
    "evolutiones": "orion_like.algo.evolution_es:EvolutionES",
    "gp": "orion_like.algo.gp.algorithm:GP",
    "gridsearch": "orion_like.algo.grid_search:GridSearch",
    "halton": "orion_like.algo.halton:Halton",
    "hyperband": "orion_like.algo.hyperband:Hyperband",
    "latinhypercube": "orion_like.algo.latin_hypercube:LatinHypercube",
    "lbfgs": "orion_like.algo.lbfgs:LBFGS",
    "mofa": "orion_like.algo.mofa:MOFA",
    "nevergrad": "orion_like.algo.adapters.nevergrad:Nevergrad",
    "nsga2": "orion_like.algo.nsga2:NSGA2",
    "pb2": "orion_like.algo.pb2:PB2",
    "pbt": "orion_like.algo.pbt:PBT",
    "random": "orion_like.algo.random_search:Random",
    "sobol": "orion_like.algo.sobol:Sobol",
    "tpe": "orion_like.algo.tpe:TPE",
}
"""Where the algorithms of this package are; each is imported when it is asked for."""

ORIONS_NAMES: Mapping[str, str] = {"nevergradoptimizer": "nevergrad"}
"""Names that algorithms of this package have in Oríon, where they differ."""

AlgorithmConfiguration: TypeAlias = "str | type[Any] | Mapping[Any, Any]"


@dataclass(frozen=True)
class AlgorithmChoice:
    """An algorithm as a user names it.

    Parameters
    ----------
    algorithm
        Name or class.
    parameters
        Parameters, without the seed.
    seed
        Seed given among the parameters. It is the experiment's seed; None if not given.
    """

    algorithm: str | type[Any]
    parameters: dict[str, Any]
    seed: int | None = None

    @classmethod
    def parse(cls, configuration: AlgorithmConfiguration | None) -> AlgorithmChoice:
        """Read ``'tpe'``, ``{'tpe': {'n_initial_points': 5}}``, a class, or None (the default).

        Raises
        ------
        AlgorithmError
            If the configuration has another form, or its seed is not an integer.

        Examples
        --------
        >>> AlgorithmChoice.parse({"random": {"seed": 1}})
        AlgorithmChoice(algorithm='random', parameters={}, seed=1)
        """
        algorithm, parameters = _name_and_parameters(configuration)
        seed = parameters.pop("seed", None)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise AlgorithmError(
                f"algorithm {algorithm!r}: seed must be an integer >= 0, not {seed!r}"
            )
        return cls(algorithm, parameters, seed)


def _name_and_parameters(
    configuration: AlgorithmConfiguration | None,
) -> tuple[str | type[Any], dict[str, Any]]:
    if configuration is None:
        return DEFAULT_ALGORITHM, {}
    if isinstance(configuration, (str, type)):
        return configuration, {}
    if isinstance(configuration, Mapping):
        options = dict(configuration)
        if "of_type" in options:
            return options.pop("of_type"), options
        if len(options) == 1:
            ((name, parameters),) = options.items()
            if parameters is None:
                return name, {}
            if isinstance(parameters, Mapping):
                return name, dict(parameters)
    raise AlgorithmError(
        f"algorithm {configuration!r} is not understood; give a name ('random') or one name with "
        "its parameters ({'random': {'seed': 1}})"
    )


def create_algorithm(
    configuration: AlgorithmConfiguration | None,
    space: Space,
    *,
    seed: int | None = None,
    objectives: Iterable[Mapping[str, Any]] | None = None,
    constraints: Iterable[Mapping[str, Any]] | None = None,
    prior: Iterable[PriorTask] = (),
) -> Algorithm:
    """Return a fresh algorithm for a search space.

    Parameters
    ----------
    configuration
        Name in any case or a subclass of `Algorithm`, alone or as ``{name: {parameter: value}}``;
        Name in any case, a class or its path (``'my_package.search:Mine'``), alone or as
        None is ``'auto'``.
        ``{name: {parameter: value}}``; None is ``'tpe'``. Classes are subclasses of `Algorithm`,
        or written for Oríon's ``BaseAlgorithm``.
    space
        The search space.
    seed
        Seed of the experiment. It may be among the parameters instead. Default 0.
    objectives
        ``[{"name", "direction"}]`` of the experiment. Default one, minimized.
    constraints
        ``[{"name", "lower", "upper", "tolerance"}]`` of the experiment. Default none.
    prior
        What other searches have found, which it starts from. Default nothing.

    Raises
    ------
    AlgorithmError
        If there is no algorithm of that name, it has no such parameter, a value is invalid,
        the space is not what it requires, or two different seeds are given.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> space = build_space({"x": "uniform(0, 1)"})
    >>> create_algorithm({"GridSearch": {"n_values": 3}}, space).configuration
    {'gridsearch': {'n_values': 3}}
    >>> create_algorithm("gridserch", space)
    Traceback (most recent call last):
    ...
    orion_like.errors.AlgorithmError: algorithm 'gridserch' is unknown; there are ..., random, \
sobol, tpe (did you mean 'gridsearch'?)
    """
    choice = AlgorithmChoice.parse(configuration)
    kind = choice.algorithm
    cls = as_algorithm(kind) if isinstance(kind, type) else find_algorithm(kind)
    parameters = _known_parameters(cls, choice.parameters)
    seed = _one_seed(cls, choice.seed, seed)
    problem = Problem.build(space, seed, objectives, constraints, prior)
    algorithm = cls(problem, **parameters)
    return WarmStarted(algorithm) if problem.prior else algorithm


def _one_seed(cls: type[Algorithm], own: int | None, experiment: int | None) -> int:
    if own is not None and experiment is not None and own != experiment:
        raise AlgorithmError(
            f"algorithm {cls.name!r}: its seed {own} differs from the experiment's, {experiment}; "
            "they are one and the same, give it once"
        )
    return next((seed for seed in (own, experiment) if seed is not None), 0)


def _known_parameters(cls: type[Algorithm], parameters: Mapping[str, Any]) -> dict[str, Any]:
    known = cls.parameters()
    for name in parameters:
        if name in cls.foreign_parameters:
            logger.warning("algorithm %r: its parameter %r has no effect here", cls.name, name)
        elif name not in known:
            names = ", ".join(["seed", *known])
            raise AlgorithmError(
                f"algorithm {cls.name!r} has no parameter {name!r}; it has {names}"
                f"{did_you_mean(name, ['seed', *known])}"
            )
    return {name: value for name, value in parameters.items() if name in known}


def available_algorithms() -> list[str]:
    """Return the names of all algorithms, those of installed plug-ins included.

    Examples
    --------
    >>> available_algorithms()
    [..., 'random', 'sobol', 'tpe']
    """
    return sorted({*BUILT_IN, *_plug_ins()})


def find_algorithm(name: str) -> type[Algorithm]:
    """Return the class of an algorithm.

    Parameters
    ----------
    name
        Its name, in any case, or the path of its class: ``'my_package.search:Mine'``.

    Raises
    ------
    AlgorithmError
        If there is none of that name, or it cannot be loaded.
    """
    key = str(name).lower()
    key = ORIONS_NAMES.get(key, key)
    if key in BUILT_IN:
        module, _, attribute = BUILT_IN[key].partition(":")
        found: type[Algorithm] = getattr(import_module(module), attribute)
        return found
    plug_ins = _plug_ins()
    if key in plug_ins:
        plug_in = plug_ins[key]
        return _load(plug_in.load, f"algorithm {plug_in.name!r}: its plug-in {plug_in.value!r}")
    if ":" in key:
        path = EntryPoint(str(name), str(name), ENTRY_POINT_GROUP)
        return _load(path.load, f"algorithm {name!r}: this class")
    known = sorted({*BUILT_IN, *plug_ins})
    raise AlgorithmError(
        f"algorithm {name!r} is unknown; there are {', '.join(known)}{did_you_mean(key, known)}"
    )


def is_available(name: str) -> bool:
    """Tell whether there is an algorithm of this name, or a class at this path."""
    try:
        find_algorithm(name)
    except AlgorithmError:
        return False
    return True


def as_algorithm(cls: type[Any]) -> type[Algorithm]:
    """Return a class itself if it is an algorithm, or an adapter if it is written for Oríon.

    Raises
    ------
    AlgorithmError
        If it is neither.
    """
    from orion_like.algo.adapters.orion import adapt, is_written_for_orion

    if not issubclass(cls, Algorithm) and is_written_for_orion(cls):
        return adapt(cls)  # type: ignore[arg-type] # classes are hashable
    if issubclass(cls, Algorithm):
        return cls
    raise AlgorithmError(
        f"class {cls.__module__}:{cls.__qualname__} is not a subclass of "
        "orion_like.algo.Algorithm, nor has it the methods suggest and observe of a class "
        "written for Oríon"
    )


def _plug_ins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    # Oríon names an algorithm by its class.
    foreign = {
        point.value.rpartition(":")[2].lower(): point
        for point in entry_points(group=ORION_ENTRY_POINT_GROUP)
    }
    own = {point.name.lower(): point for point in entry_points(group=ENTRY_POINT_GROUP)}
    return foreign | own


def _load(load: Callable[[], Any], what: str) -> type[Algorithm]:
    try:
        found = load()
    except Exception as error:
        raise AlgorithmError(f"{what} cannot be loaded: {error}") from error
    if not isinstance(found, type):
        raise AlgorithmError(f"{what} is not a subclass of orion_like.algo.Algorithm")
    return as_algorithm(found)
