"""Executors by their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.spelling import did_you_mean
from orion_like.worker.executor.base import BaseExecutor
from orion_like.worker.executor.dask_cluster import DaskExecutor
from orion_like.worker.executor.loky_processes import JoblibExecutor
from orion_like.worker.executor.pool import PoolExecutor
from orion_like.worker.executor.ray_cluster import RayExecutor
from orion_like.worker.executor.single import SingleExecutor
from orion_like.worker.executor.threads import ThreadExecutor

_EXECUTORS: dict[str, Callable[..., BaseExecutor]] = {
    "dask": DaskExecutor,
    "joblib": JoblibExecutor,
    "pool": PoolExecutor,
    "ray": RayExecutor,
    "single": SingleExecutor,
    "thread": ThreadExecutor,
}
_ALIASES = {"inplace": "single", "loky": "joblib", "threading": "thread", "threads": "thread"}


class ExecutorFactory:
    """Makes executors by name, whatever the case of its letters."""

    @staticmethod
    def create(name: str, n_workers: int = 1, **configuration: Any) -> BaseExecutor:
        """Return the executor called `name`.

        Parameters
        ----------
        name
            ``PoolExecutor`` (processes), ``SingleExecutor`` (in place), ``ThreadExecutor``,
            ``JoblibExecutor``, ``DaskExecutor`` or ``RayExecutor``, also without ``Executor``.
        n_workers
            How many functions run at the same time. Default 1.
        **configuration
            More settings of that executor.

        Raises
        ------
        ConfigurationError
            If there is no such executor, or it has no such setting.

        Examples
        --------
        >>> type(executor_factory.create("singleexecutor")).__name__
        'SingleExecutor'
        """
        key = name.lower().removesuffix("executor")
        key = _ALIASES.get(key, key)
        if key not in _EXECUTORS:
            raise ConfigurationError(
                f"executor {name!r} is unknown; there are {', '.join(_EXECUTORS)}"
                + did_you_mean(key, [*_EXECUTORS, *_ALIASES])
            )
        try:
            return _EXECUTORS[key](n_workers=n_workers, **configuration)
        except TypeError as error:
            raise ConfigurationError(f"executor {name!r}: {error}") from None


executor_factory = ExecutorFactory()


def available_executors() -> list[str]:
    """Return the names of the executors."""
    return list(_EXECUTORS)


def default_executor(n_workers: int) -> BaseExecutor:
    """Return an executor in place for one worker, else a pool; -1 is one a processor."""
    count = (os.cpu_count() or 1) if n_workers < 0 else n_workers
    return SingleExecutor() if count == 1 else PoolExecutor(count)
