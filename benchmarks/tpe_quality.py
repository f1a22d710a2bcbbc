"""Compare the regret of tpe with that of other algorithms, and of Optuna's TPE if installed.

    python benchmarks/tpe_quality.py --seeds 20 --trials 100 --against optuna

For each function: the geometric mean over seeds of the regret of the incumbent after half and
after all of the trials, divided by that of the other algorithm in the same run. Below 1, tpe is
better. Optuna is no dependency of this project; install it where this script runs.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from orion_like.algo import create_algorithm
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, make_trial

Params = dict[str, Any]
Ask = Callable[[], tuple[Any, Params]]
Tell = Callable[[Any, float, Params], None]

SMALLEST_REGRET = 1e-3  # differences below are of no interest


@dataclass(frozen=True)
class Task:
    """A function to minimize: what to subtract for its regret, and the noise on observations."""

    priors: dict[str, str]
    function: Callable[[Params], float]
    lowest: float = 0.0
    noise: float = 0.0


def box(dimensions: int, low: float, high: float) -> dict[str, str]:
    return {f"x{i}": f"uniform({low}, {high})" for i in range(dimensions)}


def on_vector(function: Callable[[Any], float]) -> Callable[[Params], float]:
    return lambda params: float(function(np.array([params[f"x{i}"] for i in range(len(params))])))


# --- functions --------------------------------------------------------------------------------


def branin(x: Any) -> float:
    bowl = (x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10 - 0.397887


HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(x: Any) -> float:
    weights = np.array([1, 1.2, 3, 3.2])
    return 3.32237 - float(weights @ np.exp(-(HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)))


def rosenbrock(x: Any) -> float:
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def ackley(x: Any) -> float:
    x = x - 3.3
    waves = np.exp(np.cos(2 * np.pi * x).mean())
    return float(-20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - waves + 20 + np.e)


def levy(x: Any) -> float:
    w = 1 + (x - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle + last)


def styblinski(x: Any) -> float:
    return float(0.5 * (x**4 - 16 * x**2 + 5 * x).sum() + 39.16599 * len(x))


def corner(x: Any) -> float:
    return float(x.sum() + 0.3 * (x[0] - x[1]) ** 2 + x[2] * x[3])


ROTATION = np.linalg.qr(np.random.default_rng(7).standard_normal((6, 6)))[0]


def ellipsoid(x: Any) -> float:
    z = ROTATION @ (x - 0.7)
    return float((10 ** (np.arange(6) * 0.5) * z * z).sum())


def rastrigin(x: Any) -> float:
    x = x - 0.9
    return float(10 * len(x) + (x * x - 10 * np.cos(2 * np.pi * x)).sum())


SHEKEL_DIAGONAL = [(4, 4), (1, 1), (8, 8), (6, 6), (3, 7), (2, 9)]
SHEKEL_A = np.array(
    [2 * pair for pair in SHEKEL_DIAGONAL]
    + [(5, 5, 3, 3), (8, 1, 8, 1), (6, 2, 6, 2), (7, 3.6, 7, 3.6)]
)
SHEKEL_C = np.array([0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.3, 0.7, 0.5, 0.5])


def shekel(x: Any) -> float:
    return 10.5363 - float((1 / (((x - SHEKEL_A) ** 2).sum(axis=1) + SHEKEL_C)).sum())


SINGLE_COSTS = np.random.default_rng(3).random((8, 5))
PAIR_COSTS = np.random.default_rng(4).random((8, 5, 5)) * 0.5


def categories(params: Params) -> float:
    c = [params[f"c{i}"] for i in range(8)]
    pairs = sum(PAIR_COSTS[i, c[i], c[(i + 1) % 8]] for i in range(8))
    return float(sum(SINGLE_COSTS[i, c[i]] for i in range(8)) + pairs)


INTEGER_RANGES = np.array([8, 30, 64, 10, 100, 12])


def integers(params: Params) -> float:
    n = np.array([params[f"n{i}"] for i in range(6)])
    z = (n - np.array([3, 17, 42, 7, 60, 11])) / INTEGER_RANGES
    return float((z * z).sum() + 0.5 * abs(z[0] * z[1]) + 0.5 * abs(z[2] - z[3]))


def network(params: Params) -> float:
    """Resemble the tuning of a network: logarithms, integers, categories that interact."""
    best_rate, cost = {"sgd": (-1.5, 0.15), "adam": (-3, 0), "rms": (-3.4, 0.1)}[params["opt"]]
    cost += {"relu": 0, "tanh": 0.3, "gelu": 0.1, "sigmoid": 0.8}[params["act"]]
    cost += 0.5 * (math.log10(params["lr"]) - best_rate) ** 2 + 0.08 * abs(params["depth"] - 5)
    return (
        cost + 0.06 * (math.log2(params["width"]) - 7.3) ** 2 + 1.5 * (params["drop"] - 0.23) ** 2
    )


def models(params: Params) -> float:
    """Resemble the choice of a model, each with parameters of its own."""
    if params["model"] == "svm":
        log_c, log_gamma = math.log10(params["c"]), math.log10(params["gamma"])
        return 0.15 + 0.15 * (log_c - 1) ** 2 + 0.1 * (log_gamma + 2) ** 2
    if params["model"] == "forest":
        cost = 0.002 * abs(params["trees"] - 140) + 0.01 * abs(params["depth"] - 11)
        return 0.12 + cost + 0.3 * (params["share"] - 0.4) ** 2
    return 0.3 + 0.1 * abs(math.log10(params["ridge"]))


TASKS: dict[str, Task] = {
    "branin": Task({"x0": "uniform(-5, 10)", "x1": "uniform(0, 15)"}, on_vector(branin)),
    "hartmann6": Task(box(6, 0, 1), on_vector(hartmann)),
    "rosenbrock2": Task({"x0": "uniform(-2, 2)", "x1": "uniform(-1, 3)"}, on_vector(rosenbrock)),
    "rosenbrock4": Task(box(4, -2, 2), on_vector(rosenbrock)),
    "ackley5 noisy": Task(box(5, -15, 15), on_vector(ackley), noise=0.5),
    "levy5": Task(box(5, -10, 10), on_vector(levy)),
    "styblinski8": Task(box(8, -5, 5), on_vector(styblinski)),
    "corner6": Task(box(6, 0, 1), on_vector(corner)),
    "ellipsoid6": Task(box(6, -5, 5), on_vector(ellipsoid)),
    "rastrigin4": Task(box(4, -5, 5), on_vector(rastrigin)),
    "shekel": Task(box(4, 0, 10), on_vector(shekel)),
    "categories8": Task(
        {f"c{i}": "choices([0, 1, 2, 3, 4])" for i in range(8)}, categories, 2.473, noise=0.1
    ),
    "integers6": Task(
        {f"n{i}": f"uniform(0, {high}, discrete=True)" for i, high in enumerate(INTEGER_RANGES)},
        integers,
        noise=0.02,
    ),
    "network": Task(
        {
            "lr": "loguniform(1e-6, 1)",
            "width": "loguniform(8, 1024, discrete=True)",
            "depth": "uniform(1, 12, discrete=True)",
            "act": "choices(['relu', 'tanh', 'gelu', 'sigmoid'])",
            "opt": "choices(['sgd', 'adam', 'rms'])",
            "drop": "uniform(0, 0.9)",
        },
        network,
        noise=0.02,
    ),
    "models": Task(
        {
            "model": "choices(['svm', 'forest', 'ridge'])",
            "c": "loguniform(1e-4, 1e4) if model == 'svm'",
            "gamma": "loguniform(1e-6, 10) if model == 'svm'",
            "trees": "uniform(10, 500, discrete=True) if model == 'forest'",
            "share": "uniform(0.05, 1) if model == 'forest'",
            "depth": "uniform(1, 30, discrete=True) if model == 'forest'",
            "ridge": "loguniform(1e-4, 1e4) if model == 'ridge'",
        },
        models,
        0.12,
    ),
}


# --- optimisers -------------------------------------------------------------------------------


def ours(algorithm: str, task: Task, seed: int) -> tuple[Ask, Tell]:
    space = build_space(task.priors)
    running = create_algorithm(algorithm, space, seed=seed)
    numbers = iter(range(10**9))

    def ask() -> tuple[Any, Params]:
        number = next(numbers)
        params = running.suggest(running.problem.stream(number), number)
        running.observe([make_trial(space, params, number)])
        return number, params

    def tell(number: int, value: float, params: Params) -> None:
        running.observe([completed(space, params, number, value)])

    return ask, tell


def optuna_tpe(task: Task, seed: int) -> tuple[Ask, Tell]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = build_space(task.priors)
    sampler = optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=space.is_conditional, constant_liar=True
    )
    study = optuna.create_study(sampler=sampler)

    def ask() -> tuple[Any, Params]:
        trial, params = study.ask(), {}
        for dimension in sorted(space.values(), key=lambda d: d.condition is not None):
            if dimension.name in space.active(params):
                params[dimension.name] = _suggested(trial, dimension)
        return trial, params

    return ask, lambda trial, value, _: study.tell(trial, value)


def _suggested(trial: Any, dimension: Any) -> Any:
    if dimension.type == "categorical":
        return trial.suggest_categorical(dimension.name, list(dimension.categories))
    low, high = dimension.interval()
    log = "reciprocal" in dimension.prior_name
    suggest = trial.suggest_int if dimension.type == "integer" else trial.suggest_float
    return suggest(dimension.name, low, high, log=log)


def optimiser(name: str, task: Task, seed: int) -> tuple[Ask, Tell]:
    return optuna_tpe(task, seed) if name == "optuna" else ours(name, task, seed)


# --- measuring --------------------------------------------------------------------------------


def incumbents(name: str, task: Task, seed: int, n_trials: int, workers: int) -> Iterator[float]:
    """Yield the regret of the trial that was observed to be best, after each trial."""
    ask, tell = optimiser(name, task, seed)
    noise = np.random.default_rng(seed)
    running: list[tuple[Any, Params]] = []
    best = (math.inf, math.inf)
    for done in range(n_trials):
        while len(running) < min(workers, n_trials - done):
            running.append(ask())
        token, params = running.pop(int(noise.integers(len(running))))
        regret = task.function(params) - task.lowest
        observed = regret + task.noise * noise.standard_normal()
        tell(token, observed, params)
        best = min(best, (observed, regret))
        yield max(best[1], SMALLEST_REGRET)


def log_regrets(name: str, task: Task, options: argparse.Namespace) -> Any:
    """Return the mean logarithm of the regret after half and after all of the trials."""
    runs = [
        list(incumbents(name, task, seed, options.trials, options.workers))
        for seed in range(options.seeds)
    ]
    at = [options.trials // 2 - 1, options.trials - 1]
    return np.log(np.array(runs)[:, at]).mean(axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1, help="trials that run at a time")
    parser.add_argument("--against", default="random", help="random, sobol, … or optuna")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    options = parser.parse_args()
    half, whole = options.trials // 2, options.trials
    print(f"{'regret of tpe ÷ ' + options.against:32}{half:>8}{whole:>8} trials")
    ratios = []
    for name in options.tasks:
        mine, other = (log_regrets(n, TASKS[name], options) for n in ("tpe", options.against))
        ratios.append(mine - other)
        print(f"{name:32}{np.exp(ratios[-1])[0]:8.2f}{np.exp(ratios[-1])[1]:8.2f}", flush=True)
    mean = np.exp(np.mean(ratios, axis=0))
    print(f"{'geometric mean':32}{mean[0]:8.2f}{mean[1]:8.2f}")


if __name__ == "__main__":
    main()
