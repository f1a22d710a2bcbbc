"""How far a copy into a database has come, kept in that database until the copy is complete.

A copy that was killed is gone on with by running it again: what is marked done is left alone,
and an experiment that was begun is completed under the provisional name that the journal has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from orion_like.errors import DatabaseError, DuplicateKeyError
from orion_like.storage.database import NOW, Ago, Database
from orion_like.storage.worker_id import is_certainly_dead, new_worker_id

COPIES: Final = "copies"
ABANDONED: Final = 60.0  # seconds without a sign of life after which another process may go on
_OWNER: Final = "owner"

Document = dict[str, Any]


class CopyJournal:
    """What has been copied from one database.

    Parameters
    ----------
    database
        Where the copies go, and the journal is.
    source
        URL of the database that is copied.

    Raises
    ------
    DatabaseError
        If another process is copying from there at this moment.
    """

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source
        self._worker = new_worker_id()
        database.ensure_index(COPIES, ["source", "experiment"], unique=True)
        self._claim()
        entries = database.find(COPIES, {"source": source})
        self._entries = {e["experiment"]: e for e in entries if e["experiment"] != _OWNER}

    def _claim(self) -> None:
        mine = {"source": self._source, "experiment": _OWNER, "worker": self._worker}
        try:
            self._database.insert(COPIES, {**mine, "heartbeat": NOW})
            return
        except DuplicateKeyError:
            pass
        taken = {"source": self._source, "experiment": _OWNER}
        owner = next(iter(self._database.find(COPIES, taken)), None)
        if owner is not None:
            query: Document = {"_id": owner["_id"], "worker": owner["worker"]}
            if not is_certainly_dead(owner["worker"]):
                query["heartbeat"] = {"$lt": Ago(ABANDONED)}
            update = {"$set": {"worker": self._worker, "heartbeat": NOW}}
            if self._database.update(COPIES, query, update):
                return
        raise DatabaseError(
            f"another process is copying {self._source} to {self._database.url}; wait for it, or"
            f" end it and try again after {ABANDONED:g} seconds"
        )

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier copy was cut short."""
        return bool(self._entries)

    def entry(self, experiment: Any) -> Document | None:
        """Return what is known of an experiment: ``provisional`` name and ``target``."""
        return self._entries.get(experiment)

    def begin(self, experiment: Any, provisional: str) -> Document:
        """Note that an experiment is going to be copied under a provisional name."""
        entry = {"source": self._source, "experiment": experiment, "provisional": provisional}
        entry["target"] = None
        entry["_id"] = self._database.insert(COPIES, entry)
        self._entries[experiment] = entry
        return entry

    def note(self, experiment: Any, **fields: Any) -> None:
        """Note how far the copy of an experiment is, and that this process is alive."""
        entry = self._entries[experiment]
        entry.update(fields)
        self._database.update(COPIES, {"_id": entry["_id"]}, {"$set": fields})

    def forget(self, experiment: Any) -> None:
        """Note that there is no copy of an experiment any more."""
        self._database.remove(COPIES, {"_id": self._entries.pop(experiment)["_id"]})

    def beat(self) -> None:
        """Say that this process is alive.

        Raises
        ------
        DatabaseError
            If another process took the copy over meanwhile.
        """
        mine = {"source": self._source, "experiment": _OWNER, "worker": self._worker}
        if not self._database.update(COPIES, mine, {"$set": {"heartbeat": NOW}}, durable=False):
            raise DatabaseError(f"another process has taken the copy of {self._source} over")

    def finish(self) -> None:
        """Note that everything is copied."""
        self._database.remove(COPIES, {"source": self._source})

    @contextlib.contextmanager
    def kept_on_failure(self) -> Iterator[None]:
        """Let another process go on at once when this one ends before everything is copied."""
        try:
            yield
        except BaseException:
            mine = {"source": self._source, "experiment": _OWNER, "worker": self._worker}
            with contextlib.suppress(DatabaseError):
                self._database.remove(COPIES, mine)
            raise


def unfinished(database: Database) -> list[str]:
    """Return the databases from which a copy was cut short or is going on."""
    entries = database.find(COPIES, {"experiment": {"$ne": _OWNER}}, fields=["source"])
    return sorted({entry["source"] for entry in entries})
