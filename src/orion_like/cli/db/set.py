"""`orion-like db set`: change trials, and the limits of an experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import click

from orion_like.cli.commands import Command, did_you_mean
from orion_like.cli.db.confirmation import confirm
from orion_like.cli.db.rm import select_trees
from orion_like.cli.options import Duration, Limit, option, selecting
from orion_like.cli.output import counted
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)
from orion_like.errors import FailedUpdate
from orion_like.storage.storage import Storage
from orion_like.trial import ALLOWED_STATUSES, USER, Trial, sources_of

LIMITS: Mapping[str, click.ParamType[Any]] = {
    "max_trials": Limit(),
    "max_broken": Limit(),
    "max_duration": Duration(unlimited=True),
}
FIELDS = {"max_duration": "limits.max_duration"}


@click.command(
    "set",
    cls=Command,
    examples=[
        "db set demo status=broken status=new",
        "db set demo id=3f0a4ba1c2f5b0a8a27d1c52cd3f7a10 status=interrupted",
        "db set demo id=3f0a4ba1c2f5b0a8a27d1c52cd3f7a10 objective=0.25",
        "db set demo max_trials=100",
        "db set demo max_duration=12h",
    ],
)
@selecting(named=True)
@click.argument("query")
@click.argument("update", required=False)
@option("-f", "--force", is_flag=True, help="Ask nothing.")
@click.pass_obj
def set_(
    session: Session, selection: Selection, query: str, update: str | None, force: bool
) -> None:
    """Change trials of experiment NAME and of its branches, or its limits.

    QUERY is '*' (all that can change), status=STATUS or id=ID; UPDATE is
    status=STATUS. Completed trials never change, and running ones only to
    interrupted; but with id=ID, UPDATE may be objective=VALUE, which corrects a
    result and keeps the old one.

    max_trials=N, max_broken=N or max_duration=TIME ('inf' for no limit), without an
    UPDATE, sets a limit of the experiment. Workers follow all of this while they run.
    """
    if update is None:
        _set_limit(session, selection, query)
        return
    key, target = _parse(update, ("status", "objective"), "update")
    where = _parse_query(query)
    if key == "objective":
        _correct(session, selection, where, target, force)
        return
    sources = sources_of(target, USER)
    _check(where.get("status"), target, sources)
    settings = selection.load_settings(session)
    name = settings["experiment.name"]
    with open_existing_storage(settings) as storage:
        trees = select_trees(storage, name, settings["experiment.version"])
        trials = [
            trial
            for tree in trees
            for node in tree
            for trial in storage.fetch_trials(node.document["_id"], where)
        ]
        able = [trial for trial in trials if trial.status in sources]
        if "id" in where:
            _check_found(trials, able, where["id"], target, sources)
        confirm(f"This makes {counted(len(able), 'trial')} {target}.", name, force)
        click.echo(f"{_change(storage, able, target)} trials modified")


def _set_limit(session: Session, selection: Selection, text: str) -> None:
    key, value = _parse(text, tuple(LIMITS), "limit")
    limit = LIMITS[key].convert(value, None, None)
    settings = selection.load_settings(session)
    with open_existing_storage(settings) as storage:
        name = required_name(settings)
        document = find_experiment(storage, name, settings["experiment.version"])
        field = FIELDS.get(key, key)
        storage.update_experiment(document["_id"], **{field: None if limit == "inf" else limit})
    click.echo(f"{key} of {name}-v{document.get('version', 1)} is {limit} now")


def _correct(
    session: Session, selection: Selection, where: dict[str, Any], text: str, force: bool
) -> None:
    """Correct the objective of one trial."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if "id" not in where or not math.isfinite(value):
        raise click.UsageError(
            "one result is corrected at a time: id=ID objective=VALUE, where VALUE is a number"
        )
    settings = selection.load_settings(session)
    name = settings["experiment.name"]
    with open_existing_storage(settings) as storage:
        trees = select_trees(storage, name, settings["experiment.version"])
        nodes = [node for tree in trees for node in tree]
        trials = [t for node in nodes for t in storage.fetch_trials(node.document["_id"], where)]
        if not trials:
            raise _no_trial(where["id"])
        for trial in trials:
            before = trial.objective.value if trial.objective is not None else None
            confirm(f"This makes the objective {value}, which is {before}.", name, force)
            storage.correct_objective(trial, value)
    click.echo(f"{len(trials)} trials corrected; the old results are in their corrections")


def _no_trial(uid: str) -> FailedUpdate:
    return FailedUpdate(f"there is no trial with the id {uid!r}; see 'orion-like status --all'")


def _parse_query(text: str) -> dict[str, Any]:
    if text == "*":
        return {}
    key, value = _parse(text, ("status", "id"), "query")
    return {key: value}


def _parse(text: str, keys: tuple[str, ...], what: str) -> tuple[str, str]:
    """Return the key and the value of ``key=value``."""
    key, separator, value = (part.strip() for part in text.partition("="))
    forms = " or ".join(f"{name}={name.upper()}" for name in keys)
    if not separator or key not in keys or not value:
        raise click.UsageError(f"{what} {text!r} must be {forms}")
    if key == "status" and value not in ALLOWED_STATUSES:
        hint = did_you_mean(value, ALLOWED_STATUSES) or f"; there are {', '.join(ALLOWED_STATUSES)}"
        raise click.UsageError(f"{what} {text!r}: there is no status {value!r}{hint}")
    return key, value


def _check(source: str | None, target: str, sources: tuple[str, ...]) -> None:
    """Refuse changes that the state table does not allow."""
    if not sources:
        raise click.UsageError(f"trials become {target} only by being run")
    if source is not None and source not in sources:
        raise click.UsageError(
            f"{source} trials cannot be made {target}; only {_either(sources)} ones can"
        )


def _check_found(
    trials: list[Trial], able: list[Trial], uid: str, target: str, sources: tuple[str, ...]
) -> None:
    if not trials:
        raise _no_trial(uid)
    if not able:
        raise FailedUpdate(
            f"trial {uid} is {trials[0].status} and cannot be made {target}; "
            f"only {_either(sources)} ones can"
        )


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _change(storage: Storage, trials: list[Trial], target: str) -> int:
    """Change the trials one by one; those that others changed meanwhile are left alone."""
    changed = 0
    for trial in trials:
        try:
            storage.set_trial_status(trial, target, reason="set by user")
        except FailedUpdate:
            continue
        changed += 1
    return changed
