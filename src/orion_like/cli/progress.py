"""The progress of a hunt: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.output import counted, printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.live import Live

    from orion_like.experiment import ExperimentStats

WINDOW = 300.0  # seconds over which the rate is measured
LINE_INTERVAL = 5.0  # seconds between two plain lines
REFRESHES = 4  # per second, on a terminal


@dataclass(frozen=True)
class Snapshot:
    """Where a hunt stands.

    Parameters
    ----------
    completed
        Trials of the experiment that are completed, or were stopped early.
    total
        How many there shall be; None without a limit.
    best
        Best objective so far, the first one if there are several.
    is_feasible
        Whether the best trial keeps all constraints on results. Default True.
    front
        Number of trials in the Pareto front; None with one objective.
    running, broken
        Trials of the experiment that run now, and that broke.
    rate
        Completed trials per second; None when unknown.
    time_left
        Seconds to the end at that rate; None when unknown.
    waiting
        Why this worker waits, or None.
    """

    completed: int = 0
    total: int | None = None
    best: float | None = None
    running: int = 0
    broken: int = 0
    is_feasible: bool = True
    front: int | None = None
    rate: float | None = None
    time_left: float | None = None
    waiting: str | None = None


class Meter:
    """Measures how fast trials are completed, over the last minutes.

    Parameters
    ----------
    window
        Length of the time over which is measured, in seconds.

    Examples
    --------
    >>> meter = Meter()
    >>> meter.observe(0.0, 10)
    >>> meter.observe(4.0, 12)
    >>> meter.rate(4.0)
    0.5
    """

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._points: deque[tuple[float, int]] = deque()

    def observe(self, now: float, completed: int) -> None:
        """Take in how many trials are completed now."""
        if not self._points or completed != self._points[-1][1]:
            self._points.append((now, completed))
        while len(self._points) > 2 and now - self._points[1][0] > self._window:
            self._points.popleft()

    def rate(self, now: float) -> float | None:
        """Return completed trials per second, None before the first one.

        Between two completions it stays what it was, until the next one is overdue.
        """
        if len(self._points) < 2:
            return None
        (start, before), (last, after) = self._points[0], self._points[-1]
        if last <= start or after <= before:
            return None
        return min((after - before) / (last - start), (after - before + 1) / (now - start))

    def time_left(self, now: float, remaining: int) -> float | None:
        """Return the seconds until so many more trials are completed, None when unknown."""
        rate = self.rate(now)
        if rate is None:
            return None
        since_last = now - self._points[-1][0]
        return max(0, remaining) / rate - min(since_last, 1 / rate) if remaining > 0 else 0.0


def estimate(snapshot: Snapshot, meter: Meter, now: float) -> Snapshot:
    """Return the snapshot with its rate, and the time that is left at this rate."""
    left = None
    if snapshot.total is not None:
        left = meter.time_left(now, snapshot.total - snapshot.completed)
    return replace(snapshot, rate=meter.rate(now), time_left=left)


# --- words --------------------------------------------------------------------------------------


def describe(snapshot: Snapshot) -> str:
    """Return a snapshot as one line.

    Examples
    --------
    >>> describe(Snapshot(12, 50, best=0.0123, running=4, broken=1, rate=2.3, time_left=16.5))
    '12/50 trials, best 0.0123, 2.3 trials/s, 17s left, 4 running, 1 broken'
    """
    return ", ".join([count_text(snapshot), *_details(snapshot)])


def count_text(snapshot: Snapshot) -> str:
    """Return how many trials are completed, of how many."""
    of = "" if snapshot.total is None else f"/{snapshot.total}"
    return f"{snapshot.completed}{of} trials"


def _details(snapshot: Snapshot) -> list[str]:
    parts = []
    if snapshot.best is not None:
        note = "" if snapshot.is_feasible else " (infeasible)"
        parts.append(f"best {printable(float(snapshot.best))}{note}")
    if snapshot.front:
        parts.append(f"front of {counted(snapshot.front, 'trial')}")
    if snapshot.rate is not None:
        parts.append(rate_text(snapshot.rate))
    if snapshot.time_left is not None and snapshot.completed != snapshot.total:
        parts.append(f"{duration_text(snapshot.time_left)} left")
    if snapshot.running:
        parts.append(f"{snapshot.running} running")
    if snapshot.broken:
        parts.append(f"{snapshot.broken} broken")
    if snapshot.waiting:
        parts.append("waiting for running trials" if snapshot.running else "waiting")
    return parts


def rate_text(rate: float) -> str:
    """Return a rate in the unit that reads best.

    Examples
    --------
    >>> rate_text(2.34), rate_text(0.1), rate_text(0.001)
    ('2.3 trials/s', '6 trials/min', '3.6 trials/h')
    """
    units = (("s", 1), ("min", 60), ("h", 3600))
    unit, seconds = next((u for u in units if rate * u[1] >= 1), units[-1])
    number = rate * seconds
    return f"{number:.0f} trials/{unit}" if number >= 10 else f"{number:.2g} trials/{unit}"


def duration_text(seconds: float) -> str:
    """Return a time span in its two largest units.

    Examples
    --------
    >>> duration_text(16.5), duration_text(125), duration_text(3720), duration_text(180_000)
    ('17s', '2m 05s', '1h 02m', '2d 02h')
    """
    seconds = round(seconds + 0.01)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600:02d}h"


# --- displays -----------------------------------------------------------------------------------


class PlainDisplay:
    """Prints a line when something has changed, not too often.

    Parameters
    ----------
    title
        What each line begins with.
    write
        Prints a line. Default: on stderr.
    clock
        Tells the time in seconds.
    interval
        Seconds between two lines.
    """

    def __init__(
        self,
        title: str,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        interval: float = LINE_INTERVAL,
    ) -> None:
        self._title = printable(title)
        self._write = write or _write_line
        self._clock = clock
        self._interval = interval
        self._meter = Meter()
        self._last_line = -float("inf")
        self._shown: Snapshot | None = None
        self._latest: Snapshot | None = None

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._latest is not None and self._latest != self._shown:
            self._print(self._latest)

    def update(self, snapshot: Snapshot) -> None:
        """Show where the hunt stands, if it is time to."""
        now = self._clock()
        self._meter.observe(now, snapshot.completed)
        self._latest = snapshot
        if snapshot != self._shown and now - self._last_line >= self._interval:
            self._last_line = now
            self._print(snapshot)

    def _print(self, snapshot: Snapshot) -> None:
        self._shown = snapshot
        self._write(f"{self._title}: {describe(estimate(snapshot, self._meter, self._clock()))}")


def _write_line(line: str) -> None:
    click.echo(line, err=True)


class LiveDisplay:
    """A bar and figures at the foot of the terminal; what else is printed scrolls above it.

    Parameters
    ----------
    title
        What stands before the bar.
    clock
        Tells the time in seconds.
    """

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._meter = Meter()
        self._snapshot = Snapshot()
        self._updated = clock()
        self._live: Live | None = None

    def __enter__(self) -> LiveDisplay:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False)
        self._live = Live(console=console, get_renderable=self.render, refresh_per_second=REFRESHES)
        self._live.start(refresh=True)
        # A second Ctrl-C leaves at once, without the chance to bring a hidden cursor back.
        console.show_cursor(True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, snapshot: Snapshot) -> None:
        """Show where the hunt stands."""
        self._updated = self._clock()
        self._meter.observe(self._updated, snapshot.completed)
        self._snapshot = snapshot

    def render(self) -> Any:
        """Return what is to be seen now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now = self._clock()
        snapshot = estimate(self._snapshot, self._meter, now)
        bar = ProgressBar(
            total=snapshot.total,
            completed=snapshot.completed,
            pulse=snapshot.total is None,
            animation_time=now,
        )
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        line.add_row(Text(printable(self._title), style="bold"), bar, Text(count_text(snapshot)))
        details = Text(
            " · ".join(_details(snapshot)), style="dim", overflow="ellipsis", no_wrap=True
        )
        return Group(line, details)


Display = PlainDisplay | LiveDisplay


def choose_display(title: str, *, scripts_print: bool) -> Display:
    """Return the display that fits where stderr goes.

    Parameters
    ----------
    title
        Name of what is hunted.
    scripts_print
        Whether the output of scripts is shown too: then the screen is theirs.
    """
    if scripts_print or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainDisplay(title)
    return LiveDisplay(title)


def snapshot_of(stats: ExperimentStats, waiting: str | None) -> Snapshot:
    """Return where an experiment stands."""
    counts, front = stats.trial_status_count, stats.pareto_front
    return Snapshot(
        completed=stats.trials_finished,
        total=stats.max_trials,
        best=stats.best_evaluation,
        is_feasible=stats.best_is_feasible is not False,
        front=None if front is None else len(front),
        running=counts.get("reserved", 0),
        broken=counts.get("broken", 0),
        waiting=waiting,
    )
