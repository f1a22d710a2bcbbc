"""What the package promises as a whole: its metadata, and that it starts fast."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys

import pytest

import orion_like

HEAVY = {"numpy", "scipy", "pymongo", "pandas", "yaml", "rich", "sklearn", "multiprocessing"}


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint('modules:', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = run.stdout.rpartition("modules:")[2].split()
    return {name.partition(".")[0] for name in names}


def test_the_version_is_the_one_that_is_installed() -> None:
    assert importlib.metadata.version("orion_like") == orion_like.__version__


def test_type_checkers_of_users_see_the_annotations() -> None:
    assert importlib.resources.files("orion_like").joinpath("py.typed").is_file()


def test_the_command_is_installed() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts")

    assert scripts["orion-like"].value == "orion_like.cli:main"


@pytest.mark.parametrize(
    "statement",
    [
        "import orion_like",
        "import orion_like.client",
        "from orion_like.client import report_objective",
        "import orion_like.cli",
    ],
)
def test_importing_what_scripts_and_shells_need_loads_nothing_heavy(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()
