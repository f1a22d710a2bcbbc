"""Where the functions of trials run."""

from orion_like.worker.executor.base import AsyncException, AsyncResult, BaseExecutor, Future
from orion_like.worker.executor.dask_cluster import DaskExecutor
from orion_like.worker.executor.factory import (
    available_executors,
    default_executor,
    executor_factory,
)
from orion_like.worker.executor.loky_processes import JoblibExecutor
from orion_like.worker.executor.pool import PoolExecutor
from orion_like.worker.executor.ray_cluster import RayExecutor
from orion_like.worker.executor.single import SingleExecutor
from orion_like.worker.executor.threads import ThreadExecutor

__all__ = [
    "AsyncException",
    "AsyncResult",
    "BaseExecutor",
    "DaskExecutor",
    "Future",
    "JoblibExecutor",
    "PoolExecutor",
    "RayExecutor",
    "SingleExecutor",
    "ThreadExecutor",
    "available_executors",
    "default_executor",
    "executor_factory",
]
