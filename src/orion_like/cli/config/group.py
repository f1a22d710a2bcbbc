"""`orion-like config`: its sub-commands."""

from __future__ import annotations

import click

from orion_like.cli.commands import Entry, LazyGroup

ENTRIES = {
    "show": Entry(
        "orion_like.cli.config.show:show", "Tell what is configured, and where it was set."
    ),
}


@click.group("config", cls=LazyGroup, entries=ENTRIES)
def config() -> None:
    """See what is configured."""
