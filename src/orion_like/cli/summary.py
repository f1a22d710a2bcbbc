"""What is known of an experiment, in sections for people and as one record for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.output import print_heading, printable
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.experiment.statistics import ExperimentStats
    from orion_like.trial import Trial

Section = tuple[str, Mapping[str, Any] | str]
"""A title, and fields (nested as they are) or a text."""


def stats_record(stats: ExperimentStats, best: Trial | None, *, done: bool) -> dict[str, Any]:
    """Return the progress of an experiment as a record.

    Parameters
    ----------
    stats
        Figures of the experiment.
    best
        Its best trial, if there is one.
    done
        Whether there will be no more trials.
    """
    return {
        "completed": done,
        "trials_completed": stats.trials_completed,
        "max_trials": stats.max_trials,
        "trials": dict(stats.trial_status_count),
        "best_trial": None if best is None else best_record(best, stats),
        "start_time": stats.start_time,
        "finish_time": stats.finish_time,
        "elapsed_time": stats.elapsed_time,
        "sum_of_trials_time": stats.sum_of_trials_time,
    }


def best_record(best: Trial, stats: ExperimentStats) -> dict[str, Any]:
    """Return the best trial as a record."""
    return {
        "id": best.id,
        "evaluation": stats.best_evaluation,
        "params": best.flat_params,
        "results": {str(r.name): r.value for r in best.results if r.type != "gradient"},
    }


def stats_section(record: Mapping[str, Any]) -> Section:
    """Return the progress of an experiment as a section, from `stats_record`."""
    if not record["trials"]:
        return "Stats", "No trials executed…"
    best = record["best_trial"]
    fields: dict[str, Any] = {
        "completed": record["completed"],
        "trials completed": record["trials_completed"],
        "trials": record["trials"],
    }
    if best is not None:
        fields["best trial"] = {key: best[key] for key in ("id", "evaluation", "params")}
        if len(best["results"]) > 1:
            fields["best trial"]["results"] = best["results"]
    fields |= {
        "start time": record["start_time"],
        "finish time": record["finish_time"],
        "elapsed_time": record["elapsed_time"],
    }
    return "Stats", fields


def print_sections(sections: Sequence[Section]) -> None:
    """Print sections with underlined titles and two blank lines between them."""
    for number, (title, content) in enumerate(sections):
        if number:
            click.echo("\n")
        print_heading(title)
        if isinstance(content, str):
            click.echo(redact(content))
        else:
            for line in field_lines(content):
                click.echo(redact(line))


def field_lines(fields: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """Yield ``key: value`` for every field, what is nested indented below its key.

    Examples
    --------
    >>> list(field_lines({"tpe": {"seed": 1}, "bounds": [0, 1]}))
    ['tpe:', '  seed: 1', 'bounds: [0, 1]']
    """
    for key, value in fields.items():
        head = f"{'':{indent}}{printable(key)}:"
        if isinstance(value, Mapping) and value:
            yield head
            yield from field_lines(value, indent + 2)
        elif isinstance(value, Mapping):
            yield f"{head} {{}}"
        else:
            yield f"{head} {value_text(value)}".rstrip()


def value_text(value: Any) -> str:
    """Return a value for people, numbers in full length.

    Examples
    --------
    >>> value_text(0.1), value_text(True), value_text(None)
    ('0.1', 'yes', '')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    if isinstance(value, datetime):
        return printable(value)
    return printable(value)
