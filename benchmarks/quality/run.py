"""One run of a solver on a problem, with simulated workers."""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.quality.problem import Evaluation, Problem
from benchmarks.quality.solvers import Create


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Parameters
    ----------
    trace
        ``(trials, regret, violation)`` whenever there was a new incumbent, chosen by what the
        solver was told. The regret is without noise; the violation is 0 when feasible.
    seconds
        Processor time of the solver, without the evaluations.
    """

    trace: list[tuple[int, float, float]]
    seconds: float


def run(create: Create, problem: Problem, seed: int, trials: int, workers: int = 1) -> Run:
    """Run a solver for a number of trials.

    With several workers, trials take times of their own, half to one and a half of the
    duration, and the next one starts when any of them ends.
    """
    rng = np.random.default_rng([seed, trials])
    began = time.process_time()
    solver = create(problem, seed, trials, workers)
    seconds = time.process_time() - began
    running: list[tuple[float, int, Any, Any, Evaluation]] = []
    trace: list[tuple[int, float, float]] = []
    best = (math.inf, math.inf)
    clock, started = 0.0, 0
    for done in range(1, trials + 1):
        began = time.process_time()
        while len(running) < workers and started < trials:
            asked = solver.ask()
            if asked is None:
                break
            token, params = asked
            paused = time.process_time()
            evaluation = problem.evaluate(params, rng)
            end = clock + evaluation.duration * (rng.uniform(0.5, 1.5) if workers > 1 else 1)
            heapq.heappush(running, (end, started, token, params, evaluation))
            started += 1
            began += time.process_time() - paused
        if not running:
            break
        clock, _, token, params, evaluation = heapq.heappop(running)
        solver.tell(token, params, evaluation)
        seconds += time.process_time() - began
        judged = (evaluation.violation, evaluation.objective)
        if judged[0] < math.inf and judged < best:
            best = judged
            trace.append((done, evaluation.true - problem.lowest, evaluation.violation))
    return Run(trace, seconds)
