"""Runs functions one after the other in the calling thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orion_like.worker.executor.base import BaseExecutor, Future, describe


class _SingleFuture(Future):
    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._call: tuple[Any, ...] | None = (function, args, kwargs)
        self._result: tuple[Any, BaseException | None, str] = (None, None, "")

    def wait(self, timeout: float | None = None) -> None:
        del timeout  # a function in this thread cannot be left half-way
        if self._call is None:
            return
        function, args, kwargs = self._call
        try:
            self._result = (function(*args, **kwargs), None, "")
        except Exception as error:
            self._result = (None, error, describe(error))
        self._call = None

    def ready(self) -> bool:
        return self._call is None

    @property
    def _outcome(self) -> tuple[Any, BaseException | None, str]:
        return self._result

    def fail(self, exception: BaseException) -> None:
        self._call, self._result = None, (None, exception, "")


class SingleExecutor(BaseExecutor):
    """Runs each function when its result is asked for.

    Parameters
    ----------
    n_workers
        Only 1 makes sense. Default 1.

    Examples
    --------
    >>> with SingleExecutor() as executor:
    ...     executor.submit(pow, 2, 3).get()
    8
    """

    in_process = True

    def _submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future:
        return _SingleFuture(function, args, kwargs)

    def _progress(self, futures: Sequence[Future], timeout: float) -> None:
        del timeout
        futures[0].wait()

    def cancel(self, future: Future, exception: BaseException) -> None:
        """Keep a function that has not been run from running."""
        if isinstance(future, _SingleFuture) and not future.ready():
            future.fail(exception)
