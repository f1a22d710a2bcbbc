"""The table of all settings: names, kinds of values, defaults, environment variables, help."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orion_like.config.duration import seconds_of

# --- kinds of values --------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """What a value must be: in words for people, and as a cast that raises ValueError."""

    expected: str
    cast: Callable[[Any], Any]


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError
    return str(value)


def _path(value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError
    return os.path.expanduser(os.fspath(value))


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError
    return float(value)


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise ValueError
    return dict(value)


def _name_or_mapping(value: Any) -> str | dict[str, Any]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return _mapping(value)
    return _mapping(value) if isinstance(value, Mapping) else _text(value)


def _entries(value: Any) -> list[Any]:
    if isinstance(value, (str, Mapping)):
        value = [value]
    entries = list(value) if isinstance(value, (list, tuple)) else [None]
    if not all(isinstance(entry, (str, Mapping)) for entry in entries):
        raise ValueError
    return [dict(entry) if isinstance(entry, Mapping) else entry for entry in entries]


def _whole(minimum: int, maximum: int | None = None) -> Kind:
    def cast(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        else:
            real = _number(value)  # YAML reads 1e9 as text
            if not real.is_integer():
                raise ValueError
            number = int(real)
        if number < minimum or (maximum is not None and number > maximum):
            raise ValueError
        return number

    bounds = f"≥ {minimum}" if maximum is None else f"between {minimum} and {maximum}"
    return Kind(f"a whole number {bounds}", cast)


def _seconds(*, zero: bool = False) -> Kind:
    def cast(value: Any) -> float:
        seconds = float(seconds_of(value)) if isinstance(value, str) else _number(value)
        if not math.isfinite(seconds) or seconds < 0 or (seconds == 0 and not zero):
            raise ValueError
        return int(seconds) if seconds.is_integer() else seconds

    return Kind(f"a number of seconds {'≥' if zero else '>'} 0, or a time span such as 2h", cast)


def _or_none(kind: Kind, meaning: str) -> Kind:
    def cast(value: Any) -> Any:
        if value is None or (isinstance(value, str) and value.lower() in {"none", "null"}):
            return None
        return kind.cast(value)

    return Kind(f"{kind.expected}, or null for {meaning}", cast)


def _name(meaning: str) -> Kind:
    """Any text, also ``none``, which a name may be: only null means that there is no value."""
    return Kind(
        f"text, or null for {meaning}", lambda value: None if value is None else _text(value)
    )


def _limit(kind: Kind) -> Kind:
    def cast(value: Any) -> Any:
        unlimited = value == math.inf or (isinstance(value, str) and value.lower() == "inf")
        return None if unlimited else kind.cast(value)

    return _or_none(Kind(kind.expected, cast), "no limit")


def _words(separator: str) -> Kind:
    def cast(value: Any) -> list[str]:
        if isinstance(value, str):
            value = value.split(separator)
        if not isinstance(value, (list, tuple)):
            raise ValueError
        return [word for word in (_text(item).strip() for item in value) if word]

    return Kind(f"a list (or text with {separator!r} between the items)", cast)


def _choice(*choices: str) -> Kind:
    def cast(value: Any) -> str:
        word = str(value).lower()
        if word not in choices:
            raise ValueError
        return word

    return Kind(f"one of {', '.join(choices)}", cast)


TEXT = Kind("text", _text)
PATH = Kind("a path", _path)
BOOLEAN = Kind("true or false", _boolean)
MAPPING = Kind("a mapping", _mapping)
NAME_OR_MAPPING = Kind("a name, or a mapping {name: {parameter: value}}", _name_or_mapping)
ENTRIES = Kind("a list of texts or mappings", _entries)
DATABASE_TYPE = _choice("pickleddb", "mongodb", "ephemeraldb")
CHANGE_TYPE = _choice("noeffect", "break", "unsure")


# --- the table --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One setting.

    Parameters
    ----------
    key
        Dotted name.
    kind
        What its values must be.
    default
        Value when nobody sets it.
    environment
        Suffixes of its environment variables, ``ORION_LIKE_<suffix>`` and ``ORION_<suffix>``,
        with spaces between them.
    help
        One line for people.
    aliases
        Other names that mean the same.
    deprecated_names
        Other names that mean the same and are warned about.
    local
        Whether it describes one experiment, so that it has no place in the site's or user's file.
    stored
        Dotted field of the experiment's document that holds it, if an experiment keeps it.
    options
        Options of the command line that set it, with spaces between them.
    """

    key: str
    kind: Kind
    default: Any
    environment: str = ""
    help: str = field(kw_only=True)
    aliases: tuple[str, ...] = ()
    deprecated_names: tuple[str, ...] = ()
    local: bool = False
    stored: str = ""
    options: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that set it, the first one wins."""
        suffixes = self.environment.split()
        return tuple(prefix + word for prefix in ("ORION_LIKE_", "ORION_") for word in suffixes)


OPTIONS: tuple[Option, ...] = (
    Option("storage.type", _choice("legacy"), "legacy", "STORAGE_TYPE",
           help="Layout of the documents in the database."),
    Option("storage.url", _or_none(TEXT, "storage.database"), None, "STORAGE",
           options="--storage",
           help="Where documents live: a path, or a URL such as ``mongodb://host/name``."),
    Option("storage.trust_locks", BOOLEAN, False, "TRUST_LOCKS",
           help="Whether to say nothing if locks on the database file may not hold."),
    Option("storage.database.type", DATABASE_TYPE, "pickleddb", "DB_TYPE",
           help="Kind of database."),
    Option("storage.database.host", PATH, "", "DB_ADDRESS",
           help="File of a PickledDB, host or URI of a MongoDB; empty: the user's, or localhost."),
    Option("storage.database.name", TEXT, "orion_like", "DB_NAME",
           help="Name of the database in MongoDB."),
    Option("storage.database.port", _whole(1, 65535), 27017, "DB_PORT",
           help="Port of MongoDB."),
    Option("storage.database.username", _name("no authentication"), None, "DB_USERNAME",
           help="User name for MongoDB."),
    Option("storage.database.password", _name("no authentication"), None, "DB_PASSWORD",
           help="Password for MongoDB."),
    Option("storage.database.timeout", _seconds(), 60, "DB_TIMEOUT",
           help="Seconds to wait for the database before giving up."),
    Option("experiment.name", _name("no name"), None, local=True,
           stored="name", options="-n --name",
           help="Name of the experiment."),
    Option("experiment.version", _or_none(_whole(1), "the latest"), None, local=True,
           stored="version", options="-v --version",
           help="Version of the experiment."),
    Option("experiment.user", _name("whoever runs the program"), None, local=True,
           stored="metadata.user", options="-u --user",
           help="Whose experiment it is."),
    Option("experiment.space", MAPPING, {}, local=True,
           stored="space",
           help="Search space: {dimension: prior}, nested as you like."),
    Option("experiment.constraints", ENTRIES, [], local=True,
           stored="constraints", options="--constraint",
           help="Texts such as ``x + y <= 1`` limit what is tried; texts such as"
           " ``memory <= 8`` and mappings limit results."),
    Option("experiment.objectives", ENTRIES, [], local=True,
           stored="objectives", options="--objective",
           help="Objectives: names, or mappings {name, direction, reference}; empty: one,"
           " minimized."),
    Option("experiment.seed", _or_none(_whole(0), "a fresh one"), None, local=True,
           stored="seed", options="--seed",
           help="Seed of all random choices."),
    Option("experiment.algorithm", NAME_OR_MAPPING, "auto", "ALGORITHM",
           aliases=("experiment.algorithms",),
           stored="algorithm", options="--algorithm",
           help="Algorithm that chooses the trials."),
    Option("experiment.stopping", _or_none(NAME_OR_MAPPING, "none"), None,
           stored="stopping", options="--stopping",
           help="Rules that stop trials early: a name, or {name: {parameter: value}}."),
    Option("experiment.checkpoints", MAPPING, {},
           stored="checkpoints", options="--checkpoint-storage --keep-best --keep-latest"
           " --keep-trial-best --keep-trial-latest --keep-all",
           help="Where checkpoints are stored (storage: a URL), and how many are kept"
           " (experiment_best, experiment_latest, trial_best, trial_latest); empty: in the working"
           " directory, and all."),
    Option("experiment.warm_start", ENTRIES, [], local=True,
           options="--warm-start",
           help="Sources of finished trials to start from: experiments, tables, Optuna's studies."),
    Option("experiment.knowledge_base", _or_none(NAME_OR_MAPPING, "none"), None, local=True,
           help="Storage whose experiments the search starts from, as far as they fit."),
    Option("experiment.max_trials", _limit(_whole(1)), None, "EXP_MAX_TRIALS",
           stored="max_trials", options="--max-trials --exp-max-trials",
           help="Finished trials, completed or stopped early, after which the experiment is done."),
    Option("experiment.max_broken", _whole(1), 3, "EXP_MAX_BROKEN",
           stored="max_broken", options="--exp-max-broken",
           help="Broken trials after which the experiment stops."),
    Option("experiment.max_duration", _limit(_seconds()), None, "EXP_MAX_DURATION",
           stored="limits.max_duration", options="--exp-max-duration",
           help="Seconds after its first trial started in which the experiment starts trials."),
    Option("experiment.working_dir", PATH, "", "WORKING_DIR",
           stored="working_dir", options="--working-dir",
           help="Directory for the trials' directories; empty: a temporary one."),
    Option("worker.n_workers", _whole(1), 1, "N_WORKERS",
           options="--n-workers",
           help="Trials that one command runs at once."),
    Option("worker.pool_size", _whole(0), 0, "POOL_SIZE",
           options="--pool-size",
           help="Trials prepared at once; 0: as many as workers."),
    Option("worker.executor", TEXT, "PoolExecutor", "EXECUTOR",
           options="--executor",
           help="What runs the trials."),
    Option("worker.executor_configuration", MAPPING, {}, "EXECUTOR_CONFIGURATION",
           help="Arguments of the executor."),
    Option("worker.heartbeat", _seconds(), 120, "HEARTBEAT",
           options="--heartbeat",
           help="Seconds between two signs of life of a running trial."),
    Option("worker.lost_threshold", _or_none(_seconds(), "2 x heartbeat"), None, "LOST_THRESHOLD",
           help="Seconds without a sign of life after which another worker takes a trial over."),
    Option("worker.max_trials", _limit(_whole(1)), None, "WORKER_MAX_TRIALS",
           deprecated_names=("experiment.worker_trials",),
           options="--worker-max-trials --worker-trials",
           help="Trials after which a worker stops."),
    Option("worker.max_duration", _limit(_seconds()), None, "MAX_DURATION",
           options="--max-duration",
           help="Seconds after which a worker starts no more trials and, when its last one has"
           " ended, stops."),
    Option("worker.max_broken", _whole(1), 3, "WORKER_MAX_BROKEN",
           options="--worker-max-broken",
           help="Broken trials after which a worker stops."),
    Option("worker.idle_timeout", _seconds(zero=True), 60, "IDLE_TIMEOUT MAX_IDLE_TIME",
           deprecated_names=("worker.max_idle_time",),
           options="--idle-timeout --max-idle-time",
           help="Seconds without anything to do after which a worker stops."),
    Option("worker.trial_timeout", _limit(_seconds()), None, "TRIAL_TIMEOUT",
           options="--trial-timeout",
           help="Seconds that one trial may run."),
    Option("worker.grace", _seconds(zero=True), 5, "GRACE",
           options="--grace",
           help="Seconds that a trial has to save what it needs and end, when it must end early."),
    Option("worker.report_host", TEXT, "", "REPORT_HOST",
           options="--report-host",
           help="Name or address by which machines of a cluster reach this one, to report; empty:"
           " only trials of this machine report."),
    Option("worker.end_stopped", BOOLEAN, True, "END_STOPPED",
           options="--end-stopped",
           help="Whether scripts that stopping rules stop, and that never ask, are ended."),
    Option("worker.max_retries", _whole(0), 0, "MAX_RETRIES", aliases=("worker.retry",),
           options="--retry",
           help="How often a broken trial is run again."),
    Option("worker.interrupt_signal_code", _whole(1, 255), 130, "INTERRUPT_CODE",
           options="--interrupt-signal-code",
           help="Exit code by which a script says that it was interrupted."),
    Option("worker.user_script_config", TEXT, "config", "USER_SCRIPT_CONFIG",
           deprecated_names=("user_script_config",),
           stored="metadata.user_script_config", options="--user-script-config",
           help="Option of the script that names its configuration file."),
    Option("evc.enable", BOOLEAN, False, "EVC_ENABLE", aliases=("enable_evc",),
           options="--enable-evc",
           help="Branch a new version when an experiment changes."),
    Option("evc.auto_resolution", BOOLEAN, True, "EVC_AUTO_RESOLUTION",
           options="--auto-resolution",
           help="Resolve differences between versions without asking."),
    Option("evc.manual_resolution", BOOLEAN, False, "EVC_MANUAL_RESOLUTION",
           options="--manual-resolution",
           help="Ask how differences between versions are resolved."),
    Option("evc.non_monitored_arguments", _words(":"), [], "EVC_NON_MONITORED_ARGUMENTS",
           options="--non-monitored-arguments",
           help="Arguments of the command whose changes do not matter."),
    Option("evc.ignore_code_changes", BOOLEAN, False, "EVC_IGNORE_CODE_CHANGES",
           options="--ignore-code-changes",
           help="Whether changes of the code do not matter."),
    Option("evc.algorithm_change", BOOLEAN, False, "EVC_ALGO_CHANGE",
           options="--algorithm-change",
           help="Whether the algorithm may change."),
    Option("evc.orion_version_change", BOOLEAN, False, "EVC_ORION_VERSION_CHANGE",
           aliases=("evc.package_version_change",),
           options="--package-version-change --orion-version-change",
           help="Whether the version of the program may change."),
    Option("evc.code_change_type", CHANGE_TYPE, "break", "EVC_CODE_CHANGE",
           options="--code-change-type",
           help="What a change of the code does to results."),
    Option("evc.cli_change_type", CHANGE_TYPE, "break", "EVC_CMDLINE_CHANGE",
           options="--cli-change-type",
           help="What a change of the command does to results."),
    Option("evc.config_change_type", CHANGE_TYPE, "break", "EVC_CONFIG_CHANGE",
           options="--config-change-type",
           help="What a change of the script's configuration file does to results."),
    Option("evc.branch_from", _name("none"), None, local=True,
           options="--branch-from",
           help="Experiment to branch from."),
    Option("evc.branch_to", _name("none"), None, local=True,
           options="-b --branch-to",
           help="Name of the branched experiment."),
    Option("frontends_uri", _words(","), [], "WEBAPI_FRONTENDS_URI",
           help="Web pages that may call the REST API."),
    Option("gunicorn", MAPPING, {},
           help="Arguments of the web server."),
    Option("debug", BOOLEAN, False, "DEBUG",
           options="-d --debug",
           help="Keep everything in memory and leave nothing behind."),
)  # fmt: skip

# Accepted, with a warning, from files that were written for Oríon.
IGNORED = ("experiment.strategy", "producer.strategy")

TABLE = {option.key: option for option in OPTIONS}
SECTION_ALIASES = {"database": "storage.database"}
SECTIONS = {"producer", *SECTION_ALIASES} | {
    key[:end] for key in TABLE for end, letter in enumerate(key) if letter == "."
}


OF_ARGUMENTS = {word: option for option in OPTIONS for word in option.options.split()}
"""By option of the command line, the setting that it sets."""


def _accepted_names() -> dict[str, tuple[Option, bool]]:
    """Map every name that may be written to its option, and whether it is deprecated."""
    names: dict[str, tuple[Option, bool]] = {}
    for option in OPTIONS:
        written = [(option.key, False)]
        written += [(name, False) for name in option.aliases]
        written += [(name, True) for name in option.deprecated_names]
        for short, section in SECTION_ALIASES.items():
            if option.key.startswith(section + "."):
                written.append((short + option.key.removeprefix(section), False))
        for name, deprecated in written:
            names[name] = (option, deprecated)
    for name, entry in list(names.items()):  # `max_trials` at the root is the experiment's
        section, _, last = name.partition(".")
        if section in {"experiment", "worker", "evc"} and last != "enable":
            names.setdefault(last, entry)
    return names


ACCEPTED_NAMES = _accepted_names()
