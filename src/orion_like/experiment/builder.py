"""From a name and settings to an experiment: created, resumed, or made a version of another."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orion_like.errors import (
    BranchingEvent,
    ConfigurationError,
    DuplicateKeyError,
    NoConfigurationError,
    NoNameError,
    RaceCondition,
)
from orion_like.experiment.checking import checked_seed
from orion_like.experiment.configuration import (
    ExperimentSettings,
    created_algorithm,
    new_configuration,
    prepared_warm_start,
    split_seed,
    user_name,
)
from orion_like.experiment.differences import (
    asked_fields,
    conflicts_with,
    limit_changes,
    replacement_of_unknown_algorithm,
)
from orion_like.experiment.experiment import MODES, Experiment
from orion_like.experiment.stored_algorithm import is_known
from orion_like.experiment.versions import Branching, Conflict, Resolutions
from orion_like.experiment.versions.branch import (
    branch,
    check_is_branch_of,
    find_successor,
    seed_of_child,
)
from orion_like.experiment.versions.conflict import OF_THE_SEARCH, PACKAGE_VERSION, WARM_START
from orion_like.experiment.versions.marker import split_markers
from orion_like.space import Space
from orion_like.spelling import did_you_mean
from orion_like.storage import Storage
from orion_like.storage.adoption import adopt, is_adopted
from orion_like.version import __version__

logger = logging.getLogger(__name__)

_MAX_RACES = 100  # times that others may be faster before something must be wrong


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
        configuration = new_configuration(storage, name, settings, defaults)
        warm_start = prepared_warm_start(storage, configuration, settings.warm_start)
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
    changes = dict(limit_changes(experiment, settings))
    changes.update(replacement_of_unknown_algorithm(experiment, settings))
    asked = asked_fields(experiment, settings, branching)
    conflicts = conflicts_with(experiment, asked, settings, branching)
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
    warm_start = prepared_warm_start(storage, {**document, **changes}, changes["warm_start"])
    storage.replace_prior_trials(document, warm_start.description, warm_start.trials)
    return warm_start.description


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


# --- versions ------------------------------------------------------------------------------------


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
    conflicts = conflicts_with(made, asked_fields(made, settings, branching), settings, branching)
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
    child["metadata"] = {**metadata, "user": user_name(), "orion_like_version": __version__}
    if settings.metadata.get("user") is not None:
        child["metadata"]["user"] = settings.metadata["user"]
    created_algorithm(
        child["algorithm"], child
    )  # what does not fit is told before anything is stored
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
    warm_start = prepared_warm_start(storage, {**child, "name": target}, sources)
    child = {**child, "warm_start": warm_start.description}
    try:
        document = branch(storage, experiment.configuration, child, resolutions, warm_start.trials)
    except DuplicateKeyError:
        raise _Overtaken from None
    logger.info("made %s-v%s of %s", document["name"], document["version"], experiment)
    if branching.announce is not None:
        branching.announce(document, resolutions)
    return Experiment(storage, document)
