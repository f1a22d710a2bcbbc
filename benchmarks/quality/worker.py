"""A process that runs jobs of one package: a line of JSON in, a line of JSON out.

Run by the interpreter where the package of the solver is installed. It says the version of the
solver first: ``{"version": …}`` answers ``{"solver": …}``.
"""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from benchmarks.quality.run import run
from benchmarks.quality.solvers import creator, version
from benchmarks.quality.suites import SUITES


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Return the version of a solver, or what came of a run, or the error."""
    try:
        create = creator(job["solver"])
        if "problem" not in job:
            return {"version": version(job["solver"])}
        problem = SUITES[job["suite"]].problems[job["problem"]](job["seed"])
        done = run(create, problem, job["seed"], job["budget"], job["workers"])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    trace = [[number, float(f"{r:.6g}"), float(f"{v:.4g}")] for number, r, v in done.trace]
    return {"trace": trace, "seconds": round(done.seconds, 3)}


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # solvers print what they like
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
