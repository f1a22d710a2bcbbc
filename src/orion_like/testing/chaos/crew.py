"""Worker processes on one experiment, and disasters that strike at random moments."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import Any, Final

from orion_like.client import build_experiment
from orion_like.storage import setup_storage
from orion_like.testing.chaos.journal import Journal
from orion_like.testing.chaos.soundness import assert_sound
from orion_like.testing.chaos.worker import SPACE, Assignment, work
from orion_like.trial import Trial

Disaster = Callable[[random.Random], Any]
"""What may happen to a run; it draws what it needs from the generator."""

_LOOK: Final = 0.002  # seconds between looks at the journal
_PATIENCE: Final = 120.0  # seconds without any progress after which a run has failed

# Workers are forked from a clean process that has imported everything once.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["__main__", "pymongo", __name__])


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process (SIGSTOP) for as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Worker:
    """One worker process.

    Parameters
    ----------
    assignment
        What it does.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._output = Path(assignment.output)
        self._process = _processes.Process(target=work, args=(assignment,))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def sentinel(self) -> int:
        """What `multiprocessing.connection.wait` can wait for."""
        return self._process.sentinel

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    @property
    def output(self) -> str:
        """What it printed."""
        return self._output.read_text() if self._output.exists() else ""

    def kill(self) -> None:
        """Kill it (SIGKILL) and return when it is gone."""
        self._process.kill()
        self._process.join()

    def wait(self, timeout: float = _PATIENCE) -> int:
        """Return its exit code when it has ended.

        Raises
        ------
        AssertionError
            If it has not after `timeout` seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise AssertionError(f"worker {self.pid} did not end in {timeout:g} s:\n{self.output}")
        return self._process.exitcode


class Crew:
    """Workers on one experiment, all of whose results are noted in a journal.

    Parameters
    ----------
    url
        The storage: the path of a file, or a URL.
    directory
        Where to keep the journal and what the workers print.
    experiment
        Name of the experiment. Default ``'chaos'``.
    **assignment
        Further fields of :class:`Assignment`.

    Examples
    --------
    >>> with Crew("chaos.pkl", ".") as crew:  # doctest: +SKIP
    ...     crew.create(max_trials=300)
    ...     crew.start(6)
    ...     crew.endure([crew.kill_one, crew.pause_one], random.Random(1))
    ...     crew.assert_sound()
    """

    def __init__(
        self,
        url: str,
        directory: str | os.PathLike[str],
        experiment: str = "chaos",
        **assignment: Any,
    ) -> None:
        # Workers have working directories of their own.
        self.url = url if "://" in url else str(Path(url).absolute())
        self.experiment = experiment
        self._directory = Path(directory).absolute()
        self.journal = Journal(self._directory / "journal.jsonl")
        self._assignment = Assignment(
            self.url, experiment, str(self.journal.path), "", **assignment
        )
        self.workers: list[Worker] = []
        self._started = 0

    def create(self, max_trials: int, **settings: Any) -> None:
        """Create the experiment: random search in three dimensions, unless told otherwise."""
        settings = {"space": SPACE, "algorithm": "random", "seed": 5, **settings}
        client = build_experiment(
            self.experiment, max_trials=max_trials, storage=self.url, **settings
        )
        client.close()
        client.storage.close()

    def start(self, count: int = 1, **changes: Any) -> list[Worker]:
        """Start workers, whose assignment may differ from the crew's, and return them."""
        return [self._start(replace(self._assignment, **changes)) for _ in range(count)]

    def _start(self, assignment: Assignment) -> Worker:
        self._started += 1
        output = str(self._directory / f"worker-{self._started}.txt")
        worker = Worker(replace(assignment, output=output))
        self.workers.append(worker)
        return worker

    # --- disasters ------------------------------------------------------------------------------

    def kill_one(self, dice: random.Random) -> None:
        """Kill a worker (SIGKILL) and start another in its place."""
        victim = dice.choice([worker for worker in self.workers if worker.is_alive] or [None])
        if victim is not None:
            self.workers.remove(victim)
            victim.kill()
            self.start()

    def pause_one(self, dice: random.Random, longest: float = 0.5) -> None:
        """Stop a worker (SIGSTOP) for up to `longest` seconds, and let it go on."""
        victim = dice.choice([worker for worker in self.workers if worker.is_alive] or [None])
        if victim is not None:
            with paused(victim.pid):
                self._wait(dice.uniform(0, longest), [w for w in self.workers if w is not victim])

    def endure(
        self,
        disasters: Sequence[Disaster],
        dice: random.Random,
        every: tuple[int, int] = (5, 30),
        at_most: int = 1000,
    ) -> int:
        """Let disasters strike until the experiment is done; return how many did.

        Their moments are set by the progress of the experiment and not by the time, so that
        a fast machine sees as many of them as a slow one.

        Parameters
        ----------
        disasters
            One of them strikes at a time, drawn anew each time.
        dice
            Decides what happens and when.
        every
            The least and the most results between two disasters.
        at_most
            How many disasters there may be.

        Raises
        ------
        AssertionError
            If a worker failed, or nothing went on for too long.
        """
        struck = 0
        while struck < at_most and self._progress(dice.randint(*every)):
            time.sleep(dice.uniform(0, 0.02))  # anywhere in the course of a trial
            dice.choice(disasters)(dice)
            struck += 1
        self.finish()
        return struck

    def _progress(self, results: int) -> bool:
        """Wait for so many more results; return whether there are still workers then."""
        goal = len(self.journal) + results
        while len(self.journal) < goal:
            if not self._wait(_LOOK, self.workers):
                return False
            self._check_patience()
        return True

    def _check_patience(self) -> None:
        silence = time.time() - self.journal.path.stat().st_mtime
        if silence > _PATIENCE:
            outputs = "\n".join(worker.output for worker in self.workers)
            raise AssertionError(f"no results for {silence:.0f} s; workers said:\n{outputs}")

    @staticmethod
    def _wait(seconds: float, workers: Sequence[Worker]) -> bool:
        """Wait until all have ended, at most so long; return whether some have not."""
        deadline = time.monotonic() + seconds
        running = [worker for worker in workers if worker.is_alive]
        while running and (left := deadline - time.monotonic()) > 0:
            wait_for_any([worker.sentinel for worker in running], left)
            running = [worker for worker in running if worker.is_alive]
        return bool(running)

    # --- the end --------------------------------------------------------------------------------

    def finish(self) -> None:
        """Wait for all workers to end by themselves.

        Raises
        ------
        AssertionError
            If one failed.
        """
        for worker in self.workers:
            code = worker.wait()
            assert code == 0, f"a worker ended with exit code {code}:\n{worker.output}"

    def assert_sound(self, *, finished: bool = True) -> list[Trial]:
        """Check the experiment in its storage, opened anew; return its trials."""
        storage = setup_storage(self.url)
        try:
            return assert_sound(storage, self.experiment, self.journal, finished=finished)
        finally:
            storage.close()

    def close(self) -> None:
        """Kill all workers at once."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
