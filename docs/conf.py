"""Sphinx configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from orion_like.version import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "orion_like"
author = "orion_like developers"
copyright = "2026, orion_like developers"
release = version = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon", "directives"]
exclude_patterns = ["_build"]
default_role = "py:obj"
html_theme = "alabaster"
html_theme_options = {
    "description": "Hyperparameter optimization with independent workers",
    "fixed_sidebar": True,
    "page_width": "64em",
    "sidebar_width": "15em",
}

man_pages = [
    ("cli", "orion-like", "tune hyperparameters with independent workers", author, 1),
    ("commands", "orion-like-commands", "all commands and options of orion-like", author, 1),
    ("configuration", "orion-like-config", "settings of orion-like", author, 5),
]

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


def leave_docstrings_to_the_tests(app: Sphinx, page: nodes.document) -> None:
    """Remove the examples of docstrings, which the tests run with the names of their modules."""
    if app.builder.name == "doctest":
        for block in list(page.findall(nodes.doctest_block)):
            if "docstring of" in (block.source or ""):
                block.parent.remove(block)


def leave_links_out_of_man_pages(app: Sphinx, page: nodes.document, name: str) -> None:  # noqa: ARG001
    """Leave the text of links between pages, without addresses that lead nowhere there."""
    if app.builder.name == "man":
        for link in list(page.findall(nodes.reference)):
            if link.get("internal") or "refuri" not in link:
                link.replace_self(link.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what happens to pages."""
    app.connect("doctree-read", leave_docstrings_to_the_tests)
    app.connect("doctree-resolved", leave_links_out_of_man_pages)
    return {"parallel_read_safe": True}
