"""Where documents live, and what may be done to them."""

from orion_like.storage.database import Database, EphemeralDB, MongoDB, PickledDB
from orion_like.storage.ledger import Ledger
from orion_like.storage.setup import setup_storage
from orion_like.storage.storage import Storage
from orion_like.storage.worker_id import new_worker_id

__all__ = [
    "Database",
    "EphemeralDB",
    "Ledger",
    "MongoDB",
    "PickledDB",
    "Storage",
    "new_worker_id",
    "setup_storage",
]
