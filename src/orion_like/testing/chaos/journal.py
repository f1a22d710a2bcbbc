"""What workers were told of their results, in a file of its own.

The file is the witness against which a database is checked: a line is written after the
database acknowledged a result, so whatever it names has to be in the database for good.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orion_like.errors import AlreadyReleased, LeaseLost
from orion_like.storage import Storage
from orion_like.storage.database import Database
from orion_like.trial import Result, Trial

ACKNOWLEDGED, LATE = "acknowledged", "late"


@dataclass(frozen=True)
class Delivery:
    """A result that a worker handed in.

    Parameters
    ----------
    outcome
        ``acknowledged``, or ``late`` if the worker was told that another had its trial.
    trial
        Id of the trial.
    worker, attempt
        The lease under which it was handed in.
    results
        The results, as documents.
    """

    outcome: str
    trial: str
    worker: str | None
    attempt: int
    results: list[dict[str, Any]]


class Journal:
    """Deliveries in a file that any number of processes append to.

    Parameters
    ----------
    path
        The file; made when missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.path.touch()

    def add(self, delivery: Delivery) -> None:
        """Append a delivery in one write, so that a killed process leaves no half line."""
        line = json.dumps(asdict(delivery)) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[Delivery]:
        """Return what was written until now."""
        return [Delivery(**json.loads(line)) for line in self.path.read_text().splitlines()]

    def __len__(self) -> int:
        return self.path.read_bytes().count(b"\n")


class WitnessedStorage(Storage):
    """A storage that notes in a journal what it acknowledged.

    Parameters
    ----------
    database
        Where the documents live.
    journal
        Where to note it.
    """

    def __init__(self, database: Database, journal: Journal) -> None:
        super().__init__(database)
        self._journal = journal

    def complete_trial(
        self, trial: Trial, results: Sequence[Result], *, durable: bool = True
    ) -> Trial:
        """Complete a trial and note that it was acknowledged, or came too late."""
        worker, attempt = trial.worker, trial.attempt
        documents = [result.to_dict() for result in results]

        def note(outcome: str) -> None:
            self._journal.add(Delivery(outcome, trial.id, worker, attempt, documents))

        try:
            completed = super().complete_trial(trial, results, durable=durable)
        except LeaseLost:
            note(LATE)
            raise
        except AlreadyReleased:  # an earlier try had succeeded, though its answer got lost
            note(ACKNOWLEDGED)
            raise
        note(ACKNOWLEDGED)
        return completed
