"""From a name and settings to an experiment: created, resumed, or made a version of another."""

from __future__ import annotations

import getpass
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from orion_like.algo import Algorithm, create_algorithm
from orion_like.algo.factory import DEFAULT_ALGORITHM
from orion_like.errors import (
    BranchingEvent,
    ConfigurationError,
    DuplicateKeyError,
    NoConfigurationError,
    NoNameError,
    RaceCondition,
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
from orion_like.experiment.versions import Branching, Conflict, Resolutions, find_conflicts
from orion_like.experiment.versions.branch import (
    branch,
    check_is_branch_of,
    find_successor,
    seed_of_child,
)
from orion_like.experiment.versions.conflict import (
    CODE,
    OF_THE_SEARCH,
    PACKAGE_VERSION,
    WARM_START,
    prior_texts,
)
from orion_like.experiment.versions.marker import RENAME, split_markers
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
_MAX_RACES = 100  # times that others may be faster before something must be wrong


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
    branching: Branching | None = None,
) -> Experiment:
    """Create an experiment, resume the one that has this name, or make a new version of it.

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
    branching
        Whether and how changes make a new version. By default they do not.

    Raises
    ------
    NoNameError
        If there is no name.
    NoConfigurationError
        If the experiment is new and no search space is given.
    BranchingEvent
        If what is asked for differs from the experiment, and it is not clear what shall become
        of its trials.
    RaceCondition
        If others make versions of it all the time.
    """
    name = _checked_name(name)
    settings, branching = _without_markers(settings or ExperimentSettings(), branching)
    for _ in range(_MAX_RACES):
        try:
            return _build(storage, name, version, settings, defaults, branching)
        except _Overtaken:
            continue
    raise RaceCondition(
        f"others made versions of experiment {name!r} whenever this process was about to; "
        "look which there are (orion-like list) and try again"
    )


class _Overtaken(Exception):
    """Another process created the experiment or version in the meantime."""


def _build(
    storage: Storage,
    name: str,
    version: int | None,
    settings: ExperimentSettings,
    defaults: ExperimentSettings | None,
    branching: Branching,
) -> Experiment:
    source = branching.branch_from or name
    target = branching.branch_to or name
    if name not in (source, target):
        raise ConfigurationError(
            f"three names are given: {name!r}, {source!r} to branch from and {target!r} to branch "
            "to; leave one out"
        )
    document = storage.fetch_experiment(target, version if target == source else None)
    if document is None and target != source:
        parent = storage.fetch_experiment(source, version)
        if parent is None:
            raise NoConfigurationError(f"{_not_found(storage, source, version)} to branch from")
        _warn_of_version(parent, version)
        return _resume(storage, parent, version, settings, branching, target)
    if document is None:
        configuration = _new_configuration(storage, name, settings, defaults)
        warm_start = _warm_start(storage, configuration, settings.warm_start)
        configuration |= {"warm_start": warm_start.description} if warm_start.description else {}
        try:
            return Experiment(storage, storage.create_experiment(configuration, warm_start.trials))
        except DuplicateKeyError:
            # Another process has just created it: resume that one.
            raise _Overtaken from None
    if target != source:
        check_is_branch_of(storage, document, source)
    else:
        _warn_of_version(document, version)
    return _resume(storage, document, version, settings, branching, target)


def _without_markers(
    settings: ExperimentSettings, branching: Branching | None
) -> tuple[ExperimentSettings, Branching]:
    """Return the settings with a plain space, and what its markers say with the rest of it."""
    branching = branching or Branching()
    if not settings.space or isinstance(settings.space, Space):
        return settings, branching
    space, markers = split_markers(settings.space)
    is_whole = len(markers) < len(settings.space)
    markers = {**branching.markers, **markers}
    settings = replace(settings, space=space, is_whole_space=is_whole)
    return settings, replace(branching, markers=markers)


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


def _resume(
    storage: Storage,
    document: dict[str, Any],
    version: int | None,
    settings: ExperimentSettings,
    branching: Branching,
    target: str,
) -> Experiment:
    """Return the experiment with what may change in it, or a version of it in which more did."""
    adopt(storage, document)
    experiment = Experiment(storage, storage.fetch_experiments({"_id": document["_id"]})[0])
    changes = dict(_limit_changes(experiment, settings))
    changes.update(_replacement_of_unknown_algorithm(experiment, settings))
    asked = _asked(experiment, settings, branching)
    conflicts = _conflicts(experiment, asked, settings, branching)
    if branching.is_asked_for and (conflicts or experiment.name != target):
        # Whoever makes a version after this line takes its number, or is seen as the successor.
        number = _next_version(storage, target)
        if experiment.name == target:
            successor = find_successor(storage, experiment.configuration)
            if successor is not None:
                return _go_on_with(successor, experiment, version, settings, branching)
        child = _child(
            experiment, {**changes, **asked, "name": target, "version": number}, settings
        )
        return _branch(experiment, child, settings.warm_start, conflicts, branching, target)
    of_search = [conflict for conflict in conflicts if conflict.kind in OF_THE_SEARCH]
    is_version = experiment.refers.get("parent_id") is not None  # what adapters lead to
    if of_search and (is_version or storage.count_by_status(experiment.id)):
        raise BranchingEvent(_refusal(experiment, conflicts, branching))
    _warn_of_other_state(experiment, [c for c in conflicts if c not in of_search])
    # The code's state stays that of the beginning: it is what trials are told apart by.
    metadata = {**asked.pop("metadata", {}), "VCS": experiment.metadata.get("VCS")}
    if any(value != experiment.metadata.get(key) for key, value in metadata.items()):
        asked["metadata"] = {k: v for k, v in metadata.items() if v is not None}
    changes.update(asked)
    for conflict in of_search:
        if conflict.kind == WARM_START:
            changes["warm_start"] = _replaced_warm_start(
                storage, experiment, {**changes, "warm_start": conflict.new}
            )
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


def _next_version(storage: Storage, name: str) -> int:
    latest = storage.fetch_experiment(name)
    return 1 if latest is None else int(latest.get("version", 1)) + 1


def _go_on_with(
    successor: Any,
    experiment: Experiment,
    version: int | None,
    settings: ExperimentSettings,
    branching: Branching,
) -> Experiment:
    """Return the version that was made from the one given, if it is just what is asked for."""
    if version is None:  # it was the latest a moment ago
        raise _Overtaken
    storage = experiment.storage
    made = Experiment(storage, storage.fetch_experiments({"_id": successor})[0])
    conflicts = _conflicts(made, _asked(made, settings, branching), settings, branching)
    if not conflicts:
        return _resume(storage, made.configuration, None, settings, branching, made.name)
    raise BranchingEvent(
        f"version {made.version} was made from version {version} of experiment "
        f"{experiment.name!r} already, and is not what is asked for now "
        f"({'; '.join(map(str, conflicts))}). Make a new version of the latest, by leaving out "
        "-v/--version, or give the branch a name of its own: -b/--branch-to NAME"
    )


def _child(
    experiment: Experiment, changes: Mapping[str, Any], settings: ExperimentSettings
) -> dict[str, Any]:
    """Return the document of a version with some fields changed, after making sure of it."""
    stored = experiment.configuration
    child = {**stored, **changes}
    if "limits.max_duration" in child:
        seconds = child.pop("limits.max_duration")
        child["limits"] = {**(stored.get("limits") or {}), "max_duration": seconds}
    if "algorithm" not in changes and is_known(stored):
        child["algorithm"] = experiment.algorithm.configuration
    given = settings.seed if settings.seed is not None else split_seed(settings.algorithm)[1]
    title = f"{child['name']}-v{child['version']}"
    seed = seed_of_child(experiment.seed, title) if given is None else checked_seed(given)
    child["seed"] = seed
    metadata = {k: v for k, v in child.get("metadata", {}).items() if k != "orion_version"}
    child["metadata"] = {**metadata, "user": _user(), "orion_like_version": __version__}
    if settings.metadata.get("user") is not None:
        child["metadata"]["user"] = settings.metadata["user"]
    _created(child["algorithm"], child)  # what does not fit is told before anything is stored
    return child


def _branch(
    experiment: Experiment,
    child: dict[str, Any],
    sources: Any,
    conflicts: Sequence[Conflict],
    branching: Branching,
    target: str,
) -> Experiment:
    storage = experiment.storage
    resolutions = Resolutions(conflicts, branching, target)
    warm_start = _warm_start(storage, {**child, "name": target}, sources)
    child = {**child, "warm_start": warm_start.description}
    try:
        document = branch(storage, experiment.configuration, child, resolutions, warm_start.trials)
    except DuplicateKeyError:
        raise _Overtaken from None
    logger.info("made %s-v%s of %s", document["name"], document["version"], experiment)
    if branching.announce is not None:
        branching.announce(document, resolutions)
    return Experiment(storage, document)


def _conflicts(
    experiment: Experiment,
    asked: Mapping[str, Any],
    settings: ExperimentSettings,
    branching: Branching,
) -> list[Conflict]:
    stored = experiment.configuration
    wanted = {**stored, **asked}
    wanted["metadata"] = {**wanted.get("metadata", {}), "orion_like_version": __version__}
    found = find_conflicts(stored, wanted, branching.compare_commands)
    found += _warm_start_conflicts(experiment, settings.warm_start)
    return [c for c in found if not (c.kind == CODE and branching.ignore_code_changes)]


def _warn_of_other_state(experiment: Experiment, conflicts: Sequence[Conflict]) -> None:
    """Say that what is run differs, where that makes no version."""
    told = [str(conflict) for conflict in conflicts if conflict.kind != PACKAGE_VERSION]
    if told:
        logger.warning(
            "experiment %r goes on in version %s although what it runs differs from before: %s; "
            "to tell trials before and after apart, add --enable-evc when something changes",
            experiment.name,
            experiment.version,
            "; ".join(told),
        )


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


def _asked(
    experiment: Experiment, settings: ExperimentSettings, branching: Branching
) -> dict[str, Any]:
    """Return the fields that would be other ones, as they would be stored."""
    asked: dict[str, Any] = {}
    if settings.space is not None or settings.constraints is not None:
        asked.update(_asked_space(experiment, settings, branching))
    algorithm, seed = split_seed(settings.algorithm)
    seed = settings.seed if settings.seed is not None else seed
    if seed is not None and seed != experiment.seed:
        asked["seed"] = checked_seed(seed)
    if settings.objectives:
        objectives = checked_objectives(settings.objectives)
        if objectives != experiment.objectives:
            asked["objectives"] = objectives
    if algorithm is not None and is_known(experiment.configuration):
        asked.update(_asked_algorithm(experiment, algorithm, asked))
    if settings.metadata:
        # What is empty is not known, such as the code's version without git.
        given = {k: v for k, v in settings.metadata.items() if v and k != "user"}
        asked["metadata"] = {**experiment.metadata, **given}
    return asked


def _warm_start_conflicts(experiment: Experiment, asked: Any) -> Iterator[Conflict]:
    if asked is None:
        return
    sources = asked_sources(asked, experiment.storage)
    stored = (experiment.warm_start or {}).get("asked") or []
    if [source.description for source in sources] != stored:
        names = ", ".join(map(str, sources)) or "nothing"
        yield Conflict(WARM_START, f"other sources of a warm start ({names})", stored, sources)


def _asked_algorithm(
    experiment: Experiment, algorithm: Any, asked: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    stored = experiment.algorithm.configuration
    wanted = {**experiment.configuration, **asked}
    configuration = _created(algorithm, wanted).configuration
    name = next(iter(configuration))
    mentioned = next(iter(algorithm.values())) if isinstance(algorithm, Mapping) else {}
    same = name in stored and all(
        configuration[name].get(key) == stored[name].get(key) for key in mentioned or {}
    )
    if not same:
        yield "algorithm", configuration


def _created(algorithm: Any, document: Mapping[str, Any]) -> Algorithm:
    """Return an algorithm for the search that the document of an experiment describes."""
    space, constraints = _space_and_constraints(
        document["space"], document.get("constraints") or []
    )
    return create_algorithm(
        algorithm,
        space,
        seed=int(document.get("seed") or 0),
        objectives=document.get("objectives") or [],
        constraints=[entry for entry in constraints if not isinstance(entry, str)],
    )


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


def _asked_space(
    experiment: Experiment, settings: ExperimentSettings, branching: Branching
) -> Iterator[tuple[str, Any]]:
    stored = experiment.constraints
    built, constraints = _space_and_constraints(
        _space_to_be(experiment, settings, branching.markers),
        stored if settings.constraints is None else settings.constraints,
    )
    if constraints != stored:
        yield "constraints", constraints
    if built.configuration != experiment.space.configuration:
        yield "space", built.configuration


def _space_to_be(
    experiment: Experiment, settings: ExperimentSettings, markers: Mapping[str, str]
) -> Mapping[str, Any] | Space:
    """Return the space that is asked for, with what markers keep of the one there is."""
    stored = experiment.space.configuration
    if not settings.space and not markers:
        return stored
    if isinstance(settings.space, Space):
        return settings.space
    asked = dict(settings.space or {})
    if not settings.is_whole_space:
        kept = {name: prior for name, prior in stored.items() if name not in markers}
        asked = {**kept, **asked}
    flat = prior_texts(asked) if asked else {}
    for old, marker in markers.items():
        new = marker.removeprefix(RENAME)
        if new != marker and not {new, f"/{new}"} & flat.keys():
            name = f"/{new.removeprefix('/')}" if old.startswith("/") else new
            prior = stored.get(old) or stored.get(name)
            if prior is not None:
                asked[name] = prior
    if not asked:
        raise NoConfigurationError(
            f"nothing is left to search in experiment {experiment.name!r}: all its dimensions "
            "are removed"
        )
    return asked


def _refusal(experiment: Experiment, conflicts: Sequence[Conflict], branching: Branching) -> str:
    resolutions = Resolutions(conflicts, branching, experiment.name)
    marks = [
        choice
        for conflict in conflicts
        if conflict.name
        for choice in [resolutions.choices(conflict)]
    ]
    marked = f" (or say of each change what it is: {'; '.join(marks)})" if marks else ""
    has = "was made from another version"
    if experiment.refers.get("parent_id") is None:
        has = "has trials already"
    return (
        f"experiment {experiment.name!r} version {experiment.version} {has}, so it "
        f"cannot be changed like this: {'; '.join(map(str, conflicts))}. Make a new version of it, "
        "which uses the trials as far as they fit: --enable-evc, or "
        f"branching={{'enable': True}}{marked}; choose another name (-n); resume it as it is, by "
        "its name alone; or delete its trials first "
        f"(orion-like db rm {experiment.name} --status '*')"
    )
