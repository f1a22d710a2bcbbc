"""From a name and settings to an experiment: created when it is new, resumed when it is not."""

from __future__ import annotations

import getpass
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from orion_like.algo import OutcomeConstraint, create_algorithm
from orion_like.algo.factory import DEFAULT_ALGORITHM
from orion_like.errors import (
    BranchingEvent,
    ConfigurationError,
    DuplicateKeyError,
    NoConfigurationError,
    NoNameError,
)
from orion_like.experiment.checking import (
    checked_constraints,
    checked_duration,
    checked_limit,
    checked_objectives,
    checked_seed,
)
from orion_like.experiment.experiment import MODES, Experiment
from orion_like.experiment.retention import with_checkpoints
from orion_like.experiment.stored_algorithm import is_known
from orion_like.experiment.warm_start import WarmStart, asked_sources, prepare
from orion_like.space import Space, build_space
from orion_like.spelling import did_you_mean
from orion_like.stopping import StoppingRules
from orion_like.storage import Storage
from orion_like.storage.adoption import adopt, is_adopted
from orion_like.version import __version__

logger = logging.getLogger(__name__)

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


def load_experiment(
    storage: Storage, name: str | None, version: int | None = None, mode: str = "r"
) -> Experiment:
    """Return an experiment that exists.

    Raises
    ------
    NoNameError
        If there is no name.
    NoConfigurationError
        If there is no such experiment.
    """
    if mode not in MODES:
        raise ConfigurationError(f"mode {mode!r} is unknown; it must be 'r', 'w' or 'x'")
    document = storage.fetch_experiment(_checked_name(name), version)
    if document is None:
        raise NoConfigurationError(_not_found(storage, str(name), version))
    _warn_of_version(document, version)
    if mode != "r" and not is_adopted(document):
        adopt(storage, document)
        document = storage.fetch_experiments({"_id": document["_id"]})[0]
    return Experiment(storage, document, mode)


def build_experiment(
    storage: Storage,
    name: str | None,
    version: int | None = None,
    settings: ExperimentSettings | None = None,
    defaults: ExperimentSettings | None = None,
) -> Experiment:
    """Create an experiment, or resume the one that has this name.

    Parameters
    ----------
    storage
        Where it lives.
    name
        Its name.
    version
        Its version; the latest by default.
    settings
        What is asked for. An experiment that exists keeps what is not mentioned.
    defaults
        What a new experiment gets where `settings` are silent.

    Raises
    ------
    NoNameError
        If there is no name.
    NoConfigurationError
        If the experiment is new and no search space is given.
    BranchingEvent
        If the experiment has trials, and another space, algorithm, seed, objective or
        constraint is asked for.
    """
    name = _checked_name(name)
    settings = settings or ExperimentSettings()
    document = storage.fetch_experiment(name, version)
    if document is None:
        configuration = _new_configuration(storage, name, settings, defaults)
        warm_start = _warm_start(storage, configuration, settings.warm_start)
        configuration |= {"warm_start": warm_start.description} if warm_start.description else {}
        try:
            return Experiment(storage, storage.create_experiment(configuration, warm_start.trials))
        except DuplicateKeyError:
            # Another process has just created it: resume that one.
            document = storage.fetch_experiment(name, version)
            if document is None:
                raise
    _warn_of_version(document, version)
    return _resume(storage, document, settings)


def _checked_name(name: str | None) -> str:
    if name is not None and not isinstance(name, str):
        raise NoNameError(f"the name of an experiment is text, not {name!r}")
    if not name:
        raise NoNameError("no name was given for the experiment (option -n/--name)")
    return name


def _not_found(storage: Storage, name: str, version: int | None) -> str:
    which = f"experiment {name!r}" + (f" version {version}" if version is not None else "")
    names = {doc["name"] for doc in storage.fetch_experiments(fields=["name", "version"])}
    return f"there is no {which} in {storage.url}{did_you_mean(name, names)}"


def _warn_of_version(document: Mapping[str, Any], version: int | None) -> None:
    stored = document.get("version", 1)
    if version is not None and version > stored:
        logger.warning(
            "experiment %r has no version %s; using the latest, %s",
            document["name"],
            version,
            stored,
        )


# --- creating ------------------------------------------------------------------------------------


def _new_configuration(
    storage: Storage,
    name: str,
    settings: ExperimentSettings,
    defaults: ExperimentSettings | None,
) -> dict[str, Any]:
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
    built, constraints = _space_and_constraints(space, choose("constraints", ()))
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


def _warm_start(storage: Storage, configuration: Mapping[str, Any], asked: Any) -> WarmStart:
    """Return the trials of others that an experiment starts from."""
    sources = asked_sources(asked, storage)
    if not sources:
        return WarmStart()
    built, constraints = _space_and_constraints(
        configuration["space"], configuration["constraints"]
    )
    return prepare(
        sources,
        storage,
        configuration["name"],
        built,
        configuration["objectives"],
        [entry for entry in constraints if not isinstance(entry, str)],
    )


def _space_and_constraints(
    space: Mapping[str, Any] | Space, constraints: Any
) -> tuple[Space, list[Any]]:
    """Return the space, and its constraints with those on results, as they are stored."""
    bare = space if isinstance(space, Space) else build_space(space)
    checked = checked_constraints(constraints, bare)
    checked = [*(text for text in bare.constraints if text not in checked), *checked]
    texts = [entry for entry in checked if isinstance(entry, str)]
    return build_space(bare.configuration, constraints=texts) if texts else bare, checked


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
        "user": _user(),
        "datetime": datetime.now(timezone.utc),
        "orion_like_version": __version__,
        **defaults.metadata,
        **{key: value for key, value in settings.metadata.items() if value is not None},
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


# --- resuming ------------------------------------------------------------------------------------


def _resume(storage: Storage, document: dict[str, Any], settings: ExperimentSettings) -> Experiment:
    adopt(storage, document)
    experiment = Experiment(storage, storage.fetch_experiments({"_id": document["_id"]})[0])
    changes = dict(_limit_changes(experiment, settings))
    changes.update(_replacement_of_unknown_algorithm(experiment, settings))
    differences = list(_differences(experiment, settings))
    if differences:
        if storage.count_by_status(experiment.id):
            raise BranchingEvent(_refusal(experiment, [text for _, _, text in differences]))
        changes.update({key: value for key, value, _ in differences})
    if "warm_start" in changes:
        changes["warm_start"] = _replaced_warm_start(storage, experiment, changes)
    if changes:
        experiment.update(**changes)
        experiment = Experiment(storage, storage.fetch_experiments({"_id": experiment.id})[0])
    return experiment


def _replaced_warm_start(
    storage: Storage, experiment: Experiment, changes: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Let an experiment without trials start from others than before."""
    document = experiment.configuration
    warm_start = _warm_start(storage, {**document, **changes}, changes["warm_start"])
    storage.replace_prior_trials(document, warm_start.description, warm_start.trials)
    return warm_start.description


def _limit_changes(
    experiment: Experiment, settings: ExperimentSettings
) -> Iterator[tuple[str, Any]]:
    if settings.max_duration is not None:
        seconds = checked_duration(settings.max_duration, "max_duration")
        if seconds != experiment.max_duration:
            yield "limits.max_duration", seconds
    for name in ("max_trials", "max_broken"):
        asked = getattr(settings, name)
        if asked is not None and checked_limit(asked, name) != getattr(experiment, name):
            yield name, checked_limit(asked, name)
    if settings.working_dir is not None and settings.working_dir != experiment.working_dir:
        yield "working_dir", settings.working_dir
    if settings.stopping is not None:
        stopping = StoppingRules(settings.stopping).configuration
        if stopping != experiment.stopping:
            yield "stopping", stopping

    if settings.checkpoints is not None:
        checkpoints = with_checkpoints(experiment.checkpoints, settings.checkpoints)
        if checkpoints != experiment.checkpoints:
            yield "checkpoints", checkpoints


def _differences(
    experiment: Experiment, settings: ExperimentSettings
) -> Iterator[tuple[str, Any, str]]:
    """Yield field, new value and description of what would change the search itself."""
    if settings.space or settings.constraints is not None:
        yield from _space_difference(experiment, settings)
    algorithm, seed = split_seed(settings.algorithm)
    seed = settings.seed if settings.seed is not None else seed
    if seed is not None and seed != experiment.seed:
        yield "seed", checked_seed(seed), f"seed {experiment.seed} → {seed}"
    if settings.objectives:
        objectives = checked_objectives(settings.objectives)
        if objectives != experiment.objectives:
            yield "objectives", objectives, f"objectives {experiment.objectives} → {objectives}"
    if algorithm is not None and is_known(experiment.configuration):
        yield from _algorithm_difference(experiment, algorithm)
    if settings.warm_start is not None:
        yield from _warm_start_difference(experiment, settings.warm_start)


def _warm_start_difference(experiment: Experiment, asked: Any) -> Iterator[tuple[str, Any, str]]:
    sources = asked_sources(asked, experiment.storage)
    stored = (experiment.warm_start or {}).get("asked") or []
    if [source.description for source in sources] != stored:
        names = ", ".join(map(str, sources)) or "nothing"
        yield "warm_start", sources, f"other sources of a warm start ({names})"


def _algorithm_difference(experiment: Experiment, algorithm: Any) -> Iterator[tuple[str, Any, str]]:
    asked = create_algorithm(
        algorithm,
        experiment.space,
        seed=experiment.seed,
        objectives=experiment.objectives,
        constraints=experiment.outcome_constraints,
    ).configuration
    stored = experiment.algorithm.configuration
    name = next(iter(asked))
    mentioned = next(iter(algorithm.values())) if isinstance(algorithm, Mapping) else {}
    same = name in stored and all(
        asked[name].get(key) == stored[name].get(key) for key in mentioned or {}
    )
    if not same:
        yield "algorithm", asked, f"algorithm {stored} → {asked}"


def _replacement_of_unknown_algorithm(
    experiment: Experiment, settings: ExperimentSettings
) -> dict[str, Any]:
    """Return what takes the place of an algorithm that only Oríon has."""
    if settings.algorithm is None or is_known(experiment.configuration):
        return {}
    replacement = create_algorithm(
        split_seed(settings.algorithm)[0],
        experiment.space,
        seed=experiment.seed,
        objectives=experiment.objectives,
        constraints=experiment.outcome_constraints,
    )
    return {"algorithm": replacement.configuration}


def _space_difference(
    experiment: Experiment, settings: ExperimentSettings
) -> Iterator[tuple[str, Any, str]]:
    stored = experiment.constraints
    built, constraints = _space_and_constraints(
        settings.space or experiment.space.configuration,
        stored if settings.constraints is None else settings.constraints,
    )
    if constraints != stored:
        change = " → ".join(map(_relations, (stored, constraints)))
        yield "constraints", constraints, f"constraints {change}"
    if built.configuration != experiment.space.configuration:
        changes = _changed_dimensions(experiment.space.configuration, built.configuration)
        yield "space", built.configuration, f"space ({'; '.join(changes)})"


def _relations(constraints: Sequence[Any]) -> str:
    texts = [c if isinstance(c, str) else str(OutcomeConstraint(**c)) for c in constraints]
    return "; ".join(texts) or "none"


def _changed_dimensions(stored: Mapping[str, str], asked: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*stored, *asked}):
        before, after = stored.get(name), asked.get(name)
        if before is None:
            yield f"new dimension {name}: {after}"
        elif after is None:
            yield f"dimension {name} is missing"
        elif before != after:
            yield f"{name}: {before} → {after}"


def _refusal(experiment: Experiment, differences: Sequence[str]) -> str:
    return (
        f"experiment {experiment.name!r} version {experiment.version} has trials already, so it "
        f"cannot be changed like this: {', '.join(differences)}. Resume it by its name alone, "
        "choose another name (-n), or delete its trials first "
        f"(orion-like db rm {experiment.name} --status '*')"
    )
