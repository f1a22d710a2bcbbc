"""What settings would change in an experiment that exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orion_like.errors import NoConfigurationError
from orion_like.experiment.checking import (
    checked_duration,
    checked_limit,
    checked_objectives,
    checked_seed,
)
from orion_like.experiment.configuration import (
    ExperimentSettings,
    created_algorithm,
    space_and_constraints,
    split_seed,
)
from orion_like.experiment.experiment import Experiment
from orion_like.experiment.retention import with_checkpoints
from orion_like.experiment.stored_algorithm import is_known
from orion_like.experiment.versions import Branching, Conflict, find_conflicts
from orion_like.experiment.versions.conflict import CODE, WARM_START, prior_texts
from orion_like.experiment.versions.marker import RENAME
from orion_like.experiment.warm_start import asked_sources
from orion_like.space import Space
from orion_like.stopping import StoppingRules
from orion_like.version import __version__


def limit_changes(
    experiment: Experiment, settings: ExperimentSettings
) -> Iterator[tuple[str, Any]]:
    """Yield the fields that may always be other ones, with their new values."""
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


def asked_fields(
    experiment: Experiment, settings: ExperimentSettings, branching: Branching
) -> dict[str, Any]:
    """Return the fields of the search, and of what is run, that would be other ones.

    Parameters
    ----------
    experiment
        The experiment.
    settings
        What is asked for.
    branching
        The markers of its search space.

    Returns
    -------
    The fields as they would be stored.
    """
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


def conflicts_with(
    experiment: Experiment,
    asked: Mapping[str, Any],
    settings: ExperimentSettings,
    branching: Branching,
) -> list[Conflict]:
    """Return all that differs between an experiment and what is asked for.

    Parameters
    ----------
    experiment, settings, branching
        See `asked_fields`.
    asked
        What that gave.
    """
    stored = experiment.configuration
    wanted = {**stored, **asked}
    wanted["metadata"] = {**wanted.get("metadata", {}), "orion_like_version": __version__}
    found = find_conflicts(stored, wanted, branching.compare_commands)
    found += _warm_start_conflicts(experiment, settings.warm_start)
    return [c for c in found if not (c.kind == CODE and branching.ignore_code_changes)]


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
    configuration = created_algorithm(algorithm, wanted).configuration
    name = next(iter(configuration))
    mentioned = next(iter(algorithm.values())) if isinstance(algorithm, Mapping) else {}
    same = name in stored and all(
        configuration[name].get(key) == stored[name].get(key) for key in mentioned or {}
    )
    if not same:
        yield "algorithm", configuration


def replacement_of_unknown_algorithm(
    experiment: Experiment, settings: ExperimentSettings
) -> dict[str, Any]:
    """Return what takes the place of an algorithm that only Oríon has."""
    if settings.algorithm is None or is_known(experiment.configuration):
        return {}
    algorithm = created_algorithm(split_seed(settings.algorithm)[0], experiment.configuration)
    return {"algorithm": algorithm.configuration}


def _asked_space(
    experiment: Experiment, settings: ExperimentSettings, branching: Branching
) -> Iterator[tuple[str, Any]]:
    stored = experiment.constraints
    built, constraints = space_and_constraints(
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
