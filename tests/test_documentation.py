"""Everything that the documentation shows works: commands, Python snippets, doctests, settings."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import orion_like
from orion_like.client import get_experiment
from orion_like.config import OPTIONS, load_settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").glob("*.rst"))]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(orion_like.__path__, "orion_like.")
    if not module.name.endswith("__main__")
)

DOCTEST_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SECONDS_PER_BLOCK = 120


# --- reading pages ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A piece of a page that a reader may try: what it is, where, and its text."""

    language: str
    line: int
    text: str
    caption: str = ""
    runs: bool = True


def read_blocks(page: str) -> Iterator[Block]:
    """Yield code blocks and doctests of a page in reStructuredText, in their order."""
    lines = page.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        directive = re.match(r"( *)\.\. (?:code-block|testcode)::\s*(\S*)\s*$", line)
        if directive is not None:
            start, index = index, end_of_body(lines, index + 1, len(directive[1]))
            yield block_of(directive[2] or "python", start, lines[start:index], lines[:start])
        elif line.lstrip().startswith(">>> "):
            start = index
            while index < len(lines) and lines[index].strip():
                index += 1
            yield Block("doctest", start, textwrap.dedent("\n".join(lines[start:index])) + "\n")
        else:
            index += 1


def end_of_body(lines: list[str], index: int, indent: int) -> int:
    """Return the index of the first line that is not indented more than the directive."""
    while index < len(lines):
        line = lines[index]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        index += 1
    return index


def block_of(language: str, start: int, lines: list[str], above: list[str]) -> Block:
    body = lines[1:]
    caption = ""
    while body and re.match(r"\s+:\w+:", body[0]):
        option = re.match(r"\s+:caption:\s*(.*)", body.pop(0))
        caption = option[1] if option else caption
    text = textwrap.dedent("\n".join(body)).strip("\n") + "\n"
    remark = next((line for line in reversed(above) if line.strip()), "")
    runs = not re.match(r"\s*\.\. not run: \S", remark)
    if text.startswith(">>> "):
        language = "doctest"
    return Block(language, start, text, caption, runs)


def commands_of(block: Block) -> str:
    """Return the shell script of a block; in a ``console`` block that is what follows ``$``."""
    if block.language != "console":
        return block.text
    script = []
    continued = False
    for line in block.text.split("\n"):
        if line.startswith("$ ") or (continued and line.startswith("> ")):
            script.append(line[2:])
            continued = line.endswith("\\")
        elif continued:
            script.append(line.strip())
            continued = line.endswith("\\")
    return "\n".join(script) + "\n"


# --- running them -----------------------------------------------------------------------------


@dataclass
class Reader:
    """Somebody who tries everything on a page, from the top, in one directory."""

    page: Path
    directory: Path
    environment: dict[str, str]
    names: dict[str, Any]

    def try_block(self, block: Block) -> None:
        where = f"{self.page.name}, line {block.line + 1}"
        if block.caption:
            (self.directory / block.caption).write_text(block.text, encoding="utf-8")
        elif not block.runs:
            return
        elif block.language in {"bash", "sh", "shell", "console"}:
            self.run_commands(commands_of(block), where)
        elif block.language in {"python", "python3"}:
            exec(compile(block.text, where, "exec"), self.names)
        elif block.language in {"doctest", "pycon"}:
            self.run_doctest(block, where)

    def run_commands(self, script: str, where: str) -> None:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_PER_BLOCK,
            check=False,
        )
        if run.returncode != 0:
            pytest.fail(f"{where}: exit code {run.returncode}\n{script}\n{run.stdout}")

    def run_doctest(self, block: Block, where: str) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text, self.names, where, str(self.page), block.line
        )
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=DOCTEST_OPTIONS)
        failed = runner.run(test, out=said.append, clear_globs=False).failed
        self.names.update(test.globs)
        if failed:
            pytest.fail("".join(said))


@pytest.fixture
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a directory like a clone, and a home, of a user who has configured nothing."""
    for name in list(os.environ):
        if name.startswith(("ORION_", "XDG_")) and not name.startswith("ORION_LIKE_TEST_"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    programs = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([programs, os.environ["PATH"]]))
    for name in ("examples", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_that_a_page_shows_works(page: Path, own_directory: Path) -> None:
    reader = Reader(page, own_directory, dict(os.environ), {"__name__": "__main__"})

    for block in read_blocks(page.read_text(encoding="utf-8")):
        reader.try_block(block)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_docstring_are_true(name: str, own_directory: Path) -> None:
    module = importlib.import_module(name)

    failed = doctest.testmod(module, optionflags=DOCTEST_OPTIONS).failed

    assert failed == 0


# --- what the pages say -----------------------------------------------------------------------


def first_commands() -> list[str]:
    """Return the two command lines with which README opens."""
    blocks = list(read_blocks((ROOT / "README.rst").read_text(encoding="utf-8")))
    return [block.text.strip() for block in blocks[:2]]


def test_the_readme_opens_with_two_commands_of_one_line() -> None:
    hunt, tests = first_commands()

    assert "\n" not in hunt
    assert "orion-like hunt" in hunt
    assert "\n" not in tests
    assert tests.startswith("python3 ")
    assert "[test]" in tests
    assert "pytest" in tests


def test_the_hunt_of_the_readme_finds_something(own_directory: Path) -> None:
    hunt = first_commands()[0].split("&&")[-1].strip()
    command = hunt.replace(".venv/bin/", f"{Path(sys.executable).parent}/")

    subprocess.run(["bash", "-c", command], check=True, stdin=subprocess.DEVNULL)

    listed = subprocess.run(
        ["orion-like", "info", "-n", "rosenbrock", "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert '"x"' in listed.stdout or "/x" in listed.stdout


@pytest.mark.parametrize("example", sorted((ROOT / "conf").iterdir()), ids=lambda path: path.name)
def test_an_example_configuration_is_valid(example: Path) -> None:
    settings = load_settings(example, environ={})

    assert any(settings.origin(option.key) != "default" for option in OPTIONS)


@pytest.mark.parametrize("name", ["file", "orion_style"])
def test_an_example_configuration_without_a_server_works_as_it_says(
    name: str, own_directory: Path
) -> None:
    file = ROOT / "conf" / f"{name}.yaml"
    command = re.search(r"^# +(orion-like hunt .*)$", file.read_text("utf-8"), re.MULTILINE)
    assert command is not None
    settings = load_settings(file, environ={})

    subprocess.run(["bash", "-c", command[1]], check=True, stdin=subprocess.DEVNULL)

    experiment = get_experiment(
        settings["experiment.name"], storage=settings["storage.database.host"]
    )
    assert experiment.stats.trials_completed == settings["experiment.max_trials"]


@pytest.mark.mongodb
def test_the_example_configurations_for_a_mongodb_work_with_one(
    own_directory: Path, mongodb_uri: str
) -> None:
    for name in ("mongodb", "cluster_worker"):
        settings = yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text(encoding="utf-8"))
        settings["storage"]["database"] = {"type": "mongodb", "host": mongodb_uri}
        settings["experiment"] |= {"max_trials": 2, "working_dir": ""}
        (own_directory / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        hunt = (
            f"hunt -n {name} -c {name}.yaml python examples/rosenbrock.py -x~'uniform(0, 1)' -y 1"
        )

        subprocess.run(["bash", "-c", f"orion-like {hunt}"], check=True, stdin=subprocess.DEVNULL)

    counts = subprocess.run(
        ["orion-like", "status", "-c", "mongodb.yaml", "--format", "csv"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert counts.stdout.count("completed,2") == 2


def test_the_configuration_files_in_the_guide_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.rst").read_text(encoding="utf-8")
    shown = [block.text for block in read_blocks(page) if block.language == "yaml"]

    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        assert yaml.safe_load(text)
        load_settings(file, environ={})

    assert shown


def test_every_setting_is_described_in_the_guide() -> None:
    page = (ROOT / "docs" / "configuration.rst").read_text(encoding="utf-8")
    described = re.findall(r"^\.\. settings:: (\S+)$", page, re.MULTILINE)

    left_out = [option.key for option in OPTIONS if not option.key.startswith(tuple(described))]

    assert left_out == []
    assert ".. settings-table::" in page
