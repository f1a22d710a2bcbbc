"""Reporting results from within a script that a hunt runs.

Scripts import this in every trial, so only the standard library is used, and most of it only
when something is reported. A script that is started by hand prints what it would report.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

RESULTS_FILENAME = (
    os.environ.get("ORION_LIKE_RESULTS_PATH") or os.environ.get("ORION_RESULTS_PATH") or None
)
IS_ORION_LIKE_ON = RESULTS_FILENAME is not None

_DEFAULT_INTERRUPT_CODE = 130

_reported = False


def report_objective(objective: object, name: str = "objective") -> None:
    """Report the objective of this trial.

    Parameters
    ----------
    objective
        A finite number, also one of numpy.
    name
        Its name. Default ``'objective'``.

    Raises
    ------
    InvalidResult
        If it isn't a finite number.
    AlreadyReported
        If this script has reported before.

    Examples
    --------
    >>> report_objective(0.25)  # doctest: +SKIP
    [{"name": "objective", "type": "objective", "value": 0.25}]
    """
    report_results([{"name": name, "type": "objective", "value": objective}])


def report_bad_trial(
    objective: object = 1e10,
    name: str = "objective",
    data: Iterable[Mapping[str, object]] | None = None,
) -> None:
    """Report that the parameters are bad, where no objective can be computed.

    Parameters
    ----------
    objective
        A number worse than any objective that can be computed. Default 1e10.
    name
        Name of the objective. Default ``'objective'``.
    data
        Other results to report with it, as for `report_results`. Default None.

    Raises
    ------
    InvalidResult
        If something isn't a result.
    AlreadyReported
        If this script has reported before.
    """
    bad = {"name": name, "type": "objective", "value": objective}
    report_results([bad, *(data or ())])


def report_results(data: Iterable[Mapping[str, object]]) -> None:
    """Report all results of this trial.

    Parameters
    ----------
    data
        Results, each ``{"name": str, "type": str, "value": …}``, where type is
        ``'objective'`` (at least one), ``'constraint'``, ``'gradient'`` or ``'statistic'``.

    Raises
    ------
    InvalidResult
        If there is no objective, one isn't a finite number, or something isn't a result.
    AlreadyReported
        If this script has reported before.
    """
    global _reported
    if _reported:
        from orion_like.errors import AlreadyReported

        raise AlreadyReported(
            "results can be reported only once in a trial; gather them and call report_results once"
        )
    text = _as_json(data)
    if RESULTS_FILENAME is None:
        print(text, flush=True)  # noqa: T201
    else:
        _write(RESULTS_FILENAME, text)
    _reported = True


def interrupt_trial() -> None:
    """End this script, and let the trial be resumed later.

    Raises
    ------
    SystemExit
        Always, with the exit code that tells the worker.
    """
    code = os.environ.get("ORION_LIKE_INTERRUPT_CODE") or os.environ.get("ORION_INTERRUPT_CODE")
    sys.exit(int(code) if code else _DEFAULT_INTERRUPT_CODE)


def _as_json(data: Iterable[Mapping[str, object]]) -> str:
    import json

    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        from orion_like.errors import InvalidResult

        raise InvalidResult(
            f"report_results needs a list of results, not one {type(data).__name__}: "
            'report_results([{"name": …, "type": …, "value": …}])'
        )
    results = list(data)
    # The full check needs the trial document, whose import takes as long as all the rest.
    plain = any(_is_plain_number(item, ("objective",)) for item in results) and all(
        _is_plain_number(item, ("objective", "constraint", "statistic")) for item in results
    )
    try:
        return json.dumps(results if plain else _checked(results))
    except TypeError as error:
        from orion_like.errors import InvalidResult

        raise InvalidResult(f"results must be numbers, text, lists and dicts: {error}") from None


def _is_plain_number(item: object, types: tuple[str, ...]) -> bool:
    """Whether a result is a finite number of Python, under a name and one of `types`."""
    return (
        isinstance(item, dict)
        and item.keys() == {"name", "type", "value"}
        and isinstance(item["name"], str)
        and item["type"] in types
        and type(item["value"]) in (int, float)
        and abs(item["value"]) < float("inf")
    )


def _checked(data: list[Mapping[str, object]]) -> list[dict[str, object]]:
    from orion_like.errors import InvalidResult
    from orion_like.trial import Result, to_results

    results = [result.to_dict() for result in to_results(data)]
    for result in results:
        if result["type"] == "lie" or not isinstance(result["name"], str):
            allowed = ", ".join(type_ for type_ in Result.allowed_types if type_ != "lie")
            raise InvalidResult(
                f"{result} is not a result: its name must be text and its type one of {allowed}"
            )
    return results


def _write(path: str, text: str) -> None:
    """Write the results file at once: the worker sees all of it or nothing."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"cannot report results to {path!r}: its directory does not exist (any more). The "
            "worker names this file in ORION_LIKE_RESULTS_PATH; unset it to run the script by hand"
        ) from None
