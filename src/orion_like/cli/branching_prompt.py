"""Asking people how a new version of an experiment comes from the one there is."""

from __future__ import annotations

import cmd
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from orion_like.cli.output import counted, printable
from orion_like.errors import BranchingEvent, ConfigurationError

if TYPE_CHECKING:
    from orion_like.experiment.versions import Resolutions

INTRO = """\
{title} differs from what is asked for in {count}. Say what each of them is, then 'commit'
the new version; 'auto' resolves the rest by defaults, 'abort' leaves everything as it is, and
'help' tells more.
"""
USAGE = {
    "status": "show what is resolved, and what can be said about the rest",
    "diff": "show everything that differs",
    "auto": "resolve the rest by defaults",
    "add": "NAME [--default-value VALUE]: a new dimension, or one with another prior",
    "remove": "NAME [--default-value VALUE]: a dimension that is not wanted any more",
    "rename": "OLD NEW: a dimension that has another name",
    "code": "noeffect|unsure|break: what changes of the code do to results",
    "commandline": "noeffect|unsure|break: what changes of the command line do to results",
    "config": "noeffect|unsure|break: what changes of the script's configuration file do",
    "algo": "accept another algorithm",
    "orion_version": "accept another version of this package (also: package_version)",
    "reset": "NAME, or the text of a resolution: leave it open again",
    "name": "NAME: call the branch so, instead of making the next version",
    "commit": "make the new version",
    "abort": "make none, and end (also: quit, q)",
    "help": "show this (also: h)",
}


class BranchingPrompt(cmd.Cmd):
    """Reads commands until everything is resolved.

    Parameters
    ----------
    resolutions
        What differs; resolutions are added to it.
    title
        How the present version is called.
    is_taken
        Says whether there is an experiment with a name.
    """

    prompt = "(orion-like) "

    def __init__(
        self, resolutions: Resolutions, title: str, is_taken: Callable[[str], bool]
    ) -> None:
        super().__init__()
        self._resolutions = resolutions
        self._is_taken = is_taken
        count = counted(len(resolutions.conflicts), "point")
        self.intro = INTRO.format(title=printable(title), count=count)

    def preloop(self) -> None:
        """Show what there is to say, after the introduction."""
        click.echo(self.intro)
        self.intro = None
        self.do_status("")

    # --- looking ---------------------------------------------------------------------------------

    def do_status(self, _: str) -> None:
        """Show what is resolved, and what is not."""
        resolutions = self._resolutions
        if resolutions.resolved:
            click.secho("Resolved:", bold=True)
        for resolution in resolutions:
            click.secho(f"  {printable(resolution.text)}", fg="green")
        if resolutions.unresolved:
            click.secho("Not resolved:", bold=True)
        for conflict in resolutions.unresolved:
            click.secho(f"  {printable(str(conflict))}", fg="red")
            click.echo(f"      {printable(self._commands(conflict.kind, conflict.name))}")
        if not resolutions.unresolved:
            click.echo("Everything is resolved: 'commit' makes the new version.")

    def do_diff(self, _: str) -> None:
        """Show everything that differs."""
        for conflict in self._resolutions.conflicts:
            click.echo(f"{conflict.kind}:")
            click.secho(f"  - {printable(str(conflict.old))}", fg="red")
            click.secho(f"  + {printable(str(conflict.new))}", fg="green")

    def _commands(self, kind: str, name: str) -> str:
        from orion_like.experiment.versions import conflict as kinds

        bare = name.removeprefix("/")
        missing = [
            c.name.removeprefix("/")
            for c in self._resolutions.unresolved
            if c.kind == kinds.MISSING_DIMENSION
        ]
        texts = {
            kinds.NEW_DIMENSION: f"add {bare} [--default-value VALUE]"
            + "".join(f", or rename {old} {bare}" for old in missing),
            kinds.MISSING_DIMENSION: f"remove {bare} [--default-value VALUE]",
            kinds.CHANGED_DIMENSION: f"add {bare}",
            kinds.CODE: "code noeffect|unsure|break",
            kinds.COMMAND_LINE: "commandline noeffect|unsure|break",
            kinds.SCRIPT_CONFIG: "config noeffect|unsure|break",
            kinds.ALGORITHM: "algo",
            kinds.PACKAGE_VERSION: "orion_version",
        }
        return texts[kind]

    # --- resolving -------------------------------------------------------------------------------

    def do_auto(self, _: str) -> None:
        """Resolve the rest by defaults."""
        self._try(self._resolutions.auto)

    def do_add(self, line: str) -> None:
        """Add a new dimension, or take its other prior."""
        names, default = _words(line)
        if self._has("add", names, 1):
            self._try(lambda: self._resolutions.add(names[0], default))

    def do_remove(self, line: str) -> None:
        """Remove a dimension."""
        names, default = _words(line)
        if self._has("remove", names, 1):
            self._try(lambda: self._resolutions.remove(names[0], default))

    def do_rename(self, line: str) -> None:
        """Take a missing and a new dimension for one with another name."""
        names, _ = _words(line)
        if self._has("rename", names, 2):
            self._try(lambda: self._resolutions.rename(*names))

    def do_code(self, line: str) -> None:
        """Say what changes of the code do to results."""
        self._rate("code", "code", line)

    def do_commandline(self, line: str) -> None:
        """Say what changes of the command line do to results."""
        self._rate("commandline", "command line", line)

    def do_config(self, line: str) -> None:
        """Say what changes of the script's configuration file do to results."""
        self._rate("config", "script configuration", line)

    def _rate(self, command: str, kind: str, line: str) -> None:
        types, _ = _words(line)
        if self._has(command, types, 1):
            self._try(lambda: self._resolutions.rate(kind, types[0]))

    def do_algo(self, _: str) -> None:
        """Accept another algorithm."""
        self._try(lambda: self._resolutions.accept("algorithm"))

    def do_orion_version(self, _: str) -> None:
        """Accept another version of this package."""
        self._try(lambda: self._resolutions.accept("package version"))

    do_package_version = do_orion_version

    def do_reset(self, line: str) -> None:
        """Leave something open again."""
        if self._has("reset", [line] * bool(line), 1):
            self._try(lambda: self._resolutions.reset(line.strip()))

    def do_name(self, line: str) -> None:
        """Call the branch by a name of its own."""
        names, _ = _words(line)
        if not self._has("name", names, 1):
            return
        if self._is_taken(names[0]):
            click.echo(f"There is an experiment {printable(names[0])!r} already.")
            return
        self._resolutions.name = names[0]
        click.echo(f"The branch will be {printable(names[0])}-v1.")

    def _try(self, change: Callable[[], None]) -> None:
        try:
            change()
        except ConfigurationError as error:
            click.echo(printable(str(error)))
        else:
            self.do_status("")

    def _has(self, command: str, words: Sequence[str], count: int) -> bool:
        if len(words) == count:
            return True
        click.echo(f"{command} {USAGE[command]}")
        return False

    # --- the end ---------------------------------------------------------------------------------

    def do_commit(self, _: str) -> bool:
        """Make the new version, if everything is resolved."""
        if self._resolutions.unresolved:
            click.echo("Not everything is resolved yet.")
            self.do_status("")
        return not self._resolutions.unresolved

    def do_abort(self, _: str) -> bool:
        """Make no version."""
        raise BranchingEvent("given up: no new version was made, and nothing was stored")

    do_quit = do_q = do_abort

    def do_help(self, arg: str) -> None:
        """Tell what the commands do."""
        for name in [arg] if arg in USAGE else USAGE:
            click.echo(f"  {name:<14} {USAGE[name]}")

    do_h = do_help

    def do_EOF(self, line: str) -> bool:  # noqa: N802 - what `cmd` calls it
        """Make no version, at the end of the input."""
        click.echo()
        return self.do_abort(line)

    def emptyline(self) -> bool:
        """Do nothing, not the last command again."""
        return False

    def default(self, line: str) -> None:
        """Tell of a command that there is not."""
        from orion_like.spelling import did_you_mean

        word = line.split()[0]
        click.echo(
            f"There is no command {printable(word)!r}{did_you_mean(word, USAGE)}; see 'help'."
        )

    def completenames(self, text: str, *_: object) -> list[str]:
        """Complete the names of commands, as they are documented."""
        return [name for name in USAGE if name.startswith(text)]

    def completedefault(self, text: str, *_: object) -> list[str]:
        """Complete the names of dimensions, and what changes do to results."""
        from orion_like.experiment.versions.adapter import CHANGE_TYPES

        names = [c.name.removeprefix("/") for c in self._resolutions.conflicts if c.name]
        return [word for word in (*names, *CHANGE_TYPES) if word.startswith(text)]


def _words(line: str) -> tuple[list[str], str | None]:
    """Return the words of a line, and the value of ``--default-value`` among them."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option == "--default-value" and equals:
            return words[:place] + words[place + 1 :], value
        if option == "--default-value" and place + 1 < len(words):
            return words[:place] + words[place + 2 :], words[place + 1]
    return words, None
