"""That a worker is there, also while it has no trial: told to the database until it ends."""

from __future__ import annotations

import logging
from dataclasses import replace

from orion_like.errors import DatabaseError
from orion_like.storage.database import Database
from orion_like.storage.workers import WorkerRecord, sign_of_life, sign_off, sign_on

logger = logging.getLogger(__name__)


class Presence:
    """Keeps the record of one worker, as well as the database can be reached.

    No run depends on it: what cannot be told is told with the next sign of life.

    Parameters
    ----------
    database
        Where the record is kept.
    record
        What the worker tells of itself.
    """

    def __init__(self, database: Database, record: WorkerRecord) -> None:
        self._database = database
        self._record = record

    def begin(self) -> None:
        """Tell that the worker begins."""
        try:
            sign_on(self._database, self._current())
        except DatabaseError as error:
            logger.debug("worker %s did not sign on: %s", self._record.worker, error)

    def beat(self) -> None:
        """Tell that the worker is alive."""
        try:
            current = self._current()
            if not sign_of_life(self._database, current.worker, current.clock_ahead):
                sign_on(self._database, current)
        except DatabaseError as error:
            logger.debug("no sign of life of worker %s: %s", self._record.worker, error)

    def _current(self) -> WorkerRecord:
        return replace(self._record, clock_ahead=self._database.clock_ahead())

    def end(self) -> None:
        """Tell that the worker has ended."""
        try:
            sign_off(self._database, self._record.worker)
        except DatabaseError as error:
            logger.debug("worker %s did not sign off: %s", self._record.worker, error)
