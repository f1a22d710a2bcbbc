"""Workers on a simulated clock: nothing sleeps, the next event is simply the next one."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import TypeVar

Task = TypeVar("Task")


def simulate(
    start: Callable[[], tuple[float, Task] | None],
    finish: Callable[[float, Task], float | None],
    workers: int,
    horizon: float,
) -> Iterator[float]:
    """Run workers, and yield the time after each event.

    Parameters
    ----------
    start
        Called for each idle worker; returns how long its next task takes, and the task, or None if
        there is nothing to do until another one ends.
    finish
        Called with the time and the task that has ended; returns how long it goes on if it does.
    workers
        How many there are.
    horizon
        When to stop.
    """
    now, count = 0.0, 0
    running: list[tuple[float, int, Task]] = []
    while True:
        while len(running) < workers:
            started = start()
            if started is None:
                break
            seconds, task = started
            count += 1
            heapq.heappush(running, (now + seconds, count, task))
        if not running:
            return
        now, _, task = heapq.heappop(running)
        if now > horizon:
            return
        more = finish(now, task)
        if more is not None:
            count += 1
            heapq.heappush(running, (now + more, count, task))
        yield now
