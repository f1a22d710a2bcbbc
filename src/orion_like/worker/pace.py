"""How often to do what costs time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

_REST = 9.0  # times as long as it took: so it takes a tenth of the time at most
_LONGEST_REST = 0.5  # seconds
_AFTER_FAILURE = 10.0  # seconds


class Pace:
    """Lets something be done at once when it is cheap, and less often when it is not.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._next = float("-inf")

    @property
    def is_due(self) -> bool:
        """Whether it may be done again."""
        return self.wait <= 0

    @property
    def wait(self) -> float:
        """Seconds until it may be done again."""
        return self._next - self._clock()

    def hurry(self) -> None:
        """Let it be done next time in any case."""
        self._next = float("-inf")

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Do it, and see how long it takes."""
        start = self._clock()
        self._next = start + _AFTER_FAILURE
        yield
        end = self._clock()
        self._next = end + min(_REST * (end - start), _LONGEST_REST)
