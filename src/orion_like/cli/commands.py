"""How commands are declared: loaded only when invoked, with help in sections and examples."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from orion_like.spelling import closest

HELP = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Entry:
    """Where a sub-command is, and what the help of its group says about it.

    Parameters
    ----------
    location
        ``module:attribute`` of the command.
    summary
        One line of help, known without loading the module.
    section
        Heading under which the group lists it.
    hidden
        Whether the group leaves it out of its help.
    """

    location: str
    summary: str
    section: str = "Commands"
    hidden: bool = False


class LazyGroup(click.Group):
    """A group that imports the module of a sub-command only when it is needed."""

    def __init__(
        self, name: str | None = None, *, entries: Mapping[str, Entry], **kwargs: Any
    ) -> None:
        super().__init__(name, context_settings=HELP, no_args_is_help=False, **kwargs)
        self.entries = entries

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when there are no words at all, as a success."""
        _help_when_bare(ctx, args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the sub-commands that are shown, in the order of the help."""
        return [name for name, entry in self.entries.items() if not entry.hidden]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return a sub-command, or None if there is none of that name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.location.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command, or fail with the closest names."""
        name = args[0]
        if name not in self.entries and not name.startswith("-") and not ctx.resilient_parsing:
            hint = did_you_mean(name, self.list_commands(ctx))
            ctx.fail(f"there is no command {name!r}{hint or '; see --help for the list'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sub-commands under their headings without loading them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            entry = self.entries[name]
            sections.setdefault(entry.section, []).append((name, entry.summary))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete names of sub-commands and options without loading the sub-commands."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.entries[name].summary) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


class Option(click.Option):
    """An option that belongs to a section of the help."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave the range of numbers out of the help; the error for others names it."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class Command(click.Command):
    """A command whose help shows its options in sections, and examples.

    Parameters
    ----------
    examples
        Command lines that show the use, without the leading ``orion-like``.
    help_when_bare
        Whether the command without any word shows its help.
    """

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        help_when_bare: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs["context_settings"] = {**HELP, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.help_when_bare = help_when_bare

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when there are no words at all, if the command wants that."""
        if self.help_when_bare:
            _help_when_bare(ctx, args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings; `--help` comes last."""
        for heading, rows in self.option_sections(ctx).items():
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=min(28, formatter.width * 3 // 8))

    def option_sections(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """Return by heading how each option is written, and what it does."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = getattr(parameter, "section", "Options")
                sections.setdefault(section, []).append(record)
        return sections

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, word for word."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}orion-like {example}\n")


def _help_when_bare(ctx: click.Context, args: Sequence[str]) -> None:
    if not args and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        ctx.exit()


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a hint such as ``; did you mean 'status'?``, or nothing.

    Examples
    --------
    >>> did_you_mean("staus", ["hunt", "status"])
    "; did you mean 'status'?"
    >>> did_you_mean("x", ["hunt", "status"])
    ''
    """
    meant = closest(word, known)
    return "" if meant is None else f"; did you mean {meant!r}?"
