"""Libraries that executors need and that are installed only with an extra."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from orion_like.errors import ConfigurationError


def library(module: str, extra: str) -> ModuleType:
    """Return a module.

    Parameters
    ----------
    module
        Its name.
    extra
        The extra of this package that installs it.

    Raises
    ------
    ConfigurationError
        If it is not installed.

    Examples
    --------
    >>> library("no_such_library", "dask")
    Traceback (most recent call last):
    ...
    orion_like.errors.ConfigurationError: this executor needs no_such_library, which is not \
installed; pip install 'orion_like[dask]' brings it
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"this executor needs {error.name}, which is not installed; "
            f"pip install 'orion_like[{extra}]' brings it"
        ) from None
