"""One worker process of Oríon on a no-op objective; run by ``benchmarks/throughput.py``."""

from __future__ import annotations

import json
import logging
import resource
import sys
from pathlib import Path
from typing import Any

from orion.client import build_experiment

sys.path.append(str(Path(__file__).parents[1]))

from fsyncs import Fsyncs

SPACE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "loguniform(1e-3, 1)"}


def storage(url: str) -> dict[str, Any]:
    """Return the storage of a URL: ``pickled:PATH``, or one of MongoDB."""
    kind, _, path = url.partition(":")
    database = (
        {"type": "pickleddb", "host": path}
        if kind == "pickled"
        else {"type": "mongodb", "host": url, "name": url.rpartition("/")[2].partition("?")[0]}
    )
    return {"type": "legacy", "database": database}


def _no_op(**_params: float) -> float:
    return 0.0


def main() -> None:
    """Create the experiment, or work on it: ``create|work URL TRIALS``."""
    logging.disable(logging.CRITICAL)
    action, url, trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = build_experiment(
        "bench", space=SPACE, algorithm={"random": {"seed": 1}}, storage=storage(url)
    )
    if action == "create":
        return
    print("ready", flush=True)
    sys.stdin.readline()
    fsyncs = Fsyncs()
    before = resource.getrusage(resource.RUSAGE_SELF)
    executed = client.workon(_no_op, n_workers=1, max_trials_per_worker=trials, idle_timeout=600)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = {"executed": executed, "processor": seconds}
    print(json.dumps(report | {"fsyncs": fsyncs.count, "waiting": fsyncs.seconds}), flush=True)


if __name__ == "__main__":
    main()
