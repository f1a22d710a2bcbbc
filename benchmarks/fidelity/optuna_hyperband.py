"""The same with Optuna's Hyperband pruner; run by an interpreter that has Optuna.

    python -m benchmarks.fidelity.optuna_hyperband SAMPLER CURVES SEEDS WORKERS HORIZON

prints one time a seed. A trial reports after each epoch and ends when the pruner says so; Optuna
does not take a pruned trial up again.
"""

from __future__ import annotations

import json
import math
import sys

import optuna

from benchmarks.fidelity.clock import simulate
from benchmarks.fidelity.curves import BASE, DIMENSIONS, EPOCHS, Curves


class Run:
    """A trial and how far it is."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.x = [trial.suggest_float(f"x{k}", 0, 1) for k in range(DIMENSIONS)]
        self.epoch = 0


def time_to_target(sampler: str, curves: Curves, workers: int, horizon: float) -> float:
    """Return when the target was reached, infinite if it was not before the horizon."""
    samplers = {
        "tpe": optuna.samplers.TPESampler(seed=curves.seed, constant_liar=workers > 1),
        "random": optuna.samplers.RandomSampler(seed=curves.seed),
    }
    study = optuna.create_study(
        study_name=f"seed {curves.seed}",  # the pruner draws brackets by it
        sampler=samplers[sampler],
        pruner=optuna.pruners.HyperbandPruner(1, EPOCHS, BASE),
    )
    best = math.inf

    def start() -> tuple[float, Run]:
        run = Run(study.ask())
        return curves.seconds_per_epoch(run.x), run

    def finish(now: float, run: Run) -> float | None:
        nonlocal best
        del now
        run.epoch += 1
        loss = curves.loss(run.x, run.epoch)
        run.trial.report(loss, run.epoch)
        if run.epoch == EPOCHS:
            study.tell(run.trial, loss)
            best = min(best, curves.final(run.x))
            return None
        if run.trial.should_prune():
            study.tell(run.trial, state=optuna.trial.TrialState.PRUNED)
            return None
        return curves.seconds_per_epoch(run.x)

    for now in simulate(start, finish, workers, horizon):
        if best <= curves.target:
            return now
    return math.inf


def main() -> None:
    """Print the times."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler, name, seeds, workers, horizon = sys.argv[1:]
    for seed in json.loads(seeds):
        curves = Curves(name, seed)
        print(time_to_target(sampler, curves, int(workers), float(horizon)), flush=True)


if __name__ == "__main__":
    main()
