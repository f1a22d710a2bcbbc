"""Experiments to draw."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest

from orion_like.client import ExperimentClient, build_experiment

SPACE = {
    "lr": "loguniform(1e-5, 1)",
    "net": {"layers": "uniform(1, 4, discrete=True)"},
    "optimizer": "choices(['sgd', '<adam>'])",
    "momentum": "uniform(0, 1) if optimizer == 'sgd'",
    "w": "uniform(0, 1, shape=2)",
}

START = datetime(2024, 1, 1, tzinfo=timezone.utc)

_names = itertools.count()


@pytest.fixture
def make():
    """Make an experiment, and report these results, one trial each."""

    def make(reports=(), space=SPACE, name=None, **settings) -> ExperimentClient:
        experiment = build_experiment(
            name or f"demo{next(_names)}",
            space=space,
            algorithm="random",
            storage="memory://",
            seed=1,
            **settings,
        )
        for results in reports:
            trial = experiment.suggest()
            trial.report(
                {item["name"]: item["value"] for item in results if item["type"] == "objective"}
                if isinstance(results, list)
                else results
            )
            experiment.observe(trial, results)
        return experiment

    return make


@pytest.fixture
def experiment(make):
    """An experiment with six completed trials."""
    return make([4.0, 6.0, 3.0, 5.0, 1.0, 2.0], name="demo")


@pytest.fixture
def make_timed(make):
    """Make an experiment whose trials ran from and until these minutes, with their objectives."""

    def make_timed(*runs) -> ExperimentClient:
        experiment = make([objective for *_, objective in runs])
        for trial, (start, end, _) in zip(experiment.fetch_trials(), runs, strict=True):
            times = {
                "start_time": START + timedelta(minutes=start),
                "end_time": START + timedelta(minutes=end),
            }
            experiment.storage.database.update("trials", {"_id": trial._id}, {"$set": times})
        return experiment

    return make_timed
