"""From the options of `hunt` and `init-only` to an experiment, new or resumed."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import did_you_mean
from orion_like.cli.session import Selection, required_name
from orion_like.errors import NoConfigurationError, UnsupportedOperation

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.config import Settings
    from orion_like.storage import Storage
    from orion_like.worker.command import UserCommand

logger = logging.getLogger(__name__)

DIRECTIONS = {
    "minimize": "minimize",
    "min": "minimize",
    "maximize": "maximize",
    "max": "maximize",
}
UNMISTAKABLE = (
    "--exp-max-trials",
    "--max-trials",
    "--exp-max-broken",
    "--worker-max-trials",
    "--worker-max-broken",
)


@dataclass(frozen=True)
class Registered:
    """An experiment that is in the storage, and the command that it tunes."""

    client: ExperimentClient
    command: UserCommand
    settings: Settings


def experiment_overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the options of the experiment override.

    Parameters
    ----------
    options
        Values of `orion_like.cli.options.experiment_options`.
    """
    working_dir = options.get("working_dir")
    return {
        "experiment.max_trials": options.get("exp_max_trials"),
        "experiment.max_broken": options.get("exp_max_broken"),
        "experiment.max_duration": options.get("exp_max_duration"),
        "experiment.working_dir": os.path.abspath(os.path.expanduser(working_dir))
        if working_dir
        else working_dir,
        "experiment.algorithm": parse_algorithms(options.get("algorithms") or ()),
        "experiment.objectives": parse_objectives(options.get("objectives") or ()) or None,
        "experiment.constraints": [
            parse_constraint(text) for text in options.get("constraints") or ()
        ]
        or None,
        "experiment.stopping": parse_stopping(options.get("stopping") or ()),
        "experiment.checkpoints": checkpoint_settings(options) or None,
        "experiment.warm_start": [parse_source(text) for text in options.get("warm_start") or ()]
        or None,
        "experiment.seed": options.get("seed"),
        "worker.user_script_config": options.get("user_script_config"),
    }


def checkpoint_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what options say of checkpoints.

    Examples
    --------
    >>> checkpoint_settings({"keep_best": 3, "keep_trial_latest": None})
    {'experiment_best': 3}
    """
    counts = {
        "experiment_best": options.get("keep_best"),
        "experiment_latest": options.get("keep_latest"),
        "trial_best": options.get("keep_trial_best"),
        "trial_latest": options.get("keep_trial_latest"),
    }
    given = {key: value for key, value in counts.items() if value is not None}
    if options.get("keep_all"):
        if given:
            raise click.UsageError("--keep-all excludes the other options that say what is kept")
        given = dict.fromkeys(counts)
    if options.get("checkpoint_storage") is not None:
        given["storage"] = options["checkpoint_storage"] or None
    return given


def refuse_branching(options: Mapping[str, Any]) -> None:
    """Raise an error if options ask for a new version of an experiment.

    The options that only say how versions would be made have no effect without
    ``--enable-evc``, and are accepted.
    """
    asked = [
        "--" + name.replace("_", "-")
        for name in ("enable_evc", "branch_to", "branch_from", "manual_resolution")
        if options.get(name)
    ]
    if asked:
        raise UnsupportedOperation(
            f"{', '.join(asked)}: experiments cannot branch into versions yet; "
            "give the changed experiment a name of its own with -n/--name"
        )


def warn_of_misplaced_options(user_args: Sequence[str]) -> None:
    """Warn of options that are meant for us, certainly, but handed to the user's command."""
    misplaced = [word for word in user_args if word.partition("=")[0] in UNMISTAKABLE]
    if misplaced:
        logger.warning(
            "%s stands after the command and is left to it; our options come before the command",
            ", ".join(misplaced),
        )


def worker_overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the options of the worker override.

    Parameters
    ----------
    options
        Values of `orion_like.cli.options.worker_options`.
    """
    from orion_like.config import OF_ARGUMENTS

    words = {"--" + name.replace("_", "-"): value for name, value in options.items()}
    given = {OF_ARGUMENTS[word].key: value for word, value in words.items() if word in OF_ARGUMENTS}
    return {key: value for key, value in given.items() if key.startswith("worker.")}


def register(
    selection: Selection, storage: Storage, settings: Settings, user_args: Sequence[str]
) -> Registered:
    """Create the experiment, or resume the one that has its name.

    Parameters
    ----------
    selection
        The options that say which experiment is meant.
    storage
        Where it lives.
    settings
        What is configured for it.
    user_args
        The command to tune; empty to resume with the one that is stored.

    Raises
    ------
    NoNameError
        If the experiment has no name.
    click.UsageError
        If there is nothing to search.
    """
    from orion_like.client import build_experiment

    name, version = required_name(settings), settings["experiment.version"]
    document = storage.fetch_experiment(name, version)
    command, space = _command_and_space(settings, name, document, user_args)
    client = build_experiment(
        name,
        version,
        space=space,
        algorithm=settings.explicit("experiment.algorithm"),
        max_trials=_asked_limit(selection, settings, "experiment.max_trials"),
        max_broken=settings.explicit("experiment.max_broken"),
        max_duration=_asked_limit(selection, settings, "experiment.max_duration"),
        working_dir=settings.explicit("experiment.working_dir"),
        storage=storage,
        seed=settings["experiment.seed"],
        objectives=settings["experiment.objectives"] or None,
        constraints=settings["experiment.constraints"] or None,
        stopping=settings.explicit("experiment.stopping"),
        checkpoints=settings.explicit("experiment.checkpoints"),
        warm_start=settings["experiment.warm_start"] or None,
        knowledge_base=settings["experiment.knowledge_base"],
        metadata=_metadata(settings, command) if document is None else None,
        settings=settings,
    )
    _remember_command(client, command, resumed=not user_args)
    _warn_of_unplaced(client, command)
    return Registered(client, command, settings)


def _command_and_space(
    settings: Settings,
    name: str,
    document: Mapping[str, Any] | None,
    user_args: Sequence[str],
) -> tuple[UserCommand, Mapping[str, Any] | None]:
    """Return the command, and the search space that the user gives with it, if so."""
    from orion_like.worker.command import UserCommand

    if not user_args:
        return _stored_command(name, document), settings["experiment.space"] or None
    command = UserCommand.parse(user_args, config_option=settings["worker.user_script_config"])
    space = {**settings["experiment.space"], **command.space}
    if not space and document is None:
        raise click.UsageError(
            "No prior found in the command, so there is nothing to search. "
            "Give at least one, such as --lr~'loguniform(1e-5, 1)'"
        )
    stored = None if document is None else UserCommand.from_metadata(document.get("metadata") or {})
    if stored is not None and stored.space and not command.space:
        raise click.UsageError(
            f"No prior found in the command, but the one of experiment {name!r} has "
            f"{', '.join(stored.space)}. To resume it, leave the command out"
        )
    return command, space or None


def _stored_command(name: str, document: Mapping[str, Any] | None) -> UserCommand:
    from orion_like.worker.command import UserCommand

    if document is None:
        raise NoConfigurationError(
            f"experiment {name!r} does not exist yet; give the command that it shall tune, "
            "with priors such as --lr~'loguniform(1e-5, 1)'"
        )
    command = UserCommand.from_metadata(document.get("metadata") or {})
    if command is None:
        raise click.UsageError(
            f"experiment {name!r} was made without a command; give the command to run"
        )
    command.check()
    return command


def _asked_limit(selection: Selection, settings: Settings, key: str) -> float | None:
    """Return a limit if it was asked for now; no limit may be asked for, too."""
    asked = settings.explicit(key)
    here = {"argument"} | ({f"file {Path(selection.config)}"} if selection.config else set())
    unlimited = asked is None and settings.origin(key) in here
    return float("inf") if unlimited else asked


def _metadata(settings: Settings, command: UserCommand) -> dict[str, Any]:
    from orion_like.worker.vcs import vcs_state

    return {
        **command.to_metadata(),
        "user": settings["experiment.user"],
        "VCS": vcs_state(command.script),
    }


def _remember_command(client: ExperimentClient, command: UserCommand, *, resumed: bool) -> None:
    """Store the command that was typed, so that the name alone resumes with it."""
    metadata = client.metadata
    if not resumed and metadata.get("user_args") != list(command.words):
        client.experiment.update(metadata={**metadata, **command.to_metadata()})


def _warn_of_unplaced(client: ExperimentClient, command: UserCommand) -> None:
    unplaced = sorted(set(client.space) - set(command.priors))
    if unplaced:
        logger.warning(
            "the command has no place for %s, so the script is not told what is chosen",
            ", ".join(unplaced),
        )


# --- values of options --------------------------------------------------------------------------


def parse_algorithms(texts: Sequence[str]) -> Any:
    """Return the algorithm that one or several ``--algorithm`` describe.

    Several that name the same algorithm add up; the parameters of later ones win.

    Examples
    --------
    >>> parse_algorithms(["tpe"])
    'tpe'
    >>> parse_algorithms(["tpe", '{"tpe": {"n_initial_points": 5}}'])
    {'tpe': {'n_initial_points': 5}}
    """
    merged: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, parameters = _parse_named(text, "--algorithm", {"tpe": {"n_initial_points": 5}})
        merged.setdefault(name, {}).update(parameters)
    if len(merged) > 1:
        raise click.UsageError(
            f"--algorithm: an experiment has one algorithm, not {' and '.join(merged)}"
        )
    return next((merged if parameters else name for name, parameters in merged.items()), None)


def parse_stopping(texts: Sequence[str]) -> Any:
    """Return the rules that one or several ``--stopping`` describe, None if there are none.

    Examples
    --------
    >>> parse_stopping(["median", '{"threshold": {"upper": 10}}'])
    {'median': {}, 'threshold': {'upper': 10}}
    >>> parse_stopping(["none"])
    {}
    """
    if list(texts) == ["none"]:
        return {}
    rules: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, parameters = _parse_named(text, "--stopping", {"median": {"min_trials": 3}})
        rules.setdefault(name, {}).update(parameters)
    return rules or None


def _parse_named(text: str, option: str, example: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the parameters that the value of an option consists of."""
    import json

    import yaml

    written = json.dumps(example)
    try:
        value = yaml.safe_load(text)  # JSON is YAML, too
    except yaml.YAMLError as error:
        raise click.UsageError(
            f"{option}: {text!r} is neither a name nor valid JSON or YAML; "
            f"write for example {next(iter(example))} or '{written}'"
        ) from error
    if isinstance(value, str) and value:
        return value, {}
    if isinstance(value, dict) and len(value) == 1:
        (name, parameters), *_ = value.items()
        if isinstance(name, str) and isinstance(parameters, (dict, type(None))):
            return name, dict(parameters or {})
    raise click.UsageError(
        f"{option}: {text!r} must be a name, or one name with its parameters, for example {written}"
    )


def parse_objectives(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the objectives that one or several ``--objective`` describe."""
    objectives = [parse_objective(text) for text in texts]
    names = [str(objective.get("name")) for objective in objectives]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"--objective: {', '.join(twice)} is given twice")
    return objectives


def parse_objective(text: str) -> dict[str, Any]:
    """Return the objective that ``--objective NAME[:DIRECTION]``, or a mapping, describes.

    Examples
    --------
    >>> parse_objective("accuracy:maximize")
    {'name': 'accuracy', 'direction': 'maximize'}
    >>> parse_objective("{name: loss, reference: 4}")
    {'name': 'loss', 'reference': 4}
    """
    if text.lstrip().startswith("{"):
        return _parse_mapping("--objective", text, "{name: loss, reference: 4}")
    name, _, direction = text.rpartition(":") if ":" in text else (text, "", "minimize")
    if direction.lower() not in DIRECTIONS or not name:
        hint = did_you_mean(direction.lower(), ["minimize", "maximize"])
        raise click.UsageError(
            f"--objective: {text!r} must be a name, or NAME:minimize or NAME:maximize{hint}"
        )
    return {"name": name, "direction": DIRECTIONS[direction.lower()]}


def parse_constraint(text: str) -> str | dict[str, Any]:
    """Return the constraint that ``--constraint`` describes: a relation, or a mapping.

    Examples
    --------
    >>> parse_constraint("x + y <= 1")
    'x + y <= 1'
    >>> parse_constraint("{name: weight, equals: 2, tolerance: 0.1}")
    {'name': 'weight', 'equals': 2, 'tolerance': 0.1}
    """
    if not text.lstrip().startswith("{"):
        return text
    return _parse_mapping("--constraint", text, "{name: weight, equals: 2, tolerance: 0.1}")


def parse_source(text: str) -> str | dict[str, Any]:
    """Return the source of trials that ``--warm-start`` names, or describes by a mapping.

    Examples
    --------
    >>> parse_source("{experiment: demo, task: same}")
    {'experiment': 'demo', 'task': 'same'}
    """
    if not text.lstrip().startswith("{"):
        return text
    return _parse_mapping("--warm-start", text, "{experiment: demo, task: same}")


def _parse_mapping(option: str, text: str, example: str) -> dict[str, Any]:
    import yaml

    try:
        mapping = yaml.safe_load(text)  # JSON is YAML, too
    except yaml.YAMLError:
        mapping = None
    if not isinstance(mapping, dict):
        raise click.UsageError(
            f"{option}: {text!r} is no mapping in JSON or YAML, such as {example}"
        )
    return mapping
