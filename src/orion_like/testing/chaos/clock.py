"""A host whose clock is wrong."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from orion_like.storage.database import values

_for_good = ExitStack()


def skew_clock(seconds: float) -> None:
    """Have this process see a skewed clock from now on; see `skewed_clock`."""
    _for_good.enter_context(skewed_clock(seconds))


@contextmanager
def skewed_clock(seconds: float) -> Iterator[None]:
    """Let the package see a clock that is ahead, or behind if `seconds` is negative.

    Clocks that only measure durations go on as they are, as they do on a host that is set
    wrong.
    """
    shift = datetime.timedelta(seconds=seconds)
    with ExitStack() as patches:
        now = time.time
        patches.enter_context(patch("time.time", lambda: now() + seconds))
        replacements: dict[str, tuple[Any, Any]] = {
            "now": (values.now, _shifted(values.now, shift)),
            "datetime": (datetime.datetime, _skewed_class(shift)),
        }
        for module in [m for n, m in sys.modules.items() if n.startswith("orion_like.")]:
            for name, (real, skewed) in replacements.items():
                if vars(module).get(name) is real:
                    patches.enter_context(patch.object(module, name, skewed))
        yield


def _shifted(now: Any, shift: datetime.timedelta) -> Any:
    return lambda: now() + shift


def _skewed_class(shift: datetime.timedelta) -> Any:
    """Return what `datetime` is on that host: its times are ordinary ones."""

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime.datetime)

    class Skewed(datetime.datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return datetime.datetime.now(tz) + shift

    return Skewed
