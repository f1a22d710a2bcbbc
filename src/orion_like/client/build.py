"""Ways to an ExperimentClient: build, get, and a loop in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orion_like.client.experiment_client import ExperimentClient
from orion_like.config import OPTIONS, Settings, load_settings, option_of
from orion_like.errors import ConfigurationError
from orion_like.experiment import ExperimentSettings, load_experiment
from orion_like.experiment import build_experiment as build
from orion_like.experiment.retention import checked_checkpoints
from orion_like.experiment.versions import Branching
from orion_like.experiment.warm_start import knowledge_source
from orion_like.space import Space
from orion_like.spelling import did_you_mean
from orion_like.storage import EphemeralDB, Storage, setup_storage
from orion_like.worker.checkpoint_storage import open_url
from orion_like.worker.executor import BaseExecutor, SingleExecutor

logger = logging.getLogger(__name__)


def build_experiment(
    name: str | None,
    version: int | None = None,
    space: Mapping[str, Any] | Space | None = None,
    algorithm: Any = None,
    algorithms: Any = None,
    strategy: Any = None,
    max_trials: float | None = None,
    max_broken: float | None = None,
    storage: Any = None,
    branching: Mapping[str, Any] | Branching | None = None,
    max_idle_time: float | None = None,
    heartbeat: float | None = None,
    working_dir: str | None = None,
    debug: bool = False,
    knowledge_base: Any = None,
    executor: str | BaseExecutor | None = None,
    *,
    seed: int | None = None,
    objectives: Sequence[Any] | None = None,
    constraints: Sequence[Any] | None = None,
    stopping: Any = None,
    checkpoints: Mapping[str, Any] | None = None,
    max_duration: float | None = None,
    warm_start: Any = None,
    metadata: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> ExperimentClient:
    """Create an experiment, or resume the one that has this name.

    Parameters
    ----------
    name
        Name of the experiment.
    version
        Version to resume; the latest by default.
    space
        Dimensions and their priors, nested if you like. Needed for a new experiment.
    algorithm
        Name, ``{name: parameters}``, or class. Default ``'tpe'``.
    algorithms
        The same; older name.
    strategy, max_idle_time
        Accepted and without effect.
    max_trials
        How many completed trials there shall be. Default: no limit.
    max_broken
        How many trials may break. Default 3.
    storage
        Path of a file, URL, dictionary or Storage. By default what the settings say.
    branching
        Settings of experiment versions, which win over those of files and environment:
        ``{"enable": True}`` makes a new version when something changes, instead of refusing
        it. See :doc:`versions`.
    heartbeat
        Seconds after which, twice over, a trial without a sign of life is given away.
    working_dir
        Directory below which trials work. Default: a temporary one.
    debug
        Whether to keep everything in memory. Default False.
    knowledge_base
        A storage, in any form that `storage` may have, all of whose experiments the search starts
        from as far as they fit; Oríon's ``{"KnowledgeBase": {"storage": …}}`` is understood.
    executor
        What runs the functions of ``workon``.
    seed
        Seed of everything random. Default: drawn when the experiment is created, and stored.
    objectives
        ``[{"name", "direction", "reference"}]`` or ``["name:maximize"]``. Default: one to be
        minimized.
    constraints
        Texts on parameters (``"x + y <= 1"``) or on a result (``"memory <= 8"``), and
        ``{"name", "lower", "upper", "tolerance"}`` or ``{"name", "equals", "tolerance"}`` on
        results.
    stopping
        Rules that stop trials early by what they report: a name such as ``'median'``, or
        ``{name: {parameter: value}}``. Default: none; an experiment that exists keeps its own,
        and ``{}`` ends them.
    checkpoints
        Where checkpoints are stored and how many are kept: ``{"storage": URL,
        "experiment_best": n, "experiment_latest": n, "trial_best": n, "trial_latest": n}``, each
        of which may be missing. Default: in the working directory, and all. An experiment that
        exists keeps what is not mentioned; None takes something back.
    max_duration
        Seconds after its first trial started in which trials are started. Default: no limit.
    warm_start
        One or several sources of finished trials to start from: names of experiments (``'demo'``,
        ``'demo:2'``), experiments of other databases (``'old.pkl#demo'``), tables
        (``'runs.csv'``, a data frame), studies of Optuna (``'optuna:///study.db#name'``), an
        `ExperimentClient`, or a mapping with options such as ``{"experiment": "demo", "task":
        "same"}``. Their trials are copied when the experiment is created. Default: none.
    metadata
        More fields of the experiment's description.
    settings
        Settings to use in place of those of files and environment.

    Raises
    ------
    NoConfigurationError
        If the experiment is new and no space is given.
    BranchingEvent
        If the experiment has trials, what is asked for differs from it, and it is not clear
        that a new version is wanted, or how it comes from this one.

    Examples
    --------
    >>> client = build_experiment("doc", space={"x": "uniform(0, 1)"}, storage="memory://")
    >>> client.space.configuration
    {'x': 'uniform(0, 1)'}
    """
    for option, value in (
        ("strategy", strategy),
        ("max_idle_time", max_idle_time),
    ):
        if value is not None:
            logger.warning("build_experiment: %s has no effect", option)
    settings = load_settings() if settings is None else settings
    asked = ExperimentSettings(
        space=space,
        algorithm=algorithm if algorithm is not None else algorithms,
        max_trials=max_trials,
        max_broken=max_broken,
        working_dir=working_dir,
        seed=seed,
        objectives=objectives,
        constraints=constraints,
        stopping=stopping,
        checkpoints=checkpoints,
        max_duration=max_duration,
        warm_start=_all_sources(warm_start, knowledge_base),
        metadata=metadata or {},
    )
    _check_checkpoint_storage(asked.checkpoints or settings["experiment.checkpoints"])
    experiment = build(
        _storage(storage, debug, settings),
        name,
        version,
        asked,
        _defaults(settings),
        branching if isinstance(branching, Branching) else read_branching(settings, branching),
    )
    return ExperimentClient(experiment, executor, heartbeat, settings)


def _all_sources(warm_start: Any, knowledge_base: Any) -> Any:
    if knowledge_base is None:
        return warm_start
    several = isinstance(warm_start, Sequence) and not isinstance(warm_start, str)
    named = list(warm_start) if several else [] if warm_start is None else [warm_start]
    return [*named, knowledge_source(knowledge_base)]


def _check_checkpoint_storage(checkpoints: Any) -> None:
    """Tell what is wrong with where checkpoints shall be stored before anything is created."""
    url = checked_checkpoints(checkpoints).get("storage")
    if url:
        open_url(url)


def _storage(storage: Any, debug: bool, settings: Settings) -> Storage:
    return setup_storage(settings.storage if storage is None else storage, debug)


def _defaults(settings: Settings) -> ExperimentSettings:
    return ExperimentSettings(
        algorithm=settings["experiment.algorithm"],
        max_trials=settings["experiment.max_trials"],
        max_broken=settings["experiment.max_broken"],
        working_dir=settings["experiment.working_dir"],
        stopping=settings["experiment.stopping"],
        checkpoints=settings["experiment.checkpoints"],
        max_duration=settings["experiment.max_duration"],
    )


def read_branching(settings: Settings, branching: Mapping[str, Any] | None = None) -> Branching:
    """Return what the settings say about experiment versions.

    Parameters
    ----------
    settings
        The settings.
    branching
        What wins over them, by the names of the section ``evc``.

    Raises
    ------
    ConfigurationError
        If a name is unknown, or a value is not what it should be.

    Examples
    --------
    >>> read_branching(load_settings(), {"enable": True}).enable
    True
    """
    given = {key: value for key, value in (branching or {}).items() if value is not None}
    unknown = sorted(set(given) - set(_BRANCHING))
    if unknown:
        raise ConfigurationError(
            f"branching has no {unknown[0]!r}{did_you_mean(unknown[0], _BRANCHING)}; it has "
            f"{', '.join(_BRANCHING)}"
        )
    decided = {
        key: settings[f"evc.{key}"]
        for key in _BRANCHING
        if settings.origin(f"evc.{key}") != "default"
    }
    for key, value in given.items():
        decided[key] = _checked(key, value)
    return Branching(**decided)


def _checked(key: str, value: Any) -> Any:
    kind = option_of(f"evc.{key}").kind
    try:
        return kind.cast(value)
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"branching: {key} must be {kind.expected}, not {value!r}"
        ) from None


_BRANCHING = tuple(o.key.removeprefix("evc.") for o in OPTIONS if o.key.startswith("evc."))


def create_experiment(name: str, **config: Any) -> ExperimentClient:
    """Do the same as :func:`build_experiment`; older name."""
    return build_experiment(name, **config)


def get_experiment(
    name: str, version: int | None = None, mode: str = "r", storage: Any = None
) -> ExperimentClient:
    """Return an experiment that exists, for reading by default.

    Parameters
    ----------
    name
        Name of the experiment.
    version
        Its version; the latest by default.
    mode
        ``'r'`` to read, ``'w'`` to insert and change trials, ``'x'`` to execute them.
    storage
        See :func:`build_experiment`.

    Raises
    ------
    NoConfigurationError
        If there is no such experiment.
    """
    settings = load_settings()
    experiment = load_experiment(_storage(storage, False, settings), name, version, mode)
    return ExperimentClient(experiment, settings=settings)


def workon(
    function: Callable[..., Any],
    space: Mapping[str, Any] | Space,
    name: str = "loop",
    algorithm: Any = None,
    algorithms: Any = None,
    max_trials: float | None = None,
    max_broken: float | None = None,
    knowledge_base: Any = None,
    **more: Any,
) -> ExperimentClient:
    """Optimize a function in this process, with nothing stored.

    Parameters
    ----------
    function
        Called with the parameters of a trial; returns the objective or a list of results.
    space, algorithm, algorithms, max_trials, max_broken, knowledge_base
        See :func:`build_experiment`.
    name
        Name of the experiment. Default ``'loop'``.
    **more
        More arguments of :func:`build_experiment`, such as `seed`.

    Returns
    -------
    The client, to look at the trials.

    Examples
    --------
    >>> client = workon(lambda x: x**2, {"x": "uniform(-1, 1)"}, max_trials=5, seed=1)
    >>> client.stats.trials_completed
    5
    """
    client = build_experiment(
        name,
        space=space,
        algorithm=algorithm if algorithm is not None else algorithms,
        max_trials=max_trials,
        max_broken=max_broken,
        knowledge_base=knowledge_base,
        storage=Storage(EphemeralDB()),
        executor=SingleExecutor(),
        **more,
    )
    client.workon(function, max_broken=client.max_broken)
    return client
