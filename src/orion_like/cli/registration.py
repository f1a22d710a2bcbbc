"""From the options of `hunt` and `init-only` to an experiment, new or resumed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import did_you_mean
from orion_like.cli.output import printable
from orion_like.cli.session import Selection, required_name
from orion_like.errors import NoConfigurationError

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.config import Settings
    from orion_like.experiment.versions import Branching, Resolutions
    from orion_like.storage import Storage
    from orion_like.worker.command import UserCommand

logger = logging.getLogger(__name__)

DIRECTIONS = {
    "minimize": "minimize",
    "min": "minimize",
    "maximize": "maximize",
    "max": "maximize",
}
RATED = ("code", "cli", "config")
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


def branching_overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the options of experiment versions override.

    Parameters
    ----------
    options
        Values of `orion_like.cli.options.branching_options`.
    """
    flags = (
        "manual_resolution", "ignore_code_changes", "algorithm_change", "orion_version_change",
    )  # fmt: skip
    return {
        # To ask how changes are resolved is to want a version made of them.
        "evc.enable": options.get("enable_evc") or options.get("manual_resolution") or None,
        **{f"evc.{flag}": options.get(flag) or None for flag in flags},
        "evc.auto_resolution": options.get("auto_resolution"),
        "evc.non_monitored_arguments": options.get("non_monitored_arguments"),
        "evc.branch_from": options.get("branch_from"),
        "evc.branch_to": options.get("branch_to"),
        **{f"evc.{what}_change_type": options.get(f"{what}_change_type") for what in RATED},
    }


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
    document = _stored_document(storage, settings, name, version)
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
        metadata=_metadata(settings, command, resumed=not user_args),
        settings=settings,
        branching=_branching(storage, settings, command, document, resumed=not user_args),
    )
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
    if stored is not None and stored.space and not command.priors:
        raise click.UsageError(
            f"No prior found in the command, but the one of experiment {name!r} has "
            f"{', '.join(stored.space)}. To resume it, leave the command out"
        )
    return command, space if space or command.markers else None


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


def _stored_document(
    storage: Storage, settings: Settings, name: str, version: int | None
) -> dict[str, Any] | None:
    """Return the experiment that is resumed or branched from, None if there is none yet."""
    source = settings["evc.branch_from"] or name
    target = settings["evc.branch_to"] or name
    found = None if source == target else storage.fetch_experiment(target)
    return found or storage.fetch_experiment(source, version)


def _metadata(settings: Settings, command: UserCommand, *, resumed: bool) -> dict[str, Any]:
    """Return what is stored of the command: all of it if it was typed, else its code's state."""
    from orion_like.worker.vcs import vcs_state

    return {
        **({} if resumed else command.to_metadata()),
        "user": settings["experiment.user"],
        "VCS": vcs_state(command.script),
    }


def _branching(
    storage: Storage,
    settings: Settings,
    command: UserCommand,
    document: Mapping[str, Any] | None,
    *,
    resumed: bool,
) -> Branching:
    """Return what the settings say about versions, with the markers of the command."""
    from orion_like.client.build import read_branching
    from orion_like.worker.command_changes import command_changes

    decided = read_branching(settings)
    before = type(command).from_metadata((document or {}).get("metadata") or {})
    return replace(
        decided,
        markers={} if resumed else command.markers,  # those that are stored have had their day
        spellings={**(before.spellings if before else {}), **command.spellings},
        compare_commands=lambda old, new: command_changes(
            old, new, decided.non_monitored_arguments
        ),
        resolve_by_hand=_asking(storage) if sys.stdin.isatty() and sys.stdout.isatty() else None,
        announce=_announce_version,
    )


def _asking(storage: Storage) -> Callable[[Mapping[str, Any], Resolutions], None]:
    """Return what asks people on the terminal how a version comes from another one."""

    def ask(parent: Mapping[str, Any], resolutions: Resolutions) -> None:
        from orion_like.cli.branching_prompt import BranchingPrompt

        title = f"{parent['name']}-v{parent.get('version', 1)}"
        prompt = BranchingPrompt(
            resolutions, title, lambda name: storage.fetch_experiment(name) is not None
        )
        prompt.cmdloop()

    return ask


def _announce_version(document: Mapping[str, Any], resolutions: Resolutions) -> None:
    title = f"{document['name']}-v{document['version']}"
    made = "; ".join(map(str, resolutions)) or "nothing changed"
    click.echo(f"Made a new version, {printable(title)}: {printable(made)}", err=True)


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
