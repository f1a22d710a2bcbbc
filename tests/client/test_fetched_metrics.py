"""Looking at what trials reported."""

import pytest

from orion_like.client import build_experiment
from orion_like.storage import Storage


@pytest.fixture
def client(database):
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)"},
        algorithm="random",
        storage=Storage(database),
        seed=1,
        max_trials=2,
    )

    def function(x, trial):
        for step in range(3):
            trial.report({"loss": x / (1 + step), "accuracy": 1 - x}, step)
        trial.report(x, group="training")
        return x

    client.workon(function, trial_arg="trial")
    return client


def test_reports_are_fetched_of_all_trials_of_one_and_of_a_group(client):
    first, second = client.fetch_trials()

    everything = client.fetch_metrics()
    of_one = client.fetch_metrics(second, "validation")

    assert {report.trial for report in everything} == {first._id, second._id}
    assert len(everything) == 8
    assert [(report.step, report.values["loss"]) for report in of_one] == [
        (step, second.params["x"] / (1 + step)) for step in range(3)
    ]


def test_what_a_trial_has_just_reported_is_fetched_too(client):
    client.max_trials = 3
    with client.suggest() as trial:
        for step in range(100):
            trial.report(1.0, step)

        fetched = client.fetch_metrics(trial)

    assert [report.step for report in fetched] == list(range(100))


def test_a_table_has_a_row_a_report_and_a_column_a_value(client):
    first, _ = client.fetch_trials()

    table = client.metrics_to_pandas()

    assert list(table.columns) == [
        "trial", "number", "attempt", "group", "step", "time",
        "values.accuracy", "values.loss", "values.objective",
    ]  # fmt: skip
    losses = table[(table.trial == first.id) & (table.group == "validation")]["values.loss"]
    assert losses.tolist() == [first.params["x"] / (1 + step) for step in range(3)]
    assert client.metrics_to_pandas(first, "training")["values.objective"].tolist() == [
        first.params["x"]
    ]


def test_a_table_of_nothing_has_its_columns(database):
    client = build_experiment("demo", space={"x": "uniform(0, 1)"}, storage=Storage(database))

    table = client.metrics_to_pandas()

    assert table.empty
    assert list(table.columns) == ["trial", "number", "attempt", "group", "step", "time"]
