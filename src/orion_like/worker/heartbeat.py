"""One thread that says, for all trials of a worker, that the worker is alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orion_like.errors import DatabaseError
from orion_like.storage import Storage
from orion_like.trial import Trial
from orion_like.worker.presence import Presence

logger = logging.getLogger(__name__)


class Heartbeat:
    """Keeps reserved trials alive from a daemon thread, which never keeps a process up.

    Parameters
    ----------
    storage
        Where the trials are.
    interval
        Seconds between two heartbeats.
    """

    def __init__(self, storage: Storage, interval: float) -> None:
        self._storage = storage
        self._interval = interval
        self._trials: dict[Any, Trial] = {}
        self._presence: Presence | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def telling(self, presence: Presence) -> Iterator[None]:
        """Tell within a block that the worker is there, with trials or without."""
        presence.begin()
        with self._lock:
            self._presence = presence
            self._ensure_thread()
        try:
            yield
        finally:
            self.stop()
            presence.end()
            with self._lock:
                self._presence = None
                if self._trials:  # those that the user has reserved
                    self._ensure_thread()

    def add(self, trial: Trial) -> None:
        """Keep `trial` alive from now on."""
        with self._lock:
            self._trials[trial._id] = trial
            self._ensure_thread()

    def _ensure_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._stopped.clear()
            self._thread = threading.Thread(
                target=self._run, name="orion-like-heartbeat", daemon=True
            )
            self._thread.start()

    def discard(self, trial: Trial) -> None:
        """Let `trial` go."""
        with self._lock:
            self._trials.pop(trial._id, None)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=self._interval)
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            with self._lock:
                trials = list(self._trials.values())
                presence = self._presence
            for trial in trials:
                self._beat(trial)
            if presence is not None:
                presence.beat()

    def _beat(self, trial: Trial) -> None:
        try:
            is_ours = self._storage.heartbeat(trial)
        except DatabaseError as error:
            logger.warning("no heartbeat for trial %s: %s", trial.id, error)
            return
        with self._lock:
            still_wanted = trial._id in self._trials
        if not is_ours and still_wanted:
            logger.warning(
                "trial %s is not reserved by this worker any more; "
                "its result will be kept only if nobody else has taken it over",
                trial.id,
            )
            self.discard(trial)
