"""`orion-like db`: its sub-commands."""

from __future__ import annotations

import click

from orion_like.cli.commands import Entry, LazyGroup

ENTRIES = {
    "setup": Entry("orion_like.cli.db.setup:setup", "Write down which database is used."),
    "test": Entry("orion_like.cli.db.test:test", "Check that the database works."),
    "dump": Entry("orion_like.cli.db.dump:dump", "Copy experiments into a file."),
    "load": Entry("orion_like.cli.db.load:load", "Copy experiments from a file."),
    "copy": Entry("orion_like.cli.db.copy:copy", "Copy everything into another database."),
    "backup": Entry("orion_like.cli.db.backup:backup", "Copy everything into a file."),
    "check": Entry("orion_like.cli.db.check:check", "Look for anything that is wrong."),
    "compact": Entry("orion_like.cli.db.compact:compact", "Make the database file small."),
    "salvage": Entry("orion_like.cli.db.salvage:salvage", "Save what a damaged file still holds."),
    "upgrade": Entry(
        "orion_like.cli.db.upgrade:upgrade", "Convert what Oríon made, after a backup."
    ),
    "rm": Entry("orion_like.cli.db.rm:rm", "Delete experiments or trials."),
    "set": Entry("orion_like.cli.db.set:set_", "Change trials or limits."),
    "release": Entry("orion_like.cli.db.release:release", "Release the trials of dead workers."),
}


@click.group("db", cls=LazyGroup, entries=ENTRIES)
def db() -> None:
    """Set up, test, copy and clean the database."""
