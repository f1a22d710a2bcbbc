"""Settings: their values, and where each came from.

Values come in layers, later ones win: built-in defaults, the site's and the
user's file, the environment, what is stored with an experiment that exists, a
local file (``--config``), and arguments. The names that users of Oríon know are
accepted in all of them.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orion_like.config.options import (
    ACCEPTED_NAMES,
    IGNORED,
    OPTIONS,
    SECTION_ALIASES,
    SECTIONS,
    TABLE,
    Option,
)
from orion_like.errors import ConfigurationError
from orion_like.redaction import SHOWN, redact, redact_values, user_and_password
from orion_like.spelling import closest

if TYPE_CHECKING:
    import yaml

logger = logging.getLogger(__name__)

FILE_NAME = "config.yaml"
_PASSWORD = "storage.database.password"  # noqa: S105 - the name of a setting


@dataclass(frozen=True)
class _Entry:
    value: Any
    origin: str
    explicit: bool = False


@dataclass(frozen=True, repr=False)
class Settings:
    """Values of all settings, and where each came from; made by `load_settings`.

    Examples
    --------
    >>> settings = load_settings(overrides={"experiment.max_trials": 20})
    >>> settings["experiment.max_trials"], settings.origin("experiment.max_trials")
    (20, 'argument')
    >>> settings.explicit("worker.n_workers") is None
    True
    """

    _entries: dict[str, _Entry] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        """Value of a setting; `ConfigurationError` when there is no such setting."""
        return self._entry(key).value

    def origin(self, key: str) -> str:
        """Say who set it.

        ``default``, ``file PATH``, ``environment NAME``, ``experiment NAME-vVERSION`` or
        ``argument``.
        """
        return self._entry(key).origin

    def shown(self, key: str) -> Any:
        """Value of a setting with ``***`` in the place of what is secret."""
        option, value = option_of(key), self[key]
        # Whoever can read an experiment knows what is stored with it.
        return value if option.stored else redact_values(value, option.key)

    def explicit(self, key: str) -> Any:
        """Value that came from the local file or an argument, else ``None``.

        Such values win over those stored with an experiment; the others only matter when an
        experiment is created.
        """
        entry = self._entry(key)
        return entry.value if entry.explicit else None

    def of_experiment(self, document: Mapping[str, Any]) -> Settings:
        """Return the settings in force for an experiment that exists.

        Parameters
        ----------
        document
            Its document. What is stored there wins over files for all experiments and over
            the environment, not over what is explicit.
        """
        origin = f"experiment {document['name']}-v{document.get('version', 1)}"
        entries = dict(self._entries)
        for option in OPTIONS:
            found, value = _stored_value(document, option.stored)
            if found and not entries[option.key].explicit:
                entries[option.key] = _Entry(copy.deepcopy(value), origin)
        return Settings(entries)

    def section(self, prefix: str) -> dict[str, Any]:
        """Nested dictionary of the settings below a prefix such as ``worker``."""
        if prefix not in SECTIONS:
            raise ConfigurationError(_unknown("section", prefix, SECTIONS))
        prefix = SECTION_ALIASES.get(prefix, prefix) + "."
        return _nested(
            (key.removeprefix(prefix), entry.value)
            for key, entry in self._entries.items()
            if key.startswith(prefix)
        )

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionary of all settings."""
        return _nested((key, entry.value) for key, entry in self._entries.items())

    @property
    def storage(self) -> str | dict[str, Any]:
        """What `orion_like.storage.setup_storage` takes: a URL, or the nested dictionary."""
        if self["debug"]:
            return "memory://"
        trust = {"trust_locks": True} if self["storage.trust_locks"] else {}
        if self["storage.url"] is not None:
            url = str(self["storage.url"])
            return (
                {"type": self["storage.type"], "database": {"url": url, **trust}} if trust else url
            )
        database = {
            key: value
            for key, value in self.section("storage.database").items()
            if key in {"type", "host"} or self.origin(f"storage.database.{key}") != "default"
        }
        return {"type": self["storage.type"], "database": database | trust}

    def _entry(self, key: str) -> _Entry:
        return self._entries[option_of(key).key]

    def __repr__(self) -> str:
        """Only what was set, and no values: one of them may be a password."""
        told = {key: e.origin for key, e in self._entries.items() if e.origin != "default"}
        return f"Settings({told})"


def load_settings(
    file: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings from all their layers.

    Parameters
    ----------
    file
        Local configuration file in YAML, JSON or TOML.
    overrides
        Values that win over everything, nested or with dotted keys; ``None`` means not given.
    environ
        Environment variables. Default: those of this process.

    Returns
    -------
    Settings

    Raises
    ------
    ConfigurationError
        When a file cannot be read, a name is unknown or a value is not what it should be.
    """
    entries = {option.key: _default(option) for option in OPTIONS}
    for path in global_files():
        if path.is_file():
            _stack(entries, _file_layer(path, local=False))
    _stack(entries, _environment_layer(os.environ if environ is None else environ))
    if file is not None:
        _stack(entries, _file_layer(Path(file), local=True))
    if overrides:
        _stack(entries, _argument_layer(overrides))
    _fill_derived_defaults(entries)
    return Settings(entries)


def option_of(name: str) -> Option:
    """Return the setting of any of its names; `ConfigurationError` if there is none.

    Examples
    --------
    >>> option_of("database.host").key
    'storage.database.host'
    """
    if name not in ACCEPTED_NAMES:
        raise ConfigurationError(_unknown("setting", name, {*TABLE, *SECTIONS}))
    return ACCEPTED_NAMES[name][0]


def global_files() -> list[Path]:
    """Paths of the site's and the user's configuration file, whether they exist or not."""
    import platformdirs

    return [
        platformdirs.site_config_path("orion_like", appauthor=False) / FILE_NAME,
        platformdirs.user_config_path("orion_like", appauthor=False) / FILE_NAME,
    ]


def default_database_path() -> Path:
    """Path of the database file that is used when no database is configured."""
    import platformdirs

    return platformdirs.user_data_path("orion_like", appauthor=False) / "orion_like_db.pkl"


def _stored_value(document: Mapping[str, Any], field_: str) -> tuple[bool, Any]:
    """Return whether a document has a dotted field, and its value."""
    value: Any = document
    for word in field_.split("."):
        if not isinstance(value, Mapping) or word not in value:
            return False, None
        value = value[word]
    return True, value


# --- layers -----------------------------------------------------------------------------------


def _file_layer(path: Path, *, local: bool) -> dict[str, _Entry]:
    where = f"configuration file {path}"
    layer: dict[str, _Entry] = {}
    for name, value in _walk(_read(path), "", where):
        option = _look_up(name, where)
        if option is None:
            continue
        if option.local and not local:
            raise ConfigurationError(
                f"{where}: {option.key} describes one experiment; "
                "put it in a file given with --config, not in one that serves all experiments"
            )
        layer[option.key] = _Entry(_cast(option, value, where), f"file {path}", explicit=local)
    _refuse_two_storages(layer, where)
    _warn_if_others_can_read(path, layer)
    return layer


def _warn_if_others_can_read(path: Path, layer: Mapping[str, _Entry]) -> None:
    """Say, once in a process, if a file of ours has a password in it that others can read."""
    urls = [layer[key].value for key in ("storage.url", "storage.database.host") if key in layer]
    password = layer[_PASSWORD].value if _PASSWORD in layer else None
    if not password and not any(url and user_and_password(url)[1] for url in urls):
        return
    status = path.stat()
    readers = status.st_mode & (stat.S_IRGRP | stat.S_IROTH)
    # What is somebody else's, such as the site's file, is not for us to change.
    if not readers or status.st_uid != os.geteuid() or path.absolute() in _warned_of:
        return
    _warned_of.add(path.absolute())
    logger.warning(
        "configuration file %s holds a password and can be read by other users; chmod 600 %s",
        path,
        shlex.quote(str(path)),
    )


_warned_of: set[Path] = set()


def _environment_layer(environ: Mapping[str, str]) -> dict[str, _Entry]:
    layer: dict[str, _Entry] = {}
    # Trials get their own directory in a variable of the same name.
    inside_a_trial = "ORION_LIKE_TRIAL_ID" in environ or "ORION_TRIAL_ID" in environ
    for option in OPTIONS:
        if option.key == "experiment.working_dir" and inside_a_trial:
            continue
        for variable in option.variables:
            text = environ.get(variable, "")
            if text:
                value = _cast(option, text, f"environment variable {variable}")
                layer[option.key] = _Entry(value, f"environment {variable}")
                break
    _refuse_two_storages(layer, "environment")
    return layer


def _argument_layer(overrides: Mapping[str, Any]) -> dict[str, _Entry]:
    layer: dict[str, _Entry] = {}
    for name, value in _walk(overrides, "", "arguments"):
        option = _look_up(name, "arguments")
        if option is not None and value is not None:
            layer[option.key] = _Entry(_cast(option, value, "arguments"), "argument", explicit=True)
    _refuse_two_storages(layer, "arguments")
    return layer


def _walk(tree: Mapping[Any, Any], prefix: str, where: str) -> Iterator[tuple[str, Any]]:
    """Yield (accepted name, value) for all that is set in nested mappings."""
    for word, value in tree.items():
        name = prefix + str(word).replace("-", "_")
        if name == "storage" and isinstance(value, (str, os.PathLike)):
            yield "storage.url", os.fspath(value)
        elif name in ACCEPTED_NAMES or name in IGNORED:
            yield name, value
        elif name not in SECTIONS:
            raise ConfigurationError(
                f"{where}: {_unknown('setting', name, {*ACCEPTED_NAMES, *SECTIONS})}"
            )
        elif isinstance(value, Mapping):
            yield from _walk(value, name + ".", where)
        elif value is not None:  # a section whose lines are all commented out is null in YAML
            raise ConfigurationError(
                f"{where}: {name} is a section and must hold a mapping, not {redact(repr(value))}"
            )


def _look_up(name: str, where: str) -> Option | None:
    if name in IGNORED:
        logger.warning("%s: %s is ignored; algorithms choose their strategy", where, name)
        return None
    option, deprecated = ACCEPTED_NAMES[name]
    if deprecated:
        logger.warning("%s: %s is deprecated; use %s", where, name, option.key)
    return option


def _cast(option: Option, value: Any, where: str) -> Any:
    try:
        return option.kind.cast(value)
    except (ValueError, TypeError, OverflowError):
        shown = SHOWN if option.key == _PASSWORD else redact(repr(value))
        raise ConfigurationError(
            f"{where}: {option.key} must be {option.kind.expected}, not {shown}"
        ) from None


def _refuse_two_storages(layer: Mapping[str, _Entry], where: str) -> None:
    database = [key for key in layer if key.startswith("storage.database.")]
    if database and "storage.url" in layer:
        raise ConfigurationError(
            f"{where}: the storage is given twice, by its URL and by {database[0]}; keep one"
        )


def _stack(entries: dict[str, _Entry], layer: Mapping[str, _Entry]) -> None:
    """Lay a layer over the others: another place to store documents replaces the old one whole."""
    kind = layer.get("storage.database.type")
    other_kind = kind is not None and kind.value != entries["storage.database.type"].value
    for key in entries:
        in_database = key.startswith("storage.database.")
        replaced = in_database and ("storage.url" in layer or other_kind)
        if key == "storage.url":
            replaced = any(name.startswith("storage.database.") for name in layer)
        if replaced:
            entries[key] = _default(TABLE[key])
    entries.update(layer)


def _default(option: Option) -> _Entry:
    return _Entry(copy.copy(option.default), "default")


def _tell_kind_from_host(entries: dict[str, _Entry]) -> None:
    """Take the URI of a MongoDB for one, and never for a path: it may hold a password."""
    host, kind = entries["storage.database.host"], entries["storage.database.type"]
    if not host.value.startswith(("mongodb://", "mongodb+srv://")) or kind.value == "mongodb":
        return
    if kind.origin != "default":
        raise ConfigurationError(
            f"{kind.origin}: storage.database.type is {kind.value}, but storage.database.host "
            f"({host.origin}) is the URI of a MongoDB"
        )
    entries["storage.database.type"] = _Entry("mongodb", host.origin)


def _fill_derived_defaults(entries: dict[str, _Entry]) -> None:
    """Fill in the defaults that depend on other settings."""
    _tell_kind_from_host(entries)
    if entries["storage.database.host"].value == "":
        kind = entries["storage.database.type"].value
        hosts = {"pickleddb": str(default_database_path()), "mongodb": "localhost"}
        entries["storage.database.host"] = _Entry(hosts.get(kind, ""), "default")
    heartbeat = entries["worker.heartbeat"].value
    lost = entries["worker.lost_threshold"]
    if lost.value is None:
        entries["worker.lost_threshold"] = _Entry(2 * heartbeat, "default")
    elif lost.value <= heartbeat:
        raise ConfigurationError(
            f"{lost.origin}: worker.lost_threshold must be more than worker.heartbeat, which is "
            f"{heartbeat} ({entries['worker.heartbeat'].origin}), not {lost.value}"
        )


# --- reading and naming -----------------------------------------------------------------------


def _read(path: Path) -> Mapping[Any, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"configuration file {path} cannot be read: {why}") from error
    try:
        tree = _parse(text, path.suffix.lower())
    except ValueError as error:
        raise ConfigurationError(f"configuration file {path} is not valid: {error}") from None
    if tree is None:  # an empty file
        return {}
    if not isinstance(tree, Mapping):
        raise ConfigurationError(
            f"configuration file {path} must hold a mapping of settings, "
            f"not a {type(tree).__name__}"
        )
    return tree


def _parse(text: str, suffix: str) -> Any:
    """Parse by the file's suffix, YAML when it is none of the others; ValueError if invalid."""
    if suffix == ".json":
        return json.loads(text)
    if suffix == ".toml":
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        return tomllib.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(_yaml_problem(error)) from None


def _yaml_problem(error: yaml.YAMLError) -> str:
    """Say what is wrong and where, without the text: it may be that of a password."""
    import yaml

    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "it holds characters that are not allowed"
    mark = error.problem_mark
    problem = re.sub(r"(['\"])(?!<)[^'\"]{2,}\1", "…", error.problem or "not valid YAML")
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})"


def _nested(items: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in items:
        *sections, last = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[last] = value
    return tree


def _unknown(what: str, name: str, known: Any) -> str:
    meant = closest(name, sorted(known))
    if meant is None:  # perhaps it is in the wrong section
        last = name.rpartition(".")[2]
        meant = next((key for key in TABLE if key.rpartition(".")[2] == last), None)
    hint = f"did you mean {meant!r}?" if meant else "see the documentation for the list"
    return f"unknown {what} {name!r} ({hint})"
