"""The figure of what trials report while they run."""

import pytest

from orion_like.client import build_experiment


@pytest.fixture
def reporting():
    """Trials of which one is completed, one stopped, one still runs, and one reported nothing."""
    client = build_experiment(
        "demo", space={"x": "uniform(0, 1)"}, storage="memory://", seed=1, algorithm="random",
        stopping={"threshold": {"upper": 5}},
    )  # fmt: skip
    done, stopped, running, silent = (client.suggest() for _ in range(4))
    for step in range(3):
        done.report({"objective": 3 - step, "epoch_time": 9}, step)
        done.report(0.5, step, "training")
    client.observe(done, 1.0)
    stopped.report({"objective": 6.0}, 0)
    assert stopped.should_stop()
    client.release(stopped)
    running.report({"objective": 4.0}, 0)
    yield client
    client.release(running)
    client.release(silent)


def test_each_trial_that_reported_has_a_curve_that_shows_what_became_of_it(reporting):
    done, stopped, running = reporting.plot.intermediate_values().data

    assert (list(done.x), list(done.y)) == ([0, 1, 2], [3, 2, 1])
    assert (done.name, stopped.name, running.name) == ("completed", "stopped", "other")
    assert (done.line.dash, stopped.line.dash, running.line.dash) == ("solid", "dot", "dash")
    assert "above 5" in stopped.hovertemplate


def test_another_value_or_group_can_be_shown(reporting):
    (times,) = reporting.plot.intermediate_values(objective="epoch_time").data
    (training,) = reporting.plot.intermediate_values(group="training").data

    assert list(times.y) == [9, 9, 9]
    assert list(training.y) == [0.5, 0.5, 0.5]


def test_a_value_that_nobody_reported_is_refused_with_those_there_are(reporting):
    with pytest.raises(ValueError, match=r"has reported 'epoch_tim', but .*did you mean"):
        reporting.plot.intermediate_values(objective="epoch_tim")


def test_without_reports_the_figure_says_so(reporting):
    figure = reporting.plot.intermediate_values(group="test")

    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No trial has reported yet"
