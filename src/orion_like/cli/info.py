"""`orion-like info`: all about one experiment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.forest import build_forest, select
from orion_like.cli.options import format_option, option, selecting
from orion_like.cli.output import flat, plain, write
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)
from orion_like.cli.summary import (
    Section,
    print_sections,
    stats_record,
    stats_sections,
)
from orion_like.errors import AlgorithmError
from orion_like.redaction import redact

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.storage import Storage


@click.command(
    "info",
    cls=Command,
    examples=["info -n demo", "info -n demo -v 1 --format json", "info -n demo --expand-versions"],
)
@selecting()
@option(
    "-C",
    "--collapse",
    is_flag=True,
    help="Count the trials of other versions too, as far as this one sees them.",
)
@option(
    "-e",
    "--expand-versions",
    is_flag=True,
    help="Tell of this version and of all that were made from it.",
)
@format_option
@click.pass_obj
def info(
    session: Session, /, selection: Selection, collapse: bool, expand_versions: bool, format_: str
) -> None:
    """Tell all about one experiment: settings, search space, progress, best trial."""
    settings = selection.load_settings(session)
    name, version = required_name(settings), settings["experiment.version"]
    with open_existing_storage(settings) as storage:
        document = find_experiment(storage, name, version)
        documents = storage.fetch_experiments(fields=["name", "version", "refers"])
        shown = [(str(document["name"]), int(document.get("version", 1)))]
        if expand_versions:
            first = shown[0] if version is not None else (name, None)
            trees = select(build_forest(documents), *first)
            shown = [(node.name, node.version) for tree in trees for node in tree]
        by_id = {doc["_id"]: doc for doc in documents}
        records = [_told(storage, *one, by_id, collapse) for one in shown]
    if format_ != "table":
        _write(records if expand_versions else records[:1], format_, several=expand_versions)
        return
    for place, record in enumerate(records):
        click.echo("\n" * bool(place), nl=False)
        print_sections(_sections(record))


def _told(
    storage: Storage, name: str, version: int, documents: Mapping[Any, Any], collapse: bool
) -> dict[str, Any]:
    """Return all that is told of one version."""
    from orion_like.client import get_experiment

    client = get_experiment(name, version, storage=storage)
    document = find_experiment(storage, name, version)
    record = _record(document, documents)
    record["algorithm_in_use"] = _in_use(client, document.get("next_number") or 0)
    if record["warm_start"]:
        _tell_of_sources(client, record)
    stats = client.fetch_stats(with_evc_tree=collapse)
    trials = client.fetch_trials(with_evc_tree=True) if collapse else []
    best = next((trial for trial in trials if trial.id == stats.best_trials_id), None)
    record["stats"] = stats_record(client, stats, best)
    return record


def _tell_of_sources(client: ExperimentClient, record: dict[str, Any]) -> None:
    """Add how the sources of a warm start are used, and how well they foretell the trials."""
    experiment = client.experiment
    agreements = iter(experiment.agreements())
    for source in record["warm_start"]:
        source["agreement"] = next(agreements) if source["fit"] else None
    try:
        starts = getattr(experiment.algorithm, "starts", [])
    except AlgorithmError:  # one of Oríon that is not available here
        starts = []
    record["starting_points"] = len(starts)


def _write(records: list[dict[str, Any]], format_: str, *, several: bool) -> None:
    rows = [
        {**({"title": f"{r['name']}-v{r['version']}"} if several else {}), "field": k, "value": v}
        for r in records
        for k, v in flat(plain(r)).items()
    ]
    write(records if several else records[0], format_, rows)


def _record(document: Mapping[str, Any], experiments: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what the document of an experiment says, as it is printed for programs."""
    metadata = document.get("metadata") or {}
    refers = document.get("refers") or {}
    parent = experiments.get(refers.get("parent_id"))
    root = experiments.get(refers.get("root_id"))
    return {
        "name": document["name"],
        "version": document.get("version", 1),
        "user": metadata.get("user"),
        "command": metadata.get("user_args"),
        "config": {
            "max_trials": document.get("max_trials"),
            "max_broken": document.get("max_broken"),
            "max_duration": (document.get("limits") or {}).get("max_duration"),
            "working_dir": document.get("working_dir") or None,
            "seed": document.get("seed"),
        },
        "objectives": document.get("objectives")
        or [{"name": "objective", "direction": "minimize"}],
        "constraints": document.get("constraints") or [],
        "stopping": document.get("stopping") or {},
        "checkpoints": {
            key: redact(value) if isinstance(value, str) else value
            for key, value in (document.get("checkpoints") or {}).items()
        },
        "warm_start": [
            {key: value for key, value in source.items() if key != "summary"}
            for source in (document.get("warm_start") or {}).get("sources") or []
        ],
        "algorithm": document.get("algorithm") or document.get("algorithms"),
        "space": dict(sorted((document.get("space") or {}).items())),
        "metadata": {
            "user": metadata.get("user"),
            "datetime": metadata.get("datetime"),
            "orion_like_version": metadata.get("orion_like_version")
            or metadata.get("orion_version"),
            "VCS": metadata.get("VCS") or {},
            "user_script_config": metadata.get("user_script_config"),
        },
        "parent": _title(parent),
        "root": _title(root),
        "adapter": refers.get("adapter") or [],
    }


def _in_use(client: ExperimentClient, number: int) -> dict[str, Any] | None:
    """Return to which algorithm the experiment's own one leaves the next trial, why, what follows.

    None if it chooses its trials itself.
    """
    try:
        stages = client.algorithm.stages
    except AlgorithmError:  # one of Oríon that is not available here
        return None
    if not stages:
        return None
    index = sum(stage.first <= number for stage in stages) - 1
    return {**asdict(stages[index]), "next": [asdict(stage) for stage in stages[index + 1 :]]}


def _title(document: Mapping[str, Any] | None) -> str | None:
    return None if document is None else f"{document['name']}-v{document.get('version', 1)}"


def _sections(record: Mapping[str, Any]) -> list[Section]:
    config, metadata = record["config"], record["metadata"]
    sections: list[Section] = [
        ("Identification", {key: record[key] for key in ("name", "version", "user")})
    ]
    if record["command"]:
        sections.append(("Commandline", shlex.join(map(str, record["command"]))))
    sections += [
        (
            "Config",
            {
                "max trials": _limit(config["max_trials"]),
                "max broken": _limit(config["max_broken"]),
                "max duration": _limit(config["max_duration"], "s"),
                "working dir": config["working_dir"] or "(temporary)",
                "seed": config["seed"],
            },
        ),
        ("Objectives", dict(map(_objective, record["objectives"]))),
    ]
    if record["constraints"]:
        sections.append(("Constraints", "\n".join(map(_constraint, record["constraints"]))))
    if record["stopping"]:
        sections.append(("Stopping rules", record["stopping"]))
    if record["checkpoints"]:
        sections.append(("Checkpoints", record["checkpoints"]))
    algorithm = record["algorithm"]
    sections += [
        ("Algorithm", algorithm if isinstance(algorithm, dict) else str(algorithm)),
        *_sections_in_use(record["algorithm_in_use"], config["max_trials"]),
        *_sections_of_warm_start(record["warm_start"], record.get("starting_points", 0)),
        ("Space", record["space"]),
        (
            "Meta-data",
            {
                "user": metadata["user"],
                "datetime": metadata["datetime"],
                "orion-like version": metadata["orion_like_version"],
                "VCS": metadata["VCS"],
            },
        ),
        (
            "Parent experiment",
            {"root": record["root"], "parent": record["parent"], "adapter": record["adapter"]},
        ),
        *stats_sections(record["stats"]),
    ]
    return sections


def _sections_in_use(in_use: Mapping[str, Any] | None, max_trials: Any) -> list[Section]:
    if in_use is None:
        return []
    fields = {"now": f"{in_use['algorithm']}, since {in_use['reason']}"}
    for stage in in_use["next"]:
        text = f"{stage['algorithm']}, since {stage['reason']}"
        if max_trials is not None and stage["first"] >= max_trials:
            text += f" (not reached with {max_trials} trials)"
        fields[f"from trial number {stage['first']}"] = text
    return [("Algorithm in use", fields)]


def _sections_of_warm_start(sources: Sequence[Mapping[str, Any]], n_starts: int) -> list[Section]:
    if not sources:
        return []
    fields = {}
    for source in sources:
        changes = [f"{n['trials']} {n['reason']}" for n in source["left_out"]]
        changes += [f"{n['trials']} {n['reason']}" for n in source["notes"]]
        text = f"{source['task']} task, {source['fit']} of {source['found']} trials fit"
        if source["agreement"] is not None:
            changes.append(f"{source['agreement']:.0%} of the pairs of trials here in its order")
        fields[source["name"]] = "; ".join([text, *changes])
    if n_starts:
        fields["starting points"] = f"trials 0 to {n_starts - 1}, the best ones of related tasks"
    return [("Warm start", fields)]


def _limit(value: Any, unit: str = "") -> Any:
    return "no limit" if value is None else f"{value} {unit}".rstrip()


def _objective(objective: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of an objective, and what is said of it."""
    reference = objective.get("reference")
    worst = "" if reference is None else f" (reference {reference!r})"
    return objective["name"], f"{objective.get('direction', 'minimize')}{worst}"


def _constraint(constraint: Any) -> str:
    """Return a constraint as a relation: texts are one, others bound a result."""
    from orion_like.algo import OutcomeConstraint

    return str(OutcomeConstraint(**constraint) if isinstance(constraint, Mapping) else constraint)
