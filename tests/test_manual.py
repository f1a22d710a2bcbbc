"""The manual pages, built from the same sources as the documentation."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from orion_like.cli.application import root
from orion_like.config import OPTIONS

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages as the documentation says."""
    target = tmp_path_factory.mktemp("man")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "man", str(DOCS), str(target)]

    built = subprocess.run(build, capture_output=True, text=True)

    assert built.returncode == 0, built.stderr
    return target


def text_of(page: Path) -> str:
    """Return the text of a page without the marks of its format."""
    text = re.sub(r"\\f\[?[A-Z]+\]?", "", page.read_text(encoding="utf-8"))
    return re.sub(r"\\(?:&|%)|\\\(aq", "", text).replace("\\-", "-").replace("\\(aq", "'")


def commands(
    command: click.Command = root, path: str = "orion-like"
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is shown, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            if (sub := command.get_command(ctx, name)) is not None:
                yield from commands(sub, f"{path} {name}")


def test_there_are_pages_for_the_program_its_commands_and_its_settings(manual: Path) -> None:
    pages = sorted(page.name for page in manual.glob("*.[0-9]"))

    assert pages == ["orion-like-commands.1", "orion-like-config.5", "orion-like.1"]


def test_every_command_and_option_is_in_the_manual(manual: Path) -> None:
    text = text_of(manual / "orion-like-commands.1")

    missing = [
        (path, word)
        for path, command in commands()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for word in parameter.opts
        if word not in text[text.index(f"{path} ") if path != "orion-like" else 0 :]
    ]

    assert missing == []


def test_every_setting_is_in_the_manual(manual: Path) -> None:
    text = text_of(manual / "orion-like-config.5")

    assert [option.key for option in OPTIONS if option.key not in text] == []


def test_links_between_pages_leave_only_their_text(manual: Path) -> None:
    assert [page.name for page in manual.glob("*.[0-9]") if "<>" in page.read_text()] == []


def test_every_command_is_explained_in_the_guide() -> None:
    guide = (DOCS / "cli.rst").read_text(encoding="utf-8")
    names = [path.removeprefix("orion-like ") for path, _ in commands()][1:]

    assert [name for name in names if not re.search(rf"``{name}\b", guide)] == []
