"""How the program starts: quickly, and with help for everything."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from orion_like.cli.application import ENTRIES, root
from orion_like.cli.checkpoints.group import ENTRIES as CHECKPOINT_ENTRIES
from orion_like.cli.config.group import ENTRIES as CONFIG_ENTRIES
from orion_like.cli.db.group import ENTRIES as DB_ENTRIES
from orion_like.version import __version__

GROUPS = {"checkpoints": CHECKPOINT_ENTRIES, "config": CONFIG_ENTRIES, "db": DB_ENTRIES}
COMMANDS = [[name] for name in ENTRIES]
COMMANDS += [[group, name] for group, entries in GROUPS.items() for name in entries]
HEAVY = {"numpy", "scipy", "pymongo", "rich", "pandas", "yaml", "concurrent.futures"}


def command_of(words):
    command = root
    for word in words:
        context = click.Context(command)
        command = command.get_command(context, word)
    return command


def modules_after(*words):
    """Return the modules that a process has loaded after a command."""
    code = (
        "import json, sys\n"
        "from orion_like.cli import main\n"
        f"main({list(words)!r})\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return set(json.loads(process.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [["--help"], ["hunt", "--help"], ["db", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words):
    assert not modules_after(*words) & HEAVY


def test_help_of_the_program_loads_no_command():
    loaded = {name for name in modules_after("--help") if name.startswith("orion_like.cli.")}

    assert not {f"orion_like.cli.{name}" for name in ("hunt", "status", "db", "info")} & loaded


def test_help_takes_little_processor_time():
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def measure(*command):
        before = used()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return used() - before

    floor = min(measure("-c", "pass") for _ in range(3))
    time = min(measure("-m", "orion_like", "--help") for _ in range(5))

    # 150 ms on a machine that starts Python in 15 ms; slower ones are given more.
    assert time < 10 * max(floor, 0.015)


@pytest.mark.parametrize("words", [["-V"], ["--version"]])
def test_the_version_is_printed(run, words):
    assert run(*words).out == f"orion-like {__version__}\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help_with_an_example(run, words, option):
    outcome = run(*words, option)

    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: orion-like {' '.join(words)} ")
    if words[-1] not in GROUPS:
        assert "Examples:\n  orion-like " in outcome.out


def test_help_fits_a_terminal(run):
    for words in COMMANDS:
        lines = run(*words, "--help").out.partition("Examples:")[0].splitlines()
        assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("words", [[], ["hunt"], ["insert"], ["init-only"], ["db"]], ids=" ".join)
def test_a_command_without_words_shows_its_help(run, words):
    outcome = run(*words)

    assert outcome.code == 0
    assert outcome.out.startswith("Usage: orion-like")
    assert outcome.err == ""


def test_the_help_of_the_program_lists_the_commands_of_users(run):
    out = run("--help").out

    assert "init-only" in out
    assert "init_only" not in out


def test_the_options_of_hunt_are_in_sections(run):
    out = run("hunt", "--help").out

    positions = [
        out.index(f"\n{title}:\n") for title in ("Options", "Experiment", "Worker", "Versions")
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_is_explained(words):
    for parameter in command_of(words).params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.name


def test_it_runs_as_a_module_and_as_a_script(run_process):
    script = Path(sys.executable).with_name("orion-like")

    by_script = subprocess.run([script, "--version"], capture_output=True, text=True)

    assert by_script.stdout == run_process("--version").out


# --- logging ------------------------------------------------------------------------------------


def test_logs_can_go_to_a_file(run, hunted, tmp_path):
    outcome = run("-vv", "--logdir", tmp_path / "logs", "info", "-n", "demo", "-v", 9)

    (path,) = (tmp_path / "logs").iterdir()
    assert path.name == f"orion_like_{os.getpid()}.log"
    assert "::WARNING::orion_like." in path.read_text()
    assert "WARNING" not in outcome.err
