"""Hours, or minutes, of disasters on all kinds of database, and whether every promise was kept.

Run it as ``python benchmarks/soak.py --minutes 5``. Rounds of the scenarios follow each other,
each with a seed of its own, until the time is over; a round that fails prints its seed and what
was found, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orion_like.storage.database import PickledDB
from orion_like.testing.chaos import (
    Crew,
    Disaster,
    FlakyProxy,
    ReplicaSet,
    crash,
    skew_clock,
    slow_fsync,
    stall,
)
from orion_like.testing.mongod import Mongod


@dataclass(frozen=True)
class Round:
    """A crew at work, and what will happen to it."""

    crew: Crew
    disasters: Sequence[Disaster]
    every: tuple[int, int] = (3, 20)
    heal: Callable[[], None] = lambda: None  # called before the check


@dataclass
class Tally:
    """What became of the rounds of one scenario."""

    rounds: int = 0
    results: int = 0
    late: int = 0
    disasters: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def crew_on(url: str, directory: Path, trials: int = 1000) -> Crew:
    """Make a crew and its experiment."""
    crew = Crew(url, directory, seconds=(0.0, 0.01), heartbeat=2.0, idle_timeout=120.0)
    crew.create(trials)
    return crew


def compact(path: Path) -> Disaster:
    """Make the disaster, for those who read the file, that it is rewritten."""
    return lambda _: PickledDB(path).compact()


@contextmanager
def file_and_killed_workers(directory: Path, dice: random.Random) -> Iterator[Round]:
    """Kill and stop workers on a file, on a disk of any speed, and rewrite the file."""
    path = directory / "db.pkl"
    with crew_on(str(path), directory) as crew:
        crew.start(4)
        crew.start(4, conditions=(partial(slow_fsync, dice.choice([0.001, 0.01])),))
        yield Round(crew, [crew.kill_one, crew.pause_one, compact(path)])


@contextmanager
def file_and_wrong_clocks(directory: Path, dice: random.Random) -> Iterator[Round]:
    """Kill and stop workers whose clocks differ, on a file."""
    with crew_on(str(directory / "db.pkl"), directory) as crew:
        for _ in range(8):
            crew.start(1, conditions=(partial(skew_clock, dice.uniform(-3600, 3600)),))
        yield Round(crew, [crew.kill_one, crew.pause_one])


@contextmanager
def mongodb_and_killed_workers(directory: Path, dice: random.Random) -> Iterator[Round]:
    """Kill and stop workers, and the server, which is a replica set of one."""
    del dice
    with Mongod(directory=directory / "mongod") as server:
        url = server.uri.replace("/?", "/soak?")
        with crew_on(url, directory) as crew:
            crew.start(8)
            workers: list[Disaster] = [crew.kill_one, crew.pause_one]
            yield Round(crew, [*workers * 3, crash(server), stall(server)])


@contextmanager
def mongodb_and_a_bad_network(directory: Path, dice: random.Random) -> Iterator[Round]:
    """Cut connections anywhere."""
    with Mongod() as server, FlakyProxy(server.port, dice, mean_bytes=200_000) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/soak?directConnection=true"
        with crew_on(url, directory) as crew:
            crew.start(8)
            yield Round(crew, [crew.pause_one, proxy.cut_all], heal=proxy.heal)


@contextmanager
def mongodb_standalone(directory: Path, dice: random.Random) -> Iterator[Round]:
    """Let everything happen to a server that is no replica set, and cannot know repetitions."""
    with Mongod(replica_set=None) as server, FlakyProxy(server.port, dice, 1_000_000) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/soak?directConnection=true"
        with crew_on(url, directory) as crew:
            crew.start(8)
            common: list[Disaster] = [crew.kill_one, crew.pause_one, proxy.cut_all]
            disasters = [*common * 3, crash(server), stall(server)]
            yield Round(crew, disasters, heal=proxy.heal)


@contextmanager
def mongodb_and_fail_overs(directory: Path, dice: random.Random) -> Iterator[Round]:
    """Let primaries step down and crash, and stop workers."""
    del dice
    with ReplicaSet() as servers:
        url = servers.uri.replace("/?", "/soak?")
        with crew_on(url, directory, trials=600) as crew:
            crew.start(6)
            disasters = [servers.step_down, servers.crash_primary, crew.pause_one]
            yield Round(crew, disasters, every=(20, 60))


SCENARIOS = [
    file_and_killed_workers,
    file_and_wrong_clocks,
    mongodb_and_killed_workers,
    mongodb_and_a_bad_network,
    mongodb_standalone,
    mongodb_and_fail_overs,
]


def soak(minutes: float, seed: int, names: list[str]) -> dict[str, Tally]:
    """Run round after round until the time is over."""
    chosen = [scenario for scenario in SCENARIOS if scenario.__name__ in names]
    tallies = {scenario.__name__: Tally() for scenario in chosen}
    end = time.monotonic() + 60 * minutes
    while True:
        for scenario in chosen:
            if time.monotonic() > end:
                return tallies
            tally = tallies[scenario.__name__]
            start = time.monotonic()
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
                dice = random.Random(seed)
                try:
                    with scenario(Path(directory), dice) as what:
                        tally.disasters += what.crew.endure(what.disasters, dice, what.every)
                        what.heal()
                        tally.results += len(what.crew.assert_sound())
                        tally.late += sum(d.outcome == "late" for d in what.crew.journal.read())
                except AssertionError as failure:
                    tally.failures.append(f"{scenario.__name__}, seed {seed}: {failure}")
                    print(tally.failures[-1], flush=True)
            tally.rounds += 1
            tally.seconds += time.monotonic() - start
            seed += 1


def main() -> None:
    """Soak and print a table."""
    names = [scenario.__name__ for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenarios", nargs="+", choices=names, default=names, metavar="NAME")
    arguments = parser.parse_args()

    tallies = soak(arguments.minutes, arguments.seed, arguments.scenarios)

    print(f"{'scenario':28} rounds  results  late  disasters  seconds  unsound")
    for name, tally in tallies.items():
        print(
            f"{name:28} {tally.rounds:6} {tally.results:8} {tally.late:5} {tally.disasters:10}"
            f" {tally.seconds:8.0f} {len(tally.failures):8}"
        )
    sys.exit(1 if any(tally.failures for tally in tallies.values()) else 0)


if __name__ == "__main__":
    main()
