"""A trial that is released when the block that evaluates it is left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any

from orion_like.errors import AlreadyReleased
from orion_like.trial import Trial

logger = logging.getLogger(__name__)


class SuggestedTrial(Trial):
    """A trial as :meth:`~orion_like.client.ExperimentClient.suggest` returns it.

    Used as a context it is never left behind: when the block ends without an observation
    the trial is released, as broken after an exception, else as interrupted.
    """

    __slots__ = ("_release",)

    _release: Callable[..., Any]

    @classmethod
    def wrap(cls, trial: Trial, release: Callable[..., Any]) -> SuggestedTrial:
        """Return `trial` with a way to release it."""
        wrapped = cls.__new__(cls)
        for name in Trial.__slots__:
            setattr(wrapped, name, getattr(trial, name))
        wrapped._release = release
        return wrapped

    def __reduce__(self) -> tuple[Any, ...]:
        # The way to release it belongs to this process.
        return (Trial.from_document, (self.to_dict(),))

    def __enter__(self) -> SuggestedTrial:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.status != "reserved":
            return
        status, reason = "interrupted", None
        if exc is not None:
            reason = f"{type(exc).__name__}: {exc}".strip(": ")
            status = "broken" if isinstance(exc, Exception) else "interrupted"
        try:
            self._release(self, status, reason)
        except AlreadyReleased as error:
            logger.warning("%s", error)
