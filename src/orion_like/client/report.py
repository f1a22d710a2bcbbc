"""Reporting from within a script that a hunt runs: results, and how the trial is doing.

Scripts import this in every trial, so only the standard library is used, and most of it only
when something is reported. A script that is started by hand prints what it would report.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_like.worker.channel import Channel
    from orion_like.worker.checkpoint import CheckpointPlace, Saved

RESULTS_FILENAME = (
    os.environ.get("ORION_LIKE_RESULTS_PATH") or os.environ.get("ORION_RESULTS_PATH") or None
)
IS_ORION_LIKE_ON = RESULTS_FILENAME is not None

_DEFAULT_INTERRUPT_CODE = 130

_reported = False
_channel: Channel | None = None


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


def report_intermediate(value: object, step: int | None = None, group: str = "validation") -> None:
    """Report how this trial is doing; may be called at every step, from any of its processes.

    Parameters
    ----------
    value
        A number, the objective so far; or numbers by name.
    step
        How far the trial is, from 0 on: epochs, batches, folds… Default: the step after the last
        one. The first report of a step counts; values with other names join it.
    group
        ``'validation'`` (the default), ``'training'``, or a name of your own.

    Raises
    ------
    InvalidResult
        If one of them isn't what it must be.

    Examples
    --------
    >>> report_intermediate({"loss": 0.5, "accuracy": 0.75}, step=3)
    {"step": 3, "group": "validation", "values": {"loss": 0.5, "accuracy": 0.75}}
    """
    from orion_like.worker.channel import checked_group, checked_step, checked_values

    values, step, group = checked_values(value), checked_step(step), checked_group(group)
    channel = _to_worker()
    if channel is not None:
        channel.report(values, step, group)
        return
    import json

    named = {name or "objective": number for name, number in values.items()}
    print(json.dumps({"step": step, "group": group, "values": named}), flush=True)  # noqa: T201


def should_stop() -> bool:
    """Whether a stopping rule says, after all that was reported, that going on is no use.

    A script that is told so ends as soon as possible, with any exit code. Its trial becomes
    suspended; its results count, or else its last report. Always False in a script that is
    started by hand.
    """
    channel = _to_worker()
    return channel is not None and channel.reason_to_stop() is not None


@contextmanager
def save_checkpoint(step: int, metadata: Mapping[str, object] | None = None) -> Iterator[str]:
    """Save a checkpoint: ``with save_checkpoint(step) as path:``.

    It comes into being as a whole when the block ends: after an exception, or when the script is
    killed, there is none. A script that is started by hand saves it below ``checkpoints`` in the
    current directory.

    Parameters
    ----------
    step
        How far the trial is, a whole number from 0 on.
    metadata
        What to store about it in the database, as JSON. Default: nothing.

    Yields
    ------
    str
        A new directory to write into.
    """
    with _checkpoint_place().saving(step, metadata) as (path, saved):
        yield path
    channel = _to_worker()
    if channel is not None:
        where = saved.url or saved.path
        channel.checkpoint(saved.step, where, saved.sizes(), metadata or {})


def latest_checkpoint() -> Saved | None:
    """Return the checkpoint of the latest step, with its ``step`` and ``path``, or None.

    It may be of an earlier attempt at the trial, or of one with another fidelity.
    """
    return _checkpoint_place().latest()


def _checkpoint_place() -> CheckpointPlace:
    from orion_like.worker.checkpoint import CheckpointPlace

    def told(name: str) -> str:
        return os.environ.get(f"ORION_LIKE_{name}") or os.environ.get(f"ORION_{name}") or ""

    directory = told("CHECKPOINT_DIR") or os.path.abspath("checkpoints")
    return CheckpointPlace(directory, told("CHECKPOINT_URL"), told("CHECKPOINT_PARENT_URL"))


def _to_worker() -> Channel | None:
    """Return the way to the worker that runs this script; None if it is started by hand."""
    global _channel
    address = os.environ.get("ORION_LIKE_REPORTS_SOCKET") or os.environ.get("ORION_REPORTS_SOCKET")
    if not address:
        return None
    if _channel is None or _channel.address != address:
        from orion_like.worker.channel import Channel

        _channel = Channel(address)
    return _channel


def report_intermediate_result(metric: object) -> None:
    """Do the same as :func:`report_intermediate`, as NNI calls it; ``default`` is the objective."""
    report_intermediate(_nni_values(metric))


def report_final_result(metric: object) -> None:
    """Report the objective, as NNI calls it: a number, or numbers by name with ``default``.

    Other numbers are stored as statistics.
    """
    values = _nni_values(metric)
    if not isinstance(values, Mapping):
        report_objective(values)
        return
    results = [
        {
            "name": name or "objective",
            "type": "statistic" if name else "objective",
            "value": value,
        }
        for name, value in values.items()
    ]
    report_results(results)


def _nni_values(metric: object) -> object:
    if not isinstance(metric, Mapping) or "default" not in metric:
        return metric
    return {"" if name == "default" else name: value for name, value in metric.items()}


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
