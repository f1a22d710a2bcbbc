"""Sphinx configuration."""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from orion_like.config import OPTIONS, Option
from orion_like.version import __version__

project = "orion_like"
author = "orion_like developers"
copyright = "2026, orion_like developers"
release = version = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "py:obj"
html_theme = "alabaster"
html_theme_options = {
    "description": "Hyperparameter optimization with independent workers",
    "fixed_sidebar": True,
    "page_width": "64em",
    "sidebar_width": "15em",
}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
napoleon_use_rtype = False

doctest_global_setup = """
import os, tempfile
directory = tempfile.TemporaryDirectory()
home = os.getcwd()
os.chdir(directory.name)
os.environ["XDG_DATA_HOME"] = directory.name
"""
doctest_global_cleanup = """
os.chdir(home)
directory.cleanup()
"""


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


def leave_docstrings_to_the_tests(app: Sphinx, page: nodes.document) -> None:
    """Remove the examples of docstrings, which the tests run with the names of their modules."""
    if app.builder.name == "doctest":
        for block in list(page.findall(nodes.doctest_block)):
            if "docstring of" in (block.source or ""):
                block.parent.remove(block)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and what happens to pages."""
    app.add_directive("settings", SettingsList)
    app.add_directive("settings-table", SettingsTable)
    app.connect("doctree-read", leave_docstrings_to_the_tests)
    return {"parallel_read_safe": True}
