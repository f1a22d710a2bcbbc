"""What large databases cost: time to open, first suggestion, commands, memory, cost of a trial.

Run it as ``setsid python benchmarks/scale.py``. Every figure is the median of fresh processes,
as seconds by the clock and, in parentheses, processor seconds of that process (the server's own
are not in it). Commands are timed whole, with the start of the interpreter; the others without.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from orion_like.client import build_experiment
from orion_like.storage import Storage, setup_storage
from orion_like.trial import Trial

SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
BATCH = 1000  # trials stored in one write
WINDOW = 100  # trials over which the cost of one is averaged
NAME = "experiment-0"
COMMANDS = {"status": ["status"], "list": ["list"], "info": ["info", "-n", NAME]}

Times = tuple[float, float]  # by the clock, and of the processor


# --- filling ------------------------------------------------------------------------------------


def fill(url: str, experiments: int, trials: int) -> None:
    """Make experiments with so many trials each, most of them completed."""
    storage = setup_storage(url)
    for number in range(experiments):
        client = build_experiment(
            f"experiment-{number}",
            space=SPACE,
            algorithm="random",
            seed=1,
            max_broken=10**6,
            storage=storage,
        )
        for start in range(0, trials, BATCH):
            numbers = range(start, min(start + BATCH, trials))
            storage.register_trials([past_trial(client.id, number) for number in numbers])
        storage.update_experiment(client.id, next_number=trials)
    storage.close()


def past_trial(experiment: Any, number: int) -> Trial:
    """Return a trial that a worker has finished."""
    draw = random.Random(number)
    began = START + timedelta(seconds=number)
    ended = began + timedelta(seconds=draw.uniform(1, 100))
    broken = number % 100 == 99
    result = {"name": "objective", "type": "objective", "value": draw.random()}
    return Trial(
        experiment=experiment,
        number=number,
        params=[{"name": name, "type": "real", "value": draw.random()} for name in SPACE],
        status="broken" if broken else "completed",
        results=[] if broken else [result],
        reason="exit code 1" if broken else None,
        worker=f"node-{number % 8}.0f3a9c1d-{4000 + number % 8}-9b1f6a2e",
        attempt=1,
        submit_time=began,
        start_time=began,
        end_time=ended,
        heartbeat=ended,
    )


# --- measuring ----------------------------------------------------------------------------------


def probe(url: str) -> None:
    """Be a worker that comes to the database, and print what that costs."""
    report: dict[str, Any] = {}
    with timed(report, "open"):
        storage: Storage = setup_storage(url)
        storage.fetch_experiment(NAME)
    with timed(report, "first suggest"):
        client = build_experiment(NAME, storage=storage)
        trial = client.suggest()
    report["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    client.observe(trial, 0.0)
    with timed(report, "trials"):
        for _ in range(WINDOW):
            client.observe(client.suggest(), 0.0)
    print(json.dumps(report))


@contextmanager
def timed(report: dict[str, Any], name: str) -> Iterator[None]:
    """Add the time of a block to the report."""
    clock, processor = time.perf_counter(), time.process_time()
    yield
    report[name] = (time.perf_counter() - clock, time.process_time() - processor)


def command(words: list[str], url: str) -> Times:
    """Run a command of the program in a fresh process."""
    program = [sys.executable, "-m", "orion_like", *words, "--storage", url]
    clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - clock, processor


def measure(url: str, repetitions: int) -> dict[str, Any]:
    """Return the medians of all figures."""
    runs = []
    for _ in range(repetitions):
        run = json.loads(
            subprocess.run(
                [sys.executable, __file__, "probe", url], check=True, capture_output=True
            ).stdout
        )
        runs.append(run | {name: command(words, url) for name, words in COMMANDS.items()})
    return {name: median([run[name] for run in runs]) for name in runs[0]}


def median(figures: list[Any]) -> Any:
    """Return the median of numbers, or of each column of tuples of them."""
    if isinstance(figures[0], int):
        return statistics.median(figures)
    return tuple(statistics.median(column) for column in zip(*figures, strict=True))


# --- showing ------------------------------------------------------------------------------------


def table(fresh_url: Callable[[], str], name: str, sizes: list[tuple[int, int]], n: int) -> None:
    """Fill databases of some sizes, and print a line for each."""
    empty = fresh_url()
    fill(empty, 1, 1)
    smallest = measure(empty, n)["memory"]
    for experiments, trials in sizes:
        url = fresh_url()
        fill(url, experiments, trials)
        found = measure(url, n)
        per_trial = (found["memory"] - smallest) / (experiments * trials)
        cells = [cell(found[key]) for key in ("open", "first suggest", *COMMANDS)]
        cost = 1000 * found["trials"][1] / WINDOW
        print(
            f"{name:8} {experiments:11,} {trials:9,}  {'  '.join(cells)}"
            f"  {per_trial:11.2f}  {cost:9.2f}",
            flush=True,
        )


def cell(times: Times) -> str:
    """Return a time as it stands in the table."""
    return f"{times[0]:6.2f} ({times[1]:5.2f})"


def main() -> None:
    """Run, and print the table."""
    if sys.argv[1:2] == ["probe"]:
        probe(sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--experiments", type=int, default=1_000, help="with ten trials each")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--no-mongodb", action="store_true")
    arguments = parser.parse_args()
    sizes = [(1, trials) for trials in arguments.trials] + [(arguments.experiments, 10)]
    heads = [f"{head:>14}" for head in ("open", "first suggest", *COMMANDS)]
    print(f"database experiments    trials  {'  '.join(heads)}  KB a trial  ms a trial")
    with tempfile.TemporaryDirectory(dir=".") as name:
        directory, count = Path(name).resolve(), iter(range(1000))
        table(lambda: str(directory / f"{next(count)}.pkl"), "file", sizes, arguments.repetitions)
        if not arguments.no_mongodb:
            from orion_like.testing.mongod import Mongod

            with Mongod(directory=directory / "mongod") as server:
                table(
                    lambda: server.uri.replace("/?", f"/scale{next(count)}?"),
                    "MongoDB",
                    sizes,
                    arguments.repetitions,
                )


if __name__ == "__main__":
    main()
