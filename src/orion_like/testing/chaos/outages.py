"""A database that does not answer now and then, whether it did what it was asked or not."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any, Final

from orion_like.errors import DatabaseTimeout
from orion_like.storage.database import Database

_VERBS: Final = (
    "insert", "insert_many", "find", "find_one_and_update", "update", "remove", "count",
    "count_by", "changes",
)  # fmt: skip


def make_unreliable(database: Database, dice: random.Random, rate: float) -> Database:
    """Have some operations of a database raise `DatabaseTimeout`; return the database.

    Parameters
    ----------
    database
        The database, which is changed.
    dice
        Decides which operations fail, and whether that is before or after they were done.
    rate
        How many of them fail, between 0 and 1.
    """
    for verb in _VERBS:
        setattr(database, verb, _unreliable(getattr(database, verb), dice, rate))
    return database


def _unreliable(verb: Callable[..., Any], dice: random.Random, rate: float) -> Callable[..., Any]:
    @functools.wraps(verb)
    def perhaps(*args: Any, **options: Any) -> Any:
        fails, too_late = dice.random() < rate, dice.random() < 0.5
        if fails and not too_late:
            raise DatabaseTimeout(f"no answer to {verb.__name__}, which was not done")
        answer = verb(*args, **options)
        if fails:
            raise DatabaseTimeout(f"no answer to {verb.__name__}, which was done")
        return answer

    return perhaps
