"""What is known of an experiment, in sections for people and as one record for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.output import print_heading, printable
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.experiment import ExperimentStats
    from orion_like.space import Space
    from orion_like.trial import Trial

Section = tuple[str, Mapping[str, Any] | str]
"""A title, and fields (nested as they are) or a text."""


SHOWN_OF_FRONT = 20  # trials; programs get all


def stats_record(
    client: ExperimentClient, stats: ExperimentStats, best: Trial | None = None
) -> dict[str, Any]:
    """Return the progress of an experiment as a record.

    Parameters
    ----------
    client
        The experiment.
    stats
        Its figures.
    best
        The best trial of these, if it is not one of its own.
    """
    if best is None and stats.best_trials_id:
        best = client.get_trial(uid=stats.best_trials_id)
    front = stats.pareto_front
    return {
        "completed": client.is_done,
        "trials_completed": stats.trials_completed,
        "trials_stopped": stats.trials_stopped,
        "trials_feasible": stats.trials_feasible,
        "max_trials": stats.max_trials,
        "trials": dict(stats.trial_status_count),
        "best_trial": None if best is None else _best_record(best, stats, client.space),
        "pareto_front": None if front is None else front.to_json(),
        "unreported_constraints": list(stats.unreported_constraints),
        "start_time": stats.start_time,
        "finish_time": stats.finish_time,
        "elapsed_time": stats.elapsed_time,
        "sum_of_trials_time": stats.sum_of_trials_time,
    }


def _best_record(best: Trial, stats: ExperimentStats, space: Space) -> dict[str, Any]:
    return {
        "id": best.id,
        "evaluation": stats.best_evaluation,
        "feasible": stats.best_is_feasible,
        "params": best.flat_params,
        "results": {str(r.name): r.value for r in best.results if r.type != "gradient"},
        "gradients": {
            str(result.name): _derivatives(result.value, space, best.flat_params)
            for result in best.gradients
        },
    }


def _derivatives(gradient: Any, space: Space, params: Mapping[str, Any]) -> Any:
    """Return the partial derivatives of a gradient by dimension; as it is, if they are not."""
    from orion_like.algo.gradient import partial_derivatives
    from orion_like.errors import InvalidResult

    try:
        derivatives = partial_derivatives(gradient, space, params)
    except InvalidResult:
        return gradient
    return {
        name: values if space[name].shape else values[0] for name, values in derivatives.items()
    }


def stats_sections(record: Mapping[str, Any]) -> list[Section]:
    """Return the progress of an experiment as sections, from `stats_record`."""
    if not record["trials"]:
        return [("Stats", "No trials executed…")]
    best = record["best_trial"]
    fields: dict[str, Any] = {
        "completed": record["completed"],
        "trials completed": record["trials_completed"],
        **({"trials stopped": record["trials_stopped"]} if record["trials_stopped"] else {}),
        "trials": record["trials"],
    }
    if record["trials_feasible"] < record["trials_completed"]:
        fields["trials feasible"] = record["trials_feasible"]
    if record["unreported_constraints"]:
        names = ", ".join(record["unreported_constraints"])
        fields["constraints never reported"] = f"{names} (so that no trial is feasible)"
    if best is not None:
        fields["best trial"] = _best_fields(best)
    fields |= {
        "start time": record["start_time"],
        "finish time": record["finish_time"],
        "elapsed_time": record["elapsed_time"],
    }
    front = record["pareto_front"]
    return [("Stats", fields), *([] if front is None else [_front_section(front)])]


def _best_fields(best: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"id": best["id"], "evaluation": best["evaluation"]}
    if not best["feasible"]:
        fields["feasible"] = False
    fields["params"] = best["params"]
    if len(best["results"]) > 1:
        fields["results"] = best["results"]
    if best["gradients"]:
        fields["gradients"] = best["gradients"]
    return fields


def _front_section(front: Mapping[str, Any]) -> Section:
    trials = front["trials"]
    if not trials:
        return "Pareto front", "No feasible trial"
    fields: dict[str, Any] = {
        "trials": len(trials),
        "hypervolume": front["hypervolume"],
        "reference point": _values(front["reference_point"]),
    }
    fields |= {trial["id"]: _values(trial["objectives"]) for trial in trials[:SHOWN_OF_FRONT]}
    if len(trials) > SHOWN_OF_FRONT:
        fields["…"] = f"{len(trials) - SHOWN_OF_FRONT} more, which --format json has"
    return "Pareto front", fields


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {printable(value)}" for name, value in values.items())


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
