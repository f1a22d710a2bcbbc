"""Results in a file of JSON lines, to which runs are appended as they end."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Key:
    """What a result is the result of."""

    suite: str
    problem: str
    solver: str
    version: str
    seed: int
    budget: int
    workers: int = 1


@dataclass(frozen=True)
class Result:
    """A run that ended.

    Parameters
    ----------
    key
        What was run.
    trace
        ``(trials, regret, violation)`` of each new incumbent.
    seconds
        Processor time of the solver.
    """

    key: Key
    trace: list[tuple[int, float, float]]
    seconds: float

    def at(self, trials: int) -> tuple[float, float]:
        """Return the violation and the regret of the incumbent after so many trials."""
        reached = (float("inf"), float("inf"))
        for number, regret, violation in self.trace:
            if number <= trials:
                reached = (violation, regret)
        return reached


class Store:
    """The file of results.

    Parameters
    ----------
    path
        Where it is; it is made when the first result is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Result]:
        """Yield the results in the order of the file; a line that a crash cut off is none."""
        if not self.path.exists():
            return
        fields = Key.__dataclass_fields__
        for line in self.path.read_text().splitlines():
            try:
                document = json.loads(line)
            except json.JSONDecodeError:
                continue
            key = Key(**{name: document[name] for name in fields})
            yield Result(key, [tuple(e) for e in document["trace"]], document["seconds"])

    def add(self, result: Result) -> None:
        """Append a result, on a line of its own also after one that was cut off."""
        document: dict[str, Any] = asdict(result.key)
        document |= {"trace": result.trace, "seconds": result.seconds}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
            start = b"" if not size or file.read(1) == b"\n" else b"\n"
            file.write(start + json.dumps(document).encode() + b"\n")
