"""Where the functions of trials run."""

from orion_like.worker.executor.base import AsyncException, AsyncResult, BaseExecutor, Future
from orion_like.worker.executor.factory import default_executor, executor_factory
from orion_like.worker.executor.pool import PoolExecutor
from orion_like.worker.executor.single import SingleExecutor

__all__ = [
    "AsyncException",
    "AsyncResult",
    "BaseExecutor",
    "Future",
    "PoolExecutor",
    "SingleExecutor",
    "default_executor",
    "executor_factory",
]
