"""What a shell offers for the values of options: names, versions and trials that there are.

Whatever goes wrong, nothing is offered: a message in the middle of typing helps nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.session import Selection, Session, open_storage_to_read

if TYPE_CHECKING:
    from orion_like.storage import Storage

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _offering(words: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Return what completes a value with those of some words that begin so."""

    def complete(
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG001
        incomplete: str,
    ) -> list[str]:
        try:
            return [word for word in words(ctx) if word.startswith(incomplete)]
        except Exception:
            return []

    return complete


@contextmanager
def _storage(ctx: click.Context) -> Iterator[Storage | None]:
    chosen = Selection(config=ctx.params.get("config"), storage=ctx.params.get("storage"))
    with open_storage_to_read(chosen.load_settings(Session())) as storage:
        yield storage


@_offering
def complete_names(ctx: click.Context) -> Iterable[str]:
    """Offer the names of the experiments."""
    with _storage(ctx) as storage:
        documents = storage.fetch_experiments(fields=["name"]) if storage else []
    return sorted({document["name"] for document in documents})


@_offering
def complete_versions(ctx: click.Context) -> Iterable[str]:
    """Offer the versions of the experiment that is named already."""
    query = {"name": ctx.params.get("name")}
    with _storage(ctx) as storage:
        documents = storage.fetch_experiments(query, ["version"]) if storage else []
    return [str(document.get("version", 1)) for document in documents]


@_offering
def complete_broken_trials(ctx: click.Context) -> Iterable[str]:
    """Offer the ids of the broken trials of the experiment that is named already."""
    with _storage(ctx) as storage:
        document: Any = storage and storage.fetch_experiment(
            str(ctx.params.get("name")), ctx.params.get("version")
        )
        if not storage or document is None:
            return []
        trials = storage.fetch_trials(document["_id"], {"status": "broken"})
    return [trial.id for trial in trials]


@_offering
def complete_algorithms(ctx: click.Context) -> Iterable[str]:  # noqa: ARG001
    """Offer the algorithms that may be chosen."""
    from orion_like.algo import available_algorithms

    return available_algorithms()


@_offering
def complete_stopping_rules(ctx: click.Context) -> Iterable[str]:  # noqa: ARG001
    """Offer the rules that stop trials early."""
    from orion_like.stopping.rules import BUILT_IN

    return [*BUILT_IN, "none"]


@_offering
def complete_executors(ctx: click.Context) -> Iterable[str]:  # noqa: ARG001
    """Offer the executors."""
    from orion_like.worker.executor import available_executors

    return available_executors()


@_offering
def complete_statuses(ctx: click.Context) -> Iterable[str]:  # noqa: ARG001
    """Offer the statuses of trials."""
    from orion_like.trial import ALLOWED_STATUSES

    return ALLOWED_STATUSES


@_offering
def complete_settings(ctx: click.Context) -> Iterable[str]:  # noqa: ARG001
    """Offer the sections and keys of settings."""
    from orion_like.config import OPTIONS

    keys = [option.key for option in OPTIONS]
    return [*sorted({key.partition(".")[0] for key in keys if "." in key}), *keys]
