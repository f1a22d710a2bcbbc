"""What every executor can do: run functions, here or elsewhere, and hand back what they gave."""

from __future__ import annotations

import traceback as traceback_module
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, TypeVar

from orion_like.errors import ExecutorClosed

ExecutorT = TypeVar("ExecutorT", bound="BaseExecutor")


class Future(ABC):
    """What a submitted function will have given."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> None:
        """Wait until the function has ended, for `timeout` seconds at most."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the function has ended."""

    @property
    @abstractmethod
    def _outcome(self) -> tuple[Any, BaseException | None, str]:
        """Value, exception and text of the traceback of a function that has ended."""

    def get(self, timeout: float | None = None) -> Any:
        """Return what the function returned, or raise what it raised.

        Raises
        ------
        TimeoutError
            If the function has not ended after `timeout` seconds.
        """
        self.wait(timeout)
        if not self.ready():
            raise TimeoutError(f"no result after {timeout} seconds")
        value, exception, _ = self._outcome
        if exception is not None:
            raise exception
        return value

    def successful(self) -> bool:
        """Whether the function returned.

        Raises
        ------
        ValueError
            If it has not ended yet.
        """
        if not self.ready():
            raise ValueError("the function has not ended yet")
        return self._outcome[1] is None

    def to_async(self) -> AsyncResult | AsyncException:
        """Return the outcome of a function that has ended."""
        value, exception, traceback = self._outcome
        if exception is None:
            return AsyncResult(self, value)
        return AsyncException(self, exception, traceback)


@dataclass(frozen=True)
class AsyncResult:
    """A function returned `value`."""

    future: Future
    value: Any


@dataclass(frozen=True)
class AsyncException:
    """A function raised `exception`."""

    future: Future
    exception: BaseException
    traceback: str

    @property
    def value(self) -> Any:
        """Raise the exception."""
        raise self.exception


class BaseExecutor(ABC):
    """Runs functions for a worker.

    Parameters
    ----------
    n_workers
        How many functions run at the same time. Default 1.
    """

    in_process = False
    """Whether functions run in the calling thread."""

    def __init__(self, n_workers: int = 1) -> None:
        self.n_workers = n_workers
        self._closed = False

    def submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
        """Have ``function(*args, **kwargs)`` run.

        Raises
        ------
        ExecutorClosed
            If the executor was closed.
        """
        if self._closed:
            raise ExecutorClosed(f"{type(self).__name__} was closed and takes no more work")
        return self._submit(function, args, kwargs)

    @abstractmethod
    def _submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future:
        """Have the function run."""

    @abstractmethod
    def _progress(self, futures: Sequence[Future], timeout: float) -> None:
        """Work or wait until one of `futures` has ended, for about `timeout` seconds."""

    def wait(self, futures: Sequence[Future]) -> list[Any]:
        """Wait for all `futures` and return what they gave, in the same order."""
        return [future.get() for future in futures]

    def async_get(
        self, futures: list[Future], timeout: float = 0.01
    ) -> list[AsyncResult | AsyncException]:
        """Return the outcomes of the `futures` that have ended, and take them off the list.

        Parameters
        ----------
        futures
            Futures of this executor; those that have ended are removed.
        timeout
            Seconds to wait for the first one. Default 0.01.
        """
        deadline = monotonic() + timeout
        while futures and not any(future.ready() for future in futures):
            left = deadline - monotonic()
            self._progress(futures, max(0.0, left))
            if left <= 0:
                break
        ended = [future for future in futures if future.ready()]
        futures[:] = [future for future in futures if future not in ended]
        return [future.to_async() for future in ended]

    @abstractmethod
    def cancel(self, future: Future, exception: BaseException) -> None:
        """End a function as soon as possible; its future then raises `exception`."""

    def close(self) -> None:
        """Take no more work, and end what still runs."""
        self._closed = True

    def __enter__(self: ExecutorT) -> ExecutorT:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def describe(exception: BaseException) -> str:
    """Return the traceback of an exception as text."""
    return "".join(traceback_module.format_exception(exception))
