"""Trials per second and processor time per trial of a no-op objective.

Run it as ``setsid python benchmarks/throughput.py``: every figure is of whole worker processes
on one database with durable writes, start-up of the interpreters left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from orion_like.client import ExperimentClient, build_experiment

SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}
WINDOW = 100  # trials over which the processor time is averaged


def no_op(**_params: float) -> float:
    """Cost nothing."""
    return 0.0


def create(url: str, max_trials: int, algorithm: str = "random") -> ExperimentClient:
    """Create the experiment on which all workers of a run work."""
    return build_experiment(
        "bench", space=SPACE, algorithm=algorithm, seed=1, max_trials=max_trials, storage=url
    )


def work(url: str) -> None:
    """Be one worker: wait for the starting signal, work, and print times."""
    client = build_experiment("bench", storage=url)
    client.is_done  # noqa: B018 - read what there is before the clock starts
    print("ready", flush=True)
    sys.stdin.readline()
    before = resource.getrusage(resource.RUSAGE_SELF)
    executed = client.workon(no_op)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"executed": executed, "processor": seconds}), flush=True)


def throughput(url: str, processes: int, trials: int) -> tuple[float, float]:
    """Return trials per second and processor milliseconds per trial of a whole run."""
    create(url, trials)
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, "--work", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    start = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    reports = [json.loads(worker.communicate()[0]) for worker in workers]
    elapsed = time.perf_counter() - start
    assert sum(report["executed"] for report in reports) == trials
    return trials / elapsed, 1000 * sum(report["processor"] for report in reports) / trials


def cost_along(url: str, algorithm: str, ends: list[int]) -> list[float]:
    """Return processor milliseconds per trial in the windows that end at `ends`."""
    client = create(url, ends[-1], algorithm)
    costs, done = [], 0
    for end in ends:
        client.workon(no_op, max_trials=end - WINDOW if end > WINDOW else 0)
        done = client.stats.trials_completed
        before = time.process_time()
        client.workon(no_op, max_trials=end)
        costs.append(1000 * (time.process_time() - before) / (end - done))
    return costs


@contextmanager
def databases(names: list[str]) -> Iterator[dict[str, Callable[[], str]]]:
    """Yield, by name, functions that give the URL of a fresh database."""
    count = iter(range(10**6))
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as directory:
        server_context: Any = nullcontext()
        if "mongodb" in names:
            from orion_like.testing.mongod import Mongod

            server_context = Mongod(directory=Path(directory) / "mongod")
        with server_context as server:
            yield {
                "file": lambda: str(Path(directory) / f"{next(count)}.pkl"),
                "mongodb": lambda: server.uri.replace("/?", f"/bench{next(count)}?"),
            }


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", nargs="+", default=["file", "mongodb"])
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--ends", nargs="+", type=int, default=[100, 5000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    with databases(arguments.databases) as urls:
        print("database  processes  trials/s  processor ms per trial")
        for processes in arguments.processes:
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in arguments.databases}
            for _ in range(arguments.repetitions):
                for name in arguments.databases:
                    runs[name].append(throughput(urls[name](), processes, arguments.trials))
            for name, figures in runs.items():
                rate, cost = (statistics.median(column) for column in zip(*figures, strict=True))
                print(f"{name:9} {processes:9} {rate:9.0f} {cost:10.2f}")
        print("\ndatabase  algorithm  " + "  ".join(f"ms at {end}" for end in arguments.ends))
        for name in arguments.databases:
            for algorithm in ("random", "tpe"):
                costs = cost_along(urls[name](), algorithm, arguments.ends)
                print(f"{name:9} {algorithm:9}  " + "  ".join(f"{cost:9.2f}" for cost in costs))


if __name__ == "__main__":
    main()
