"""`orion-like checkpoints`: its sub-commands."""

from __future__ import annotations

import click

from orion_like.cli.commands import Entry, LazyGroup

ENTRIES = {
    "save": Entry("orion_like.cli.checkpoints.script:save", "Save one, from a script."),
    "latest": Entry(
        "orion_like.cli.checkpoints.script:latest", "Tell a script from which it goes on."
    ),
    "list": Entry("orion_like.cli.checkpoints.list:list_", "List what trials have saved."),
    "download": Entry("orion_like.cli.checkpoints.download:download", "Copy one into a directory."),
    "pin": Entry("orion_like.cli.checkpoints.pin:pin", "Keep some whatever the policy says."),
    "unpin": Entry("orion_like.cli.checkpoints.pin:unpin", "Let the policy decide again."),
    "keep": Entry("orion_like.cli.checkpoints.keep:keep", "Say which are kept, and delete others."),
    "delete": Entry("orion_like.cli.checkpoints.delete:delete", "Delete the files of some."),
}


@click.group("checkpoints", cls=LazyGroup, entries=ENTRIES)
def checkpoints() -> None:
    """See what trials have saved, and care for it."""
