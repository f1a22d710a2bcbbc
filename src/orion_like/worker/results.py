"""The results of a script: from its results file, or from the last line of JSON it printed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from orion_like.errors import InvalidResult, MissingResultFile
from orion_like.spelling import closest
from orion_like.trial import to_results

_TAIL = 1 << 20  # bytes of the end of stdout that are searched
# Numbers that programs print although JSON doesn't know them: .5, 5., +5, nan
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)\Z", re.ASCII | re.IGNORECASE
)
_KINDS = {
    "objective": "objective",
    "objectives": "objective",
    "constraint": "constraint",
    "constraints": "constraint",
    "gradient": "gradient",
    "gradients": "gradient",
    "statistic": "statistic",
    "statistics": "statistic",
}


def collect_results(results_path: str, stdout_path: str, start: int = 0) -> list[dict[str, Any]]:
    """Return the checked results of a script that ended well.

    Parameters
    ----------
    results_path
        Its results file. If it is empty or missing, standard output is searched.
    stdout_path
        File of its standard output.
    start
        Where the output of this attempt begins in that file. Default 0.

    Raises
    ------
    MissingResultFile
        If it reported nothing.
    InvalidResult
        If what it reported isn't a result.
    """
    reported = read_end(results_path).strip()
    if reported:
        try:
            data = json.loads(reported)
        except ValueError as error:
            raise InvalidResult(f"results file {results_path} is not JSON: {error}") from None
        return check_results(data, f"results file {results_path}")
    line = _last_json_line(read_end(stdout_path, start, _TAIL))
    if line is None:
        raise MissingResultFile(
            _nothing_reported("and no line of its standard output is a number or JSON")
        )
    data = json.loads(line) if _is_json(line) else float(line)
    if isinstance(data, dict) and not ({"objective", "objectives", "type"} & data.keys()):
        raise MissingResultFile(
            _nothing_reported(f"and the last JSON it printed, {_shortened(line)}, has no objective")
        )
    return check_results(data, f"last JSON line of standard output, {_shortened(line)}")


def _nothing_reported(detail: str) -> str:
    return (
        "the script ended well but reported no results: its results file is empty "
        f"{detail}. Call report_objective(value) of orion_like.client in it, or print a number "
        'or {"objective": number} as its last line'
    )


def check_results(data: object, where: str) -> list[dict[str, Any]]:
    """Return results in the form in which they are stored.

    Parameters
    ----------
    data
        A number (the objective); a list of ``{"name", "type", "value"}``; or a dict with
        ``objective`` and perhaps ``constraints``, ``gradient`` and ``statistics``, of which each
        is a value or a dict of values by name. Of gradients, such a dict is ``gradients``.
    where
        Where it comes from, for messages.

    Raises
    ------
    InvalidResult
        If it isn't one of these, there is no objective, or one isn't a finite number.

    Examples
    --------
    >>> check_results({"objective": 0.3, "statistics": {"epochs": 7}}, "example")
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'name': 'objective', 'type': 'objective', 'value': 0.3},
     {'name': 'epochs', 'type': 'statistic', 'value': 7}]
    """
    if isinstance(data, Mapping):
        single = {"name", "type", "value"} == data.keys()
        data = [data] if single else _from_sections(data, where)
    if not isinstance(data, list) and (
        isinstance(data, bool) or not isinstance(data, (int, float))
    ):
        kind = "null" if data is None else type(data).__name__
        raise InvalidResult(
            f"{where}: an objective must be a number, not {kind} {_shortened(str(data))!r}"
        )
    try:
        results = [result.to_dict() for result in to_results(data)]
    except InvalidResult as error:
        raise type(error)(f"{where}: {error}") from None
    for result in results:
        _check_stored(result, where)
    return results


def _check_stored(result: Mapping[str, Any], where: str) -> None:
    if result["type"] == "lie" or not isinstance(result["name"], str):
        raise InvalidResult(
            f"{where}: {dict(result)} is no result of a script; its name must be text and its type "
            "objective, constraint, gradient or statistic"
        )


def _from_sections(data: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    results = []
    for section, value in data.items():
        kind = _KINDS.get(section)
        if kind is None:
            meant = closest(section, _KINDS)
            hint = f"did you mean {meant!r}? " if meant else ""
            raise InvalidResult(
                f"{where}: unknown key {section!r}; {hint}Known are objective, constraints, "
                "gradient, gradients and statistics; put other figures under statistics"
            )
        # A single gradient is a dict itself.
        named = isinstance(value, Mapping) and section != "gradient"
        by_name = value if named else {kind: value}
        results += [{"name": name, "type": kind, "value": item} for name, item in by_name.items()]
    return results


def _last_json_line(text: str) -> str | None:
    for line in reversed(text.splitlines()):
        stripped = line.strip()
        if _NUMBER.match(stripped):
            return stripped
        # Cheap to refuse: no JSON begins like most lines of a log.
        if stripped and stripped[0] in '{["tfn' and _is_json(stripped):
            return stripped
    return None


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def read_end(path: str, start: int = 0, limit: int | None = None) -> str:
    """Return what a file holds from `start` on; its last lines, if that is more than `limit`.

    Parameters
    ----------
    path
        A text file; one that doesn't exist is taken for empty.
    start
        Position in it, in bytes. Default 0.
    limit
        Most bytes to return. Default None, all.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            cut = limit is not None and size - start > limit
            file.seek(size - limit if limit is not None and cut else start)
            content = file.read()
    except FileNotFoundError:
        return ""
    if cut:
        # The first line may have lost its beginning, and half a number is a number too.
        content = content.partition(b"\n")[2]
    return content.decode("utf-8", "replace")


def _shortened(text: str, length: int = 100) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
