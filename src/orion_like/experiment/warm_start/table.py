"""What tables hold of a search: a row a trial, a column a parameter or result.

Tables of spreadsheets are understood as well as what `ExperimentClient.to_pandas`, ``status --all
--format json`` (or ``csv``) and the data frames of Optuna look like.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from orion_like.algo import Objective
from orion_like.errors import ConfigurationError
from orion_like.experiment.warm_start.findings import Finding, Findings
from orion_like.experiment.warm_start.source import Source
from orion_like.spelling import did_you_mean
from orion_like.trial import Result

Row = Mapping[str, Any]

COMPLETED: Final = ("completed", "complete", "trialstate.complete")
STATUS: Final = ("status", "state")
ONE_OBJECTIVE: Final = ("objective", "value", "objectives.objective")
NOTHING: Final = ("", "nan", "none", "null", "na")


def read_table(
    source: Source, dimensions: Iterable[str], objectives: Sequence[Objective]
) -> Findings:
    """Return the findings in a file of comma-separated values or JSON, or in a data frame.

    Parameters
    ----------
    source
        Which, of kind ``table`` or ``frame``.
    dimensions
        Names of the dimensions that are looked for.
    objectives
        The objectives that are looked for.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or has no column for an objective.
    """
    name = "the data frame" if source.kind == "frame" else Path(source.place).name
    rows = _frame_rows(source.place) if source.kind == "frame" else _file_rows(source.place)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    found = _objective_columns(name, columns, source.objectives, objectives)
    there = {here: known for known, here in source.rename.items()}
    wanted = {known: _column(known, columns) for known in
              (there.get(dimension, dimension) for dimension in dimensions)}  # fmt: skip
    trials = []
    for row in rows:
        if not _is_completed(row):
            continue
        values = {o.name: _number(row.get(c)) for o, c in zip(objectives, found, strict=True)}
        params = {key: row[c] for key, c in wanted.items() if c and not _is_nothing(row.get(c))}
        trials.append(Finding(params, {k: v for k, v in values.items() if v is not None},
                              list(_constraints(row))))  # fmt: skip
    return Findings(name, objectives, trials, len(rows) - len(trials), is_directed=False)


# --- rows ---------------------------------------------------------------------------------------


def _frame_rows(frame: Any) -> list[Row]:
    return [
        {str(column): value for column, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _file_rows(path: str) -> list[Row]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(f"warm_start: there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"warm_start: {path} cannot be read: {error}") from None
    suffix = Path(path).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _csv_rows(path, text, "\t" if suffix == ".tsv" else None)
    try:
        if suffix in (".jsonl", ".ndjson"):
            data: Any = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            data = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"warm_start: {path} is not valid JSON: {error}") from None
    rows = _json_rows(data)
    if rows is None:
        raise ConfigurationError(
            f"warm_start: {path} is no table; a list of objects, one a trial, or an object of "
            "columns is needed"
        )
    return rows


def _csv_rows(path: str, text: str, delimiter: str | None) -> list[Row]:
    lines = text.splitlines()
    if not lines:
        raise ConfigurationError(f"warm_start: {path} is empty; a line with the names of the "
                                 "columns is needed")  # fmt: skip
    if delimiter is None:
        delimiter = max(",;\t", key=lines[0].count)
    reader = csv.DictReader(lines, delimiter=delimiter)
    return [{k.strip(): v for k, v in row.items() if k is not None} for row in reader]


def _json_rows(data: Any) -> list[Row] | None:
    if isinstance(data, Mapping):
        if isinstance(data.get("trials"), list):
            return _json_rows(data["trials"])
        if data and all(isinstance(column, (list, Mapping)) for column in data.values()):
            return _transposed(data)
        return None
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        return None
    if data and all(isinstance(row.get("trials"), list) for row in data):  # of `status --all`
        return _json_rows([trial for experiment in data for trial in experiment["trials"]])
    return [_flat(row) for row in data]


def _transposed(columns: Mapping[str, Any]) -> list[Row]:
    """Return the rows of columns, which are lists or, as pandas writes them, objects by row."""
    indexed = {
        name: column if isinstance(column, Mapping) else dict(enumerate(column))
        for name, column in columns.items()
    }
    keys = dict.fromkeys(key for column in indexed.values() for key in column)
    return [{name: column.get(key) for name, column in indexed.items()} for key in keys]


def _flat(row: Row) -> Row:
    """Return a row with nested objects taken apart: names with dots, and lists of named values."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        named = isinstance(value, list) and value and all(
            isinstance(item, Mapping) and "name" in item and "value" in item for item in value
        )  # fmt: skip
        if named and key in ("params", "results"):
            for item in value:
                kind = "params" if key == "params" else str(item.get("type", "objective"))
                flat[f"{kind}.{item['name']}"] = item["value"]
        elif isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": item for inner, item in _flat(value).items()}
        else:
            flat[key] = value
    return flat


# --- columns ------------------------------------------------------------------------------------


def _objective_columns(
    table: str, columns: Sequence[str], asked: Sequence[str], objectives: Sequence[Objective]
) -> list[str]:
    """Return the column of each objective."""
    if asked and len(asked) != len(objectives):
        raise ConfigurationError(
            f"warm_start: {table}: {len(asked)} objectives are named, but there are "
            f"{len(objectives)} here"
        )
    found = []
    for position, objective in enumerate(objectives):
        name = asked[position] if asked else objective.name
        candidates = [name, f"objectives.{name}", f"objective.{name}"]
        if not asked:
            candidates += [f"values_{objective.name}", f"values_{position}"]
            candidates += ONE_OBJECTIVE if len(objectives) == 1 else ()
        column = next((candidate for candidate in candidates if candidate in columns), None)
        if column is None:
            raise ConfigurationError(
                f"warm_start: {table} has no column for the objective {name!r}; it has "
                f"{', '.join(columns[:12])}{did_you_mean(name, columns)}. Say which it is with "
                f"objectives: [COLUMN]"
            )
        found.append(column)
    return found


def _column(dimension: str, columns: Sequence[str]) -> str | None:
    bare = dimension.removeprefix("/")
    spellings = (bare, f"/{bare}")
    candidates = [dimension, *(f"{p}{s}" for p in ("", "params.", "params_") for s in spellings)]
    return next((candidate for candidate in candidates if candidate in columns), None)


def _is_completed(row: Row) -> bool:
    status = next((row[key] for key in STATUS if not _is_nothing(row.get(key))), "completed")
    return str(status).strip().lower() in COMPLETED


def _constraints(row: Row) -> Iterable[Result]:
    for key, value in row.items():
        _, mark, name = key.partition(".")
        number = _number(value)
        if mark and key.startswith(("constraint.", "constraints.")) and number is not None:
            yield Result(name, "constraint", number)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or _is_nothing(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
