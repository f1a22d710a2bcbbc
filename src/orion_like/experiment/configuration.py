"""What is asked of an experiment, and the document of a new one."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from orion_like.algo import Algorithm, create_algorithm
from orion_like.algo.factory import DEFAULT_ALGORITHM
from orion_like.errors import ConfigurationError, NoConfigurationError
from orion_like.experiment.checking import (
    checked_constraints,
    checked_duration,
    checked_limit,
    checked_objectives,
    checked_seed,
)
from orion_like.experiment.retention import with_checkpoints
from orion_like.experiment.warm_start import WarmStart, asked_sources, prepare
from orion_like.space import Space, build_space
from orion_like.stopping import StoppingRules
from orion_like.storage import Storage
from orion_like.version import __version__

DEFAULT_OBJECTIVES = ({"name": "objective", "direction": "minimize"},)
DEFAULT_MAX_BROKEN = 3
SEED_BITS = 31


@dataclass(frozen=True)
class ExperimentSettings:
    """What was asked for; None is what was not mentioned.

    Parameters
    ----------
    space
        Dimensions and their priors, nested if you like.
    algorithm
        Name, or ``{name: parameters}``.
    max_trials, max_broken
        Limits; infinity is none.
    working_dir
        Directory below which trials work.
    seed
        Seed of everything random.
    objectives
        ``[{"name", "direction"}]``.
    constraints
        Texts such as ``"x + y <= 1"``, and ``{"name", "lower", "upper", "tolerance"}``.
    stopping
        Rules that stop trials early: a name, or ``{name: {parameter: value}}``; empty for none.
    checkpoints
        Where checkpoints are stored, and how many are kept; None takes a number back.
    max_duration
        Seconds after its first trial started in which trials are started; infinity for any.
    warm_start
        Sources of trials to start from, see `Source.parse`.
    metadata
        Whatever else belongs to the experiment's description.
    is_whole_space
        Whether dimensions that `space` does not mention are not wanted. Default True.
    """

    space: Mapping[str, Any] | Space | None = None
    algorithm: Any = None
    max_trials: float | None = None
    max_broken: float | None = None
    working_dir: str | None = None
    seed: int | None = None
    objectives: Sequence[Any] | None = None
    constraints: Sequence[Any] | None = None
    stopping: Any = None
    checkpoints: Mapping[str, Any] | None = None
    max_duration: float | None = None
    warm_start: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_whole_space: bool = True


def new_configuration(
    storage: Storage,
    name: str,
    settings: ExperimentSettings,
    defaults: ExperimentSettings | None,
) -> dict[str, Any]:
    """Return the document of a new experiment.

    Parameters
    ----------
    storage
        Where it will live, for messages.
    name
        Its name.
    settings
        What is asked for.
    defaults
        What it gets where `settings` are silent.

    Raises
    ------
    NoConfigurationError
        If no search space is given.
    """
    defaults = defaults or ExperimentSettings()

    def choose(key: str, fallback: Any = None) -> Any:
        for source in (settings, defaults):
            value = getattr(source, key)
            if value is not None:
                return value
        return fallback

    space = choose("space")
    if not space:
        raise NoConfigurationError(
            f"experiment {name!r} is new in {storage.url} and no search space is given; "
            "at least one prior is needed, such as --lr~'loguniform(1e-5, 1)' "
            "or space={'lr': 'loguniform(1e-5, 1)'}"
        )
    built, constraints = space_and_constraints(space, choose("constraints", ()))
    algorithm, seed = split_seed(choose("algorithm", DEFAULT_ALGORITHM))
    seed = next((s for s in (settings.seed, seed, defaults.seed) if s is not None), None)
    seed = secrets.randbits(SEED_BITS) if seed is None else checked_seed(seed)
    objectives = checked_objectives(choose("objectives", ()) or DEFAULT_OBJECTIVES)
    instance = create_algorithm(
        algorithm,
        built,
        seed=seed,
        objectives=objectives,
        constraints=[entry for entry in constraints if not isinstance(entry, str)],
    )
    return {
        "name": name,
        "version": 1,
        "space": built.configuration,
        "algorithm": instance.configuration,
        "max_trials": checked_limit(choose("max_trials"), "max_trials"),
        "max_broken": checked_limit(choose("max_broken", DEFAULT_MAX_BROKEN), "max_broken"),
        "working_dir": choose("working_dir", ""),
        "metadata": _metadata(settings, defaults),
        "refers": {"root_id": None, "parent_id": None, "adapter": []},
        "seed": seed,
        "objectives": objectives,
        "constraints": constraints,
        "stopping": StoppingRules(choose("stopping")).configuration,
        "checkpoints": with_checkpoints({}, choose("checkpoints", {})),
        "state": "active",
        "limits": {"max_duration": checked_duration(choose("max_duration"), "max_duration")},
        "labels": [],
        "notes": "",
        "archived": False,
    }


def prepared_warm_start(
    storage: Storage, configuration: Mapping[str, Any], asked: Any
) -> WarmStart:
    """Return the trials of others that an experiment starts from."""
    sources = asked_sources(asked, storage)
    if not sources:
        return WarmStart()
    built, constraints = space_and_constraints(configuration["space"], configuration["constraints"])
    return prepare(
        sources,
        storage,
        configuration["name"],
        built,
        configuration["objectives"],
        [entry for entry in constraints if not isinstance(entry, str)],
    )


def space_and_constraints(
    space: Mapping[str, Any] | Space, constraints: Any
) -> tuple[Space, list[Any]]:
    """Return the space, and its constraints with those on results, as they are stored."""
    bare = space if isinstance(space, Space) else build_space(space)
    checked = checked_constraints(constraints, bare)
    checked = [*(text for text in bare.constraints if text not in checked), *checked]
    texts = [entry for entry in checked if isinstance(entry, str)]
    return build_space(bare.configuration, constraints=texts) if texts else bare, checked


def created_algorithm(algorithm: Any, document: Mapping[str, Any]) -> Algorithm:
    """Return an algorithm for the search that the document of an experiment describes."""
    space, constraints = space_and_constraints(document["space"], document.get("constraints") or [])
    return create_algorithm(
        algorithm,
        space,
        seed=int(document.get("seed") or 0),
        objectives=document.get("objectives") or [],
        constraints=[entry for entry in constraints if not isinstance(entry, str)],
    )


def split_seed(algorithm: Any) -> tuple[Any, int | None]:
    """Return the algorithm without the seed among its parameters, and that seed.

    Examples
    --------
    >>> split_seed({"random": {"seed": 1}})
    ({'random': {}}, 1)
    >>> split_seed({"of_type": "tpe", "seed": 2})
    ({'tpe': {}}, 2)
    """
    if not isinstance(algorithm, Mapping):
        return algorithm, None
    if "of_type" in algorithm:
        parameters = {key: value for key, value in algorithm.items() if key != "of_type"}
        algorithm = {algorithm["of_type"]: parameters}
    if len(algorithm) != 1:
        raise ConfigurationError(
            f"algorithm must be a name or {{name: {{parameter: value}}}}, not {dict(algorithm)!r}"
        )
    name, parameters = next(iter(algorithm.items()))
    if parameters is not None and not isinstance(parameters, Mapping):
        raise ConfigurationError(
            f"algorithm {name!r}: its parameters must be a dictionary, not {parameters!r}"
        )
    remaining = dict(parameters or {})
    seed = remaining.pop("seed", None)
    return {name: remaining}, seed


def _metadata(settings: ExperimentSettings, defaults: ExperimentSettings) -> dict[str, Any]:
    return {
        "user": user_name(),
        "datetime": datetime.now(timezone.utc),
        "orion_like_version": __version__,
        **defaults.metadata,
        **{key: value for key, value in settings.metadata.items() if value is not None},
    }


def user_name() -> str:
    """Return the name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
