"""A call of a function as bytes: packed here, run elsewhere, and what came of it unpacked here.

Functions are packed with cloudpickle, so lambdas and functions of ``__main__`` work, and with
the search path of modules, so those of modules beside the user's program do.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from orion_like.errors import ExecutionError
from orion_like.worker.executor.base import describe

Outcome: TypeAlias = "tuple[Any, BaseException | None, str]"
"""Value, exception and text of the traceback."""


def pack(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Return a call as bytes.

    Raises
    ------
    TypeError
        If the function or an argument cannot be sent to another process.
    """
    import cloudpickle

    try:
        call = cloudpickle.dumps((function, args, kwargs))
        return pickle.dumps((sys.path, call))
    except Exception as error:
        raise TypeError(
            f"{function!r} or its arguments cannot be sent to another process: {error}"
        ) from error


def run(payload: bytes) -> bytes:
    """Run a call, and return its outcome as bytes.

    Examples
    --------
    >>> unpack(run(pack(pow, (2, 3), {})))
    (8, None, '')
    """
    import cloudpickle

    try:
        path, call = pickle.loads(payload)  # noqa: S301 - sent by our own worker
        sys.path.extend(entry for entry in path if entry not in sys.path)
        function, args, kwargs = pickle.loads(call)  # noqa: S301 - sent by our own worker
        outcome: Outcome = (function(*args, **kwargs), None, "")
    except Exception as error:
        outcome = (None, _portable(error), describe(error))
    try:
        return bytes(cloudpickle.dumps(outcome))
    except Exception as error:
        value, exception, traceback = outcome
        text = f"{exception or value!r} cannot be sent between processes: {error}"
        return bytes(cloudpickle.dumps((None, TypeError(text), traceback)))


def unpack(outcome: bytes) -> Outcome:
    """Return what :func:`run` packed."""
    unpacked: Outcome = pickle.loads(outcome)  # noqa: S301 - from our own executor
    return unpacked


def _portable(error: Exception) -> Exception:
    """Return an exception that the parent can read: many with arguments of their own cannot be."""
    import cloudpickle

    try:
        pickle.loads(cloudpickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return ExecutionError(f"{type(error).__name__}: {error}")
    return error
