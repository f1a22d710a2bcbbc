"""One worker process of Optuna on a no-op objective; run by ``benchmarks/throughput.py``."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

sys.path.append(str(Path(__file__).parents[1]))

from fsyncs import Fsyncs


def storage(url: str) -> str | JournalStorage:
    """Return the storage of a URL: ``journal:PATH``, or one of a relational database."""
    kind, _, path = url.partition(":")
    return JournalStorage(JournalFileBackend(path)) if kind == "journal" else url


def no_op(trial: optuna.Trial) -> float:
    """Draw three parameters and cost nothing."""
    trial.suggest_float("x", 0, 1)
    trial.suggest_float("y", 0, 1)
    trial.suggest_float("z", 1e-3, 1, log=True)
    return 0.0


def main() -> None:
    """Create the study, or work on it: ``create|work URL TRIALS``."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    action, url, trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if action == "create":
        optuna.create_study(storage=storage(url), study_name="bench")
        return
    sampler = optuna.samplers.RandomSampler()
    study = optuna.load_study(storage=storage(url), study_name="bench", sampler=sampler)
    print("ready", flush=True)
    sys.stdin.readline()
    fsyncs = Fsyncs()
    before = resource.getrusage(resource.RUSAGE_SELF)
    # Its callback for a total of trials overshoots, so the budget is split by hand.
    study.optimize(no_op, n_trials=trials)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = {"executed": trials, "processor": seconds}
    print(json.dumps(report | {"fsyncs": fsyncs.count, "waiting": fsyncs.seconds}), flush=True)


if __name__ == "__main__":
    main()
