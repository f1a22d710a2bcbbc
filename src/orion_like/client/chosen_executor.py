"""What runs the functions of a client: what it was given, or what settings describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orion_like.config import Settings
from orion_like.worker.executor import BaseExecutor, default_executor, executor_factory

ENDING = 5.0  # seconds that a process of a pool has after the script that it runs


class ChosenExecutor:
    """The executor of a client; one that is not given is made on first use.

    Parameters
    ----------
    settings
        Settings of the worker.
    executor
        The executor, or its name. By default what the settings say.
    """

    def __init__(self, settings: Settings, executor: str | BaseExecutor | None) -> None:
        self._settings = settings
        self._is_ours = isinstance(executor, str)
        if isinstance(executor, str):
            executor = executor_factory.create(executor, n_workers=settings["worker.n_workers"])
        self._current = executor

    @property
    def current(self) -> BaseExecutor:
        """The executor."""
        if self._current is None:
            self._current = self._configured(self._settings["worker.n_workers"])
            self._is_ours = True
        return self._current

    def _configured(self, n_workers: int) -> BaseExecutor:
        if n_workers == 1 and self._settings.origin("worker.executor") == "default":
            return default_executor(1)
        name = self._settings["worker.executor"]
        config = dict(self._settings["worker.executor_configuration"])
        if name.lower().removesuffix("executor") == "pool":
            config.setdefault("grace", self._settings["worker.grace"] + ENDING)
        return executor_factory.create(name, n_workers=n_workers, **config)

    @contextmanager
    def of_size(self, n_workers: int | None) -> Iterator[BaseExecutor]:
        """Give an executor that runs so many functions at once; None for the current one."""
        if n_workers is None or n_workers == self.current.n_workers:
            yield self.current
            return
        with self._configured(n_workers) as executor:
            yield executor

    @contextmanager
    def replaced(self, executor: str | BaseExecutor, **config: Any) -> Iterator[None]:
        """Use another executor within a block; `config` are settings of one given by name."""
        created = executor_factory.create(executor, **config) if isinstance(executor, str) else None
        before, self._current = self._current, created or executor  # type: ignore[assignment]
        try:
            yield
        finally:
            self._current = before
            if created is not None:
                created.close()

    def close(self) -> None:
        """Close the executor, unless it was given."""
        if self._is_ours and self._current is not None:
            self._current.close()
            self._current, self._is_ours = None, False
