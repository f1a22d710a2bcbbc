"""A trial that is released when the block that evaluates it is left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any

from orion_like.errors import AlreadyReleased, TrialStopped
from orion_like.trial import Trial
from orion_like.worker.live_trial import LiveTrial

logger = logging.getLogger(__name__)


class SuggestedTrial(LiveTrial):
    """A trial as :meth:`~orion_like.client.ExperimentClient.suggest` returns it.

    Used as a context it is never left behind: when the block ends without an observation
    the trial is released: as broken after an exception, else as interrupted. One that was told to
    stop, or raises :class:`~orion_like.errors.TrialStopped`, which goes no further, becomes
    suspended with what it reported as its result.
    """

    __slots__ = ("_release",)

    _release: Callable[..., Any]

    @classmethod
    def hand_out(
        cls,
        trial: Trial,
        address: Callable[[], str],
        experiment_uuid: str,
        storage_url: str,
        release: Callable[..., Any],
    ) -> SuggestedTrial:
        """Return `trial` with a way to report, and one to release it in this process."""
        wrapped = cls.wrap(trial, address, experiment_uuid, storage_url)
        wrapped._release = release
        return wrapped

    def __enter__(self) -> SuggestedTrial:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        gives_up = isinstance(exc, TrialStopped)
        if self.status != "reserved":
            return gives_up
        status, reason = "interrupted", None
        if exc is not None:
            reason = f"{type(exc).__name__}: {exc}".strip(": ")
            status = "broken" if isinstance(exc, Exception) else "interrupted"
        try:
            self._release(self, status, reason, gives_up)
        except AlreadyReleased as error:
            logger.warning("%s", error)
        return gives_up
