"""`orion-like db set`: change the status of trials."""

from __future__ import annotations

from typing import Any

import click

from orion_like.cli.commands import Command, did_you_mean
from orion_like.cli.db.confirmation import confirm
from orion_like.cli.db.rm import select_trees
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted
from orion_like.cli.session import Selection, Session, open_existing_storage
from orion_like.errors import FailedUpdate
from orion_like.storage.storage import Storage
from orion_like.trial import ALLOWED_STATUSES, USER, Trial, sources_of


@click.command(
    "set",
    cls=Command,
    examples=[
        "db set demo status=broken status=new",
        "db set demo id=3f0a4ba1c2f5b0a8a27d1c52cd3f7a10 status=interrupted",
    ],
)
@selecting(named=True)
@click.argument("query")
@click.argument("update")
@option("-f", "--force", is_flag=True, help="Ask nothing.")
@click.pass_obj
def set_(session: Session, selection: Selection, query: str, update: str, force: bool) -> None:
    """Change the status of trials of experiment NAME and of its branches.

    QUERY is '*' (all that can change), status=STATUS or id=ID; UPDATE is
    status=STATUS. Completed trials never change, and running ones only to
    interrupted.
    """
    target = _parse(update, ("status",), "update")[1]
    where = _parse_query(query)
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
        raise FailedUpdate(f"there is no trial with the id {uid!r}; see 'orion-like status --all'")
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
