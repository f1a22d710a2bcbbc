"""What a search starts from, as people name it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from orion_like.errors import ConfigurationError
from orion_like.redaction import redact
from orion_like.spelling import did_you_mean

Kind = Literal["experiment", "storage", "table", "frame", "optuna"]

TABLES: Final = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
SERVERS: Final = ("mongodb://", "mongodb+srv://")
OPTUNAS: Final = ("optuna:", "sqlite:///")
KEYS: Final = (
    "source", "experiment", "version", "storage", "file", "optuna", "study", "task", "rename",
    "missing", "outside", "objectives",
)  # fmt: skip
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "task": ("related", "same"),
    "missing": ("default", "drop"),
    "outside": ("drop", "clip"),
}
SQLITE_HEADER: Final = b"SQLite format 3\x00"


@dataclass(frozen=True)
class Source:
    """Where trials come from, and how they are taken.

    Parameters
    ----------
    kind
        ``experiment``: one experiment; ``storage``: all experiments of a database; ``table``: a
        file; ``frame``: a data frame; ``optuna``: a study.
    place
        Database, path or frame; None is the experiment's own database.
    name
        Name of the experiment or study. Default: the only one.
    version
        Version of the experiment. Default: the latest.
    task
        ``same``: its objective is the very same, and its trials count like own ones. ``related``:
        good points there may be good here, on whatever scale. Default ``'related'``.
    rename
        Names of dimensions here by their names there.
    missing
        ``default`` fills in defaults of dimensions that there are not there; ``drop`` leaves
        such trials out. Default ``'default'``.
    outside
        ``drop`` leaves trials out of which a value is not in the space; ``clip`` moves numbers
        to the closest value that is. Default ``'drop'``.
    objectives
        Names of the objectives there, in the order of those here. Default: by name or position.
    """

    kind: Kind
    place: Any = None
    name: str | None = None
    version: int | None = None
    task: str = "related"
    rename: Mapping[str, str] = field(default_factory=dict)
    missing: str = "default"
    outside: str = "drop"
    objectives: tuple[str, ...] = ()

    @classmethod
    def parse(cls, asked: Any, names: Collection[str] = ()) -> Source:
        """Read a source as people write it.

        Parameters
        ----------
        asked
            One of

            - the name of an experiment, ``NAME`` or ``NAME:VERSION``;
            - ``DATABASE#NAME[:VERSION]``, a path or URL; without ``#``, all its experiments;
            - the path of a table: ``.csv``, ``.tsv``, ``.json``, ``.jsonl``;
            - ``optuna:///PATH#STUDY`` or ``sqlite:///PATH#STUDY``;
            - a mapping with one of ``source`` (any of the above), ``experiment``, ``storage``,
              ``file`` or ``optuna``, and the options of this class;
            - an experiment, or a data frame.
        names
            Names of the experiments in the own database, which a text is first compared with.

        Raises
        ------
        ConfigurationError
            If it is none of these.

        Examples
        --------
        >>> Source.parse("earlier:2", names=["earlier"])
        Source(kind='experiment', place=None, name='earlier', version=2, task='related', ...)
        """
        if isinstance(asked, Source):
            return asked
        if isinstance(asked, Mapping):
            return _from_mapping(asked, names)
        if isinstance(asked, os.PathLike):
            return _from_path(os.fspath(asked))
        if isinstance(asked, str) and asked.strip():
            return _from_text(asked.strip(), names)
        if hasattr(asked, "columns") and hasattr(asked, "to_dict"):
            return cls("frame", asked)
        if hasattr(asked, "storage") and hasattr(asked, "name") and hasattr(asked, "version"):
            return cls("experiment", asked.storage, asked.name, asked.version)
        raise ConfigurationError(
            "a source of a warm start is the name of an experiment, DATABASE#NAME, a file, "
            f"optuna:///PATH#STUDY, a mapping, an experiment or a data frame, not {asked!r}"
        )

    @property
    def description(self) -> dict[str, Any]:
        """All of it as plain data, for the document of the experiment."""
        options = {
            key: getattr(self, key)
            for key, choices in CHOICES.items()
            if getattr(self, key) != choices[0]
        }
        if self.rename:  # keys with dots are not for every database
            options["rename"] = [list(pair) for pair in sorted(self.rename.items())]
        if self.objectives:
            options["objectives"] = list(self.objectives)
        return {"kind": self.kind, "place": _place(self), "name": self.name,
                "version": self.version, **options}  # fmt: skip

    def __str__(self) -> str:
        name = self.name if self.version is None else f"{self.name}:{self.version}"
        place = _place(self)
        return "#".join(str(part) for part in (place, name) if part is not None)


def _place(source: Source) -> str | None:
    if source.place is None:
        return None
    if source.kind == "frame":
        return "a data frame"
    url = getattr(source.place, "url", None)
    if url is None and isinstance(source.place, Mapping):
        from orion_like.storage.setup import open_database

        with open_database(source.place) as database:
            return database.url
    return redact(str(url if url is not None else source.place))


def _from_mapping(asked: Mapping[str, Any], names: Collection[str]) -> Source:
    for key in asked:
        if key not in KEYS:
            raise ConfigurationError(
                f"warm_start: a source has no option {key!r}; it has {', '.join(KEYS)}"
                f"{did_you_mean(str(key), KEYS)}"
            )
    if "source" in asked:
        source = Source.parse(asked["source"], names)
    elif "file" in asked:
        source = Source("table", _absolute(os.fspath(asked["file"])))
    elif "optuna" in asked:
        path, _, study = str(asked["optuna"]).partition("#")
        source = _optuna(path, asked.get("study") or study or None)
    elif "experiment" in asked:
        source = _named(str(asked["experiment"]), _database(asked.get("storage")), names)
    elif "storage" in asked:
        source = Source("storage", _database(asked["storage"]))
    else:
        raise ConfigurationError(
            f"warm_start: {dict(asked)!r} names no source; one of source, experiment, storage, "
            "file or optuna is needed"
        )
    return Source(
        source.kind,
        source.place,
        source.name,
        _version(asked.get("version", source.version)),
        _choice(asked, "task"),
        _renaming(asked.get("rename") or {}),
        _choice(asked, "missing"),
        _choice(asked, "outside"),
        _names(asked.get("objectives") or ()),
    )


def knowledge_source(knowledge_base: Any) -> Source:
    """Return the source that is meant by the ``knowledge_base`` of an experiment.

    Parameters
    ----------
    knowledge_base
        A storage in any form, Oríon's ``{"KnowledgeBase": {"storage": …}}``, or an object that has
        a storage.
    """
    place = knowledge_base
    if isinstance(place, Mapping) and len(place) == 1 and "database" not in place:
        (inner,) = place.values()
        if isinstance(inner, Mapping) and "storage" in inner:
            place = inner
    if isinstance(place, Mapping) and "storage" in place:
        place = place["storage"]
    return Source("storage", getattr(place, "storage", place))


def _choice(asked: Mapping[str, Any], key: str) -> str:
    value, known = asked.get(key, CHOICES[key][0]), CHOICES[key]
    if value not in known:
        raise ConfigurationError(
            f"warm_start: {key} must be {' or '.join(known)}, not {value!r}"
            f"{did_you_mean(str(value), known)}"
        )
    return str(value)


def _version(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ConfigurationError(f"warm_start: version must be a whole number >= 1, not {value!r}")


def _renaming(value: Any) -> dict[str, str]:
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value.values()):
        return {str(there): here for there, here in value.items()}
    raise ConfigurationError(f"warm_start: rename must be {{name there: name here}}, not {value!r}")


def _names(value: Any) -> tuple[str, ...]:
    value = [value] if isinstance(value, str) else value
    if isinstance(value, Sequence) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ConfigurationError(
        f"warm_start: objectives must be the names of the objectives there, not {value!r}"
    )


def _from_text(text: str, names: Collection[str]) -> Source:
    if text in names:
        return Source("experiment", None, text)
    path, mark, name = text.rpartition("#")
    if text.startswith(OPTUNAS):
        return _optuna(*((path, name) if mark else (text, None)))
    if text.lower().endswith(TABLES):
        return Source("table", _absolute(text))
    if mark and path:
        if _is_optuna(path):
            return _optuna(path, name)
        return _named(name, _absolute(path), ())
    own = _named(text, None, names)
    if own.name in names:
        return own
    if "://" in text or Path(text).expanduser().is_file():
        return _from_path(text)
    raise ConfigurationError(
        f"warm_start: {text!r} is neither an experiment of this database nor a file"
        f"{did_you_mean(own.name or text, names)}"
    )


def _from_path(path: str) -> Source:
    if path.lower().endswith(TABLES):
        return Source("table", _absolute(path))
    return _optuna(path, None) if _is_optuna(path) else Source("storage", _absolute(path))


def _absolute(path: str) -> str:
    """Return a path that means the same in every directory; URLs as they are."""
    return path if "://" in path else os.path.abspath(os.path.expanduser(path))


def _named(text: str, place: Any, names: Collection[str]) -> Source:
    """Return an experiment given as ``NAME`` or ``NAME:VERSION``."""
    numbered = re.fullmatch(r"(.+):(\d+)", text)
    if numbered and text not in names:
        return Source("experiment", place, numbered[1], _version(int(numbered[2])))
    return Source("experiment", place, text)


def _optuna(path: str, study: str | None) -> Source:
    for scheme in ("optuna://", "optuna:", "sqlite:///"):
        if path.startswith(scheme):
            path = path.removeprefix(scheme)
            break
    path = os.path.expanduser(path)
    relative = path.removeprefix("/")
    if not os.path.exists(path) and os.path.exists(relative):
        path = relative
    return Source("optuna", os.path.abspath(path), study or None)


def _database(place: Any) -> Any:
    return _absolute(os.fspath(place)) if isinstance(place, (str, os.PathLike)) else place


def _is_optuna(path: str) -> bool:
    """Whether a file is one of Optuna: an SQLite database, or a journal."""
    path = os.path.expanduser(path)
    if path.startswith(OPTUNAS):
        return True
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.startswith((SQLITE_HEADER, b'{"op_code"'))
