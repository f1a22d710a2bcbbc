"""Run what is missing in the store, each package in its own interpreter."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.quality.solvers import package_of
from benchmarks.quality.store import Key, Result, Store
from benchmarks.quality.suites import BUDGETS, SUITES

ROOT = Path(__file__).parents[2]
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def pairs(texts: list[str]) -> list[tuple[str, str]]:
    """Split ``name=value``."""
    for text in texts:
        if "=" not in text:
            raise SystemExit(f"{text!r} must be NAME=VALUE")
    return [(name, value) for name, _, value in (text.partition("=") for text in texts)]


@dataclass(frozen=True)
class Plan:
    """What to run.

    Parameters
    ----------
    suites, solvers
        Their names.
    part
        ``tuning`` or ``reporting``.
    seeds
        The seeds; all problems and solvers have their turn before the next seed.
    budget
        Which of the budgets of the suites: ``small``, ``medium`` or ``large``.
    workers
        Number of simulated workers.
    most_trials
        Budgets of solvers that are too slow for the largest one.
    problems
        Names of the problems; default all of the part.
    """

    suites: list[str]
    solvers: list[str]
    part: str
    seeds: Iterable[int]
    budget: str
    workers: int = 1
    most_trials: Mapping[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def keys(self, versions: Mapping[str, str]) -> list[Key]:
        """Return the keys of all runs, in the order in which they are to be done."""
        found = []
        for seed in self.seeds:
            for suite in self.suites:
                for problem in SUITES[suite].part(self.part):
                    if self.problems and problem not in self.problems:
                        continue
                    for solver in self.solvers:
                        budget = self._budget(suite, problem, solver)
                        if budget:
                            version = versions[solver]
                            key = Key(suite, problem, solver, version, seed, budget, self.workers)
                            found.append(key)
        return found

    def _budget(self, suite: str, problem: str, solver: str) -> int:
        budgets = SUITES[suite].trials(problem)[: BUDGETS.index(self.budget) + 1]
        most = self.most_trials.get(solver, sys.maxsize)
        return max((budget for budget in budgets if budget <= most), default=0)


class Worker:
    """A process that answers jobs, started when first needed and again after it was ended."""

    def __init__(self, python: str, seconds: float) -> None:
        self.python = python
        self.seconds = seconds
        self.process: subprocess.Popen[str] | None = None

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a job; an error when it took too long or the process died."""
        if self.process is None:
            self.process = subprocess.Popen(
                [self.python, "-m", "benchmarks.quality.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD},
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        alarm = threading.Timer(self.seconds, self.process.kill)
        alarm.start()
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            alarm.cancel()
        if not line:
            code = self.process.wait()
            self.process = None
            return {"error": f"process ended with {code}; a job may take {self.seconds:g} s"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def versions(solvers: Iterable[str], pythons: Mapping[str, str]) -> dict[str, str]:
    """Ask each package's interpreter for the versions of solvers."""
    found = {}
    for solver in solvers:
        worker = Worker(pythons.get(package_of(solver), sys.executable), 120)
        answer = worker.answer({"solver": solver})
        worker.close()
        if "error" in answer:
            raise SystemExit(
                f"solver {solver!r} cannot run in {worker.python}: {answer['error']}\n"
                f"(set the interpreter: --peer-python {package_of(solver)}=PATH)"
            )
        found[solver] = str(answer["version"])
    return found


def execute(
    plan: Plan,
    store: Store,
    pythons: Mapping[str, str],
    processes: int = 1,
    seconds: float = 600,
    label: str | None = None,
) -> list[str]:
    """Run what the store lacks of a plan, and return what failed.

    Parameters
    ----------
    plan
        What to run.
    store
        Where results are, and go.
    pythons
        Interpreter of each package; default the one that runs this.
    processes
        How many runs at a time. Default 1.
    seconds
        How long a run may take. Default 600.
    label
        Version to record for solvers of ours, instead of a digest of their code. Default none.
    """
    known = versions(plan.solvers, pythons)
    if label is not None:
        known |= {name: label for name in known if package_of(name) == "orion_like"}
    done = {result.key for result in store}
    keys = [key for key in plan.keys(known) if key not in done]
    jobs: queue.SimpleQueue[Key] = queue.SimpleQueue()
    for key in keys:
        jobs.put(key)
    lock, failures, left = threading.Lock(), [], len(keys)

    def work() -> None:
        nonlocal left
        workers: dict[str, Worker] = {}
        try:
            while True:
                try:
                    key = jobs.get_nowait()
                except queue.Empty:
                    return
                package = package_of(key.solver)
                if package not in workers:
                    workers[package] = Worker(pythons.get(package, sys.executable), seconds)
                answer = workers[package].answer(vars(key))
                with lock:
                    left -= 1
                    if "error" in answer:
                        failures.append(f"{key}: {answer['error']}\n{answer.get('traceback', '')}")
                        print(f"\n{failures[-1]}", file=sys.stderr)
                    else:
                        store.add(Result(key, answer["trace"], answer["seconds"]))
                    print(f"\r{left} runs left, {len(failures)} failed ", end="", flush=True)
        finally:
            for worker in workers.values():
                worker.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print()
    return failures
