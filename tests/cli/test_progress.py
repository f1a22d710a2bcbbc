"""The progress of a hunt, in figures and lines."""

from __future__ import annotations

import io

import pytest

from orion_like.cli.progress import (
    LiveDisplay,
    Meter,
    PlainDisplay,
    Snapshot,
    choose_display,
    describe,
    duration_text,
    estimate,
    rate_text,
)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def metered(*points):
    meter = Meter()
    for now, completed in points:
        meter.observe(now, completed)
    return meter


def test_there_is_no_rate_before_a_trial_is_completed():
    assert metered((0, 5), (10, 5)).rate(10) is None


def test_the_rate_counts_only_what_was_completed_since_the_start():
    assert metered((0, 100), (10, 105)).rate(10) == 0.5


def test_the_rate_keeps_its_value_between_two_completions():
    meter = metered((0, 0), (10, 1))

    assert meter.rate(10) == meter.rate(19) == 0.1


def test_the_rate_falls_when_the_next_completion_is_overdue():
    meter = metered((0, 0), (10, 1))

    assert meter.rate(40) == pytest.approx(2 / 40)


def test_the_rate_forgets_what_is_long_ago():
    meter = Meter(window=60)
    for second in range(0, 1000, 10):
        meter.observe(second, second // 10 if second < 500 else 50 + (second - 500))

    assert meter.rate(990) == pytest.approx(1.0, rel=0.05)


def test_the_time_left_counts_down_between_completions():
    meter = metered((0, 0), (10, 1))
    snapshot = Snapshot(completed=1, total=11)

    assert estimate(snapshot, meter, 10).time_left == pytest.approx(100)
    assert estimate(snapshot, meter, 14).time_left == pytest.approx(96)


def test_without_a_limit_no_time_is_left_to_tell():
    assert estimate(Snapshot(completed=1), metered((0, 0), (10, 1)), 10).time_left is None


def test_a_line_tells_what_is_known():
    assert describe(Snapshot(0, 50)) == "0/50 trials"
    assert describe(Snapshot(3)) == "3 trials"
    assert (
        describe(Snapshot(3, 50, 0.25, running=2, broken=1, rate=0.5, time_left=94))
        == "3/50 trials, best 0.25, 30 trials/min, 1m 34s left, 2 running, 1 broken"
    )


def test_a_line_says_when_there_is_nothing_to_do_but_wait():
    waiting = Snapshot(3, 4, running=1, waiting="1 trial runs elsewhere")

    assert describe(waiting) == "3/4 trials, 1 running, waiting for running trials"


def test_a_line_tells_that_the_best_is_infeasible_and_how_large_the_front_is():
    assert describe(Snapshot(3, 50, 0.25, is_feasible=False)) == (
        "3/50 trials, best 0.25 (infeasible)"
    )
    assert describe(Snapshot(3, 50, 0.25, front=2)) == "3/50 trials, best 0.25, front of 2 trials"
    assert describe(Snapshot(0, 50, front=0)) == "0/50 trials"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (123.4, "123 trials/s"),
        (1.26, "1.3 trials/s"),
        (0.5, "30 trials/min"),
        (0.01, "36 trials/h"),
        (1e-6, "0.0036 trials/h"),
    ],
)
def test_rates_are_in_a_unit_that_reads_well(rate, text):
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.6, "1m 00s"), (3599, "59m 59s"), (86399, "23h 59m"), (90000, "1d 01h")],
)
def test_time_spans_are_in_two_units(seconds, text):
    assert duration_text(seconds) == text


def test_plain_lines_are_rare_and_the_last_state_is_always_told():
    lines, clock = [], Clock()
    with PlainDisplay("demo-v1", write=lines.append, clock=clock, interval=5) as display:
        for completed in range(21):
            display.update(Snapshot(completed, 20))
            clock.now += 1

    assert [line.split(",")[0] for line in lines] == [
        "demo-v1: 0/20 trials",
        "demo-v1: 5/20 trials",
        "demo-v1: 10/20 trials",
        "demo-v1: 15/20 trials",
        "demo-v1: 20/20 trials",
    ]


def test_plain_lines_are_not_repeated_when_nothing_changes():
    lines, clock = [], Clock()
    with PlainDisplay("demo-v1", write=lines.append, clock=clock, interval=5) as display:
        for _ in range(20):
            display.update(Snapshot(1, 20))
            clock.now += 3

    assert len(lines) == 1


def rendered(display, width):
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(display.render())
    return out.getvalue().rstrip("\n").splitlines()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_live_display_takes_two_lines_of_any_terminal(width):
    clock = Clock()
    display = LiveDisplay("demo-v1", clock=clock)
    display.update(Snapshot(0, 50, running=4))
    clock.now += 10
    display.update(Snapshot(10, 50, best=0.0123, running=4, broken=1))

    lines = rendered(display, width)

    assert len(lines) == 2
    assert lines[0].startswith("demo-v1 ")
    assert lines[0].rstrip().endswith("10/50 trials")
    assert lines[1].startswith("best 0.0123 · 1 trials/s · 40s left"[: width - 1])


def test_the_live_display_needs_no_limit():
    display = LiveDisplay("demo-v1", clock=Clock())
    display.update(Snapshot(3, None))

    assert rendered(display, 80)[0].rstrip().endswith("3 trials")


def test_the_display_is_plain_where_there_is_no_terminal():
    assert isinstance(choose_display("demo-v1", scripts_print=False), PlainDisplay)


def test_the_display_is_plain_where_scripts_print(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    assert isinstance(choose_display("demo-v1", scripts_print=False), LiveDisplay)
    assert isinstance(choose_display("demo-v1", scripts_print=True), PlainDisplay)
