"""Databases of plain documents: in memory, in a file, and MongoDB."""

from __future__ import annotations

from orion_like.storage.database.base import NOW as NOW
from orion_like.storage.database.base import Ago as Ago
from orion_like.storage.database.base import Database as Database
from orion_like.storage.database.memory import EphemeralDB as EphemeralDB
from orion_like.storage.database.mongo import MongoDB as MongoDB
from orion_like.storage.database.pickled import PickledDB as PickledDB
