"""Trials per second and processor time per trial of a no-op objective, beside peers.

Run it as ``setsid python benchmarks/throughput.py``, with ``--optuna PYTHON`` and ``--orion
PYTHON`` for interpreters that have these installed. All systems take turns in one run; every
figure is the median of whole runs of worker processes on one database with durable writes,
start-up of the interpreters left out. The last two columns show where the disk is the limit: how
often a worker calls ``fsync`` for a trial, and the part of its time that it waits there. What
SQLite and a MongoDB server do is not seen.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from fsyncs import Fsyncs

from orion_like.client import ExperimentClient, build_experiment

SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}
WINDOW = 100  # trials over which the processor time is averaged
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class System:
    """Something to measure.

    Parameters
    ----------
    name
        Row of the table.
    command
        Words that start a worker, before ``create|work URL TRIALS``.
    fresh_url
        Gives the URL of a fresh database.
    trials
        Trials of a run, for systems that would take too long with as many as the others.
    """

    name: str
    command: list[str]
    fresh_url: Callable[[], str]
    trials: int | None = None


@dataclass(frozen=True)
class Run:
    """What a run of all its workers came to.

    Parameters
    ----------
    rate
        Trials per second.
    processor
        Processor milliseconds per trial.
    fsyncs
        Calls of ``fsync`` per trial, as far as they are seen.
    waiting
        Part of the workers' time spent in them, from 0 to 1.
    """

    rate: float
    processor: float
    fsyncs: float
    waiting: float


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
    _ = client.is_done  # read what there is before the clock starts
    print("ready", flush=True)
    sys.stdin.readline()
    fsyncs = Fsyncs()
    before = resource.getrusage(resource.RUSAGE_SELF)
    executed = client.workon(no_op)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = {"executed": executed, "processor": seconds}
    print(json.dumps(report | {"fsyncs": fsyncs.count, "waiting": fsyncs.seconds}), flush=True)


def throughput(system: System, processes: int, trials: int) -> Run:
    """Have so many worker processes do a whole experiment together."""
    url, trials = system.fresh_url(), max(processes, system.trials or trials)
    trials -= trials % processes
    subprocess.run([*system.command, "create", url, str(trials)], check=True)
    workers = [
        subprocess.Popen(
            [*system.command, "work", url, str(trials // processes)],
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
    executed = sum(report["executed"] for report in reports)
    assert executed == trials, f"{system.name}: {executed} trials instead of {trials}"
    return Run(
        trials / elapsed,
        1000 * sum(report["processor"] for report in reports) / trials,
        sum(report["fsyncs"] for report in reports) / trials,
        sum(report["waiting"] for report in reports) / (elapsed * processes),
    )


def cost_along(url: str, algorithm: str, ends: list[int]) -> list[float]:
    """Return processor milliseconds per trial in the windows that end at `ends`."""
    client = create(url, ends[-1], algorithm)
    costs = []
    for end in ends:
        client.workon(no_op, max_trials=end - WINDOW)
        before = time.process_time()
        client.workon(no_op, max_trials=end)
        costs.append(1000 * (time.process_time() - before) / WINDOW)
    return costs


@contextmanager
def fresh_urls(directory: Path, *, with_mongodb: bool) -> Iterator[dict[str, Callable[[], str]]]:
    """Yield, by kind of database, functions that give the URL of a fresh one."""
    count = iter(range(10**6))
    with ExitStack() as stack:
        urls: dict[str, Callable[[], str]] = {
            "file": lambda: str(directory / f"{next(count)}.pkl"),
            "journal": lambda: f"journal:{directory / str(next(count))}.log",
            "sqlite": lambda: f"sqlite:///{directory / str(next(count))}.db",
            "pickled": lambda: f"pickled:{directory / str(next(count))}.pkl",
        }
        if with_mongodb:
            from orion_like.testing.mongod import Mongod

            server = stack.enter_context(Mongod(directory=directory / "mongod"))
            urls["mongodb"] = lambda: server.uri.replace("/?", f"/bench{next(count)}?")
        yield urls


def systems(
    urls: dict[str, Callable[[], str]], optuna: str | None, orion: str | None, slow: int
) -> Iterator[System]:
    """Yield what to measure, as far as it is there; slow systems with so many trials."""
    own = [sys.executable, __file__]
    yield System("orion_like, file", own, urls["file"])
    if optuna:
        worker = [optuna, str(PEERS / "optuna_worker.py")]
        yield System("Optuna, journal file", worker, urls["journal"])
        yield System("Optuna, SQLite", worker, urls["sqlite"], slow)
    if orion:
        worker = [orion, str(PEERS / "orion_worker.py")]
        yield System("Oríon, PickledDB", worker, urls["pickled"], slow)
    if "mongodb" in urls:
        yield System("orion_like, MongoDB", own, urls["mongodb"])
        if orion:
            yield System("Oríon, MongoDB", worker, urls["mongodb"], slow)


def compare(rows: list[System], processes: list[int], trials: int, repetitions: int) -> None:
    """Print the table of throughputs, all systems taking turns."""
    head = "processes  trials/s  processor ms a trial  fsyncs a trial  part of time in them"
    print(f"{'system':22} {head}", flush=True)
    for count in processes:
        runs: dict[str, list[Run]] = {system.name: [] for system in rows}
        for _ in range(repetitions):
            for system in rows:
                runs[system.name].append(throughput(system, count, trials))
        for name, figures in runs.items():
            run = Run(*map(statistics.median, zip(*map(astuple, figures), strict=True)))
            print(
                f"{name:22} {count:9} {run.rate:9.1f} {run.processor:21.2f}"
                f" {run.fsyncs:15.2f} {run.waiting:21.2f}",
                flush=True,
            )


def main() -> None:
    """Run, and print the tables."""
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2])
        return
    if sys.argv[1:2] == ["create"]:
        create(sys.argv[2], int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=200, help="trials of slow peers")
    parser.add_argument("--only", default="", help="measure systems with this in their names")
    parser.add_argument("--ends", nargs="*", type=int, default=[100, 5000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--optuna", metavar="PYTHON")
    parser.add_argument("--orion", metavar="PYTHON")
    parser.add_argument("--no-mongodb", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=".") as directory,
        fresh_urls(Path(directory).resolve(), with_mongodb=not arguments.no_mongodb) as urls,
    ):
        found = systems(urls, arguments.optuna, arguments.orion, arguments.slow)
        rows = [system for system in found if arguments.only in system.name]
        compare(rows, arguments.processes, arguments.trials, arguments.repetitions)
        if not arguments.ends:
            return
        print("\ndatabase  algorithm  " + "  ".join(f"ms at {end}" for end in arguments.ends))
        for name in ("file", "mongodb"):
            for algorithm in ("random", "tpe") if name in urls else ():
                costs = cost_along(urls[name](), algorithm, arguments.ends)
                print(f"{name:9} {algorithm:9}  " + "  ".join(f"{cost:9.2f}" for cost in costs))


if __name__ == "__main__":
    main()
