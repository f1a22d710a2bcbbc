"""Libraries that only analyses and figures need, and that may be missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from orion_like.errors import OrionLikeError

PACKAGES = {"sklearn": "scikit-learn"}


def load(module: str, purpose: str) -> Any:
    """Import an optional library.

    Parameters
    ----------
    module
        Name to import.
    purpose
        What needs it, for the message.

    Raises
    ------
    OrionLikeError
        If it is not installed.
    """
    top = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != top:
            raise
        raise OrionLikeError(
            f"{purpose} needs {PACKAGES.get(top, top)}, which is not installed: "
            "pip install 'orion_like[plot]'"
        ) from None
