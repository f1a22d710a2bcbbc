"""Trials and commands for the tests of user commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orion_like.trial import Trial
from orion_like.worker.command import UserCommand
from orion_like.worker.script import ScriptRunner

EXPERIMENT = {"id": 7, "name": "demo", "version": 2}


@pytest.fixture
def make_trial(tmp_path: Path) -> Callable[..., Trial]:
    """Return a function that makes a trial from its flat parameters."""

    def make(params: dict[str, Any] | None = None, **fields: Any) -> Trial:
        values = params or {}
        return Trial(
            experiment=EXPERIMENT["id"],
            exp_working_dir=str(tmp_path / "experiment"),
            params=[
                {"name": name, "type": "categorical", "value": value}
                for name, value in sorted(values.items())
            ],
            **fields,
        )

    return make


@pytest.fixture
def experiment(tmp_path: Path) -> dict[str, Any]:
    """Return what a runner is told about the experiment."""
    return {**EXPERIMENT, "working_dir": str(tmp_path / "experiment")}


@pytest.fixture
def fill(make_trial: Callable[..., Trial], experiment: dict[str, Any]) -> Callable[..., list[str]]:
    """Return a function that renders words for parameters."""

    def render(words: Sequence[str], params: dict[str, Any] | None = None) -> list[str]:
        trial = make_trial(params)
        Path(trial.working_dir).mkdir(parents=True, exist_ok=True)
        return UserCommand.parse(words).render(trial, experiment)

    return render


@pytest.fixture
def make_runner(experiment: dict[str, Any]) -> Callable[..., ScriptRunner]:
    """Return a function that makes a runner for words."""

    def make(*words: str, **options: Any) -> ScriptRunner:
        return ScriptRunner(UserCommand.parse(words), experiment, **options)

    return make
