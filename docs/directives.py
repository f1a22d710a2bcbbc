"""Directives that describe settings and commands from the code, so that pages stay true."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from typing import Any

import click
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from orion_like.cli.application import PROGRAM, root
from orion_like.cli.commands import Command, LazyGroup
from orion_like.cli.session import Session
from orion_like.config import OPTIONS, Option

# --- settings -----------------------------------------------------------------------------------


class SettingsList(SphinxDirective):
    """``.. settings:: prefix``: describe the settings whose keys start so, from their table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        prefix = self.arguments[0]
        chosen = [option for option in OPTIONS if option.key.startswith(prefix)]
        if not chosen:
            raise self.error(f"no setting starts with {prefix!r}")
        lines = StringList()
        for option in chosen:
            for line in _describe(option):
                lines.append(line, "the table of settings")
        container = nodes.container()
        self.state.nested_parse(lines, self.content_offset, container)
        return container.children


class SettingsTable(SphinxDirective):
    """``.. settings-table::``: all settings at a glance, each with the ways to set it."""

    def run(self) -> list[nodes.Node]:
        if self.env.app.builder.name == "man":  # too wide for a terminal
            return []
        rows = [("Setting", "Default", "Environment", "Option", "Experiment's field")]
        for option in OPTIONS:
            variable = next(iter(option.variables), "")
            word = next((w for w in option.options.split() if w.startswith("--")), "")
            names = [option.key, variable, word, option.stored]
            key, variable, word, stored = (f"``{name}``" if name else "" for name in names)
            rows.append((key, _default(option), variable, word, stored))
        lines = StringList()
        for line in (".. list-table::", "   :header-rows: 1", ""):
            lines.append(line, "the table of settings")
        for row in rows:
            for column, cell in enumerate(row):
                mark = "     -" if column else "   * -"
                lines.append(f"{mark} {cell}".rstrip(), "the table of settings")
        container = nodes.container()
        self.state.nested_parse(lines, self.content_offset, container)
        return container.children


def _describe(option: Option) -> list[str]:
    expected = option.kind.expected
    facts = [f"{expected[0].upper()}{expected[1:]}.", f"Default: {_default(option)}."]
    if option.variables:
        facts.append(f"Environment: {_code(option.variables)}.")
    if option.options:
        facts.append(f"On the command line: {_code(tuple(option.options.split()))}.")
    if option.stored:
        facts.append(f"Kept with an experiment as ``{option.stored}``.")
    names = (*option.aliases, *option.deprecated_names)
    if names:
        facts.append(f"Also known as {_code(names)}.")
    return [f"``{option.key}``", f"   {option.help}", "", f"   {' '.join(facts)}", ""]


def _default(option: Option) -> str:
    if option.default in (None, "", [], {}):
        return "none"
    if isinstance(option.default, str):
        return f"``{option.default}``"
    return f"``{json.dumps(option.default)}``"


def _code(words: tuple[str, ...]) -> str:
    return ", ".join(f"``{word}``" for word in words)


# --- commands -----------------------------------------------------------------------------------


class Commands(SphinxDirective):
    """``.. commands::``: usage, help, options and examples of every command."""

    def run(self) -> list[nodes.Node]:
        every = _walk(root, _context(root, PROGRAM, None))
        return [_command_section(command, ctx) for command, ctx in every]


def _walk(command: click.Command, ctx: click.Context) -> Iterator[tuple[click.Command, Any]]:
    yield command, ctx
    if isinstance(command, LazyGroup):
        for name in command.list_commands(ctx):
            sub = command.get_command(ctx, name)
            if sub is not None:
                yield from _walk(sub, _context(sub, name, ctx))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = command.context_settings
    return click.Context(command, info_name=name, parent=parent, obj=Session(), **settings)


def _command_section(command: click.Command, ctx: click.Context) -> nodes.section:
    path = ctx.command_path
    section = nodes.section(ids=[nodes.make_id(f"command-{path}")], names=[path])
    section += nodes.title(text=path)
    section += _literal(" ".join([path, *command.collect_usage_pieces(ctx)]))
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        section += nodes.paragraph(text=" ".join(paragraph.split()))
    for heading, rows in _option_sections(command, ctx).items():
        section += nodes.rubric(text=heading)
        section += _definitions(rows)
    if isinstance(command, Command) and command.examples:
        section += nodes.rubric(text="Examples")
        section += _literal("\n".join(f"{PROGRAM} {example}" for example in command.examples))
    return section


def _option_sections(
    command: click.Command, ctx: click.Context
) -> dict[str, list[tuple[str, str]]]:
    if isinstance(command, Command):
        return command.option_sections(ctx)
    records = [parameter.get_help_record(ctx) for parameter in command.get_params(ctx)]
    return {"Options": [record for record in records if record is not None]}


def _definitions(rows: Sequence[tuple[str, str]]) -> nodes.definition_list:
    listed = nodes.definition_list()
    for term, meaning in rows:
        words = nodes.term("", "", nodes.literal(text=term))
        told = nodes.definition("", nodes.paragraph(text=" ".join(meaning.split())))
        listed += nodes.definition_list_item("", words, told)
    return listed


def _literal(text: str) -> nodes.literal_block:
    block = nodes.literal_block(text, text)
    block["language"] = "none"
    return block


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("settings", SettingsList)
    app.add_directive("settings-table", SettingsTable)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
