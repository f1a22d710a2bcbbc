"""Classical test functions, of numbers, integers, categories and conditions.

Unless said otherwise as collected by Jamil and Yang, *A literature survey of benchmark functions
for global optimization problems*, International Journal of Mathematical Modelling and Numerical
Optimisation 4 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.quality.problem import (
    Dimension,
    Params,
    Problem,
    deterministic,
    usual_regret,
)
from benchmarks.quality.wrappers import infeasible, noisy, permuted, shifted

# --- functions of vectors ---------------------------------------------------------------------


def branin(x: Any) -> float:
    bowl = (x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6) ** 2
    return float(bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10)


HARTMANN_6_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_6_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
HARTMANN_3_A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
HARTMANN_3_P = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
HARTMANN_WEIGHTS = np.array([1, 1.2, 3, 3.2])


def hartmann6(x: Any) -> float:
    distances = (HARTMANN_6_A * (x - HARTMANN_6_P) ** 2).sum(axis=1)
    return -float(HARTMANN_WEIGHTS @ np.exp(-distances))


def hartmann3(x: Any) -> float:
    distances = (HARTMANN_3_A * (x - HARTMANN_3_P) ** 2).sum(axis=1)
    return -float(HARTMANN_WEIGHTS @ np.exp(-distances))


def rosenbrock(x: Any) -> float:
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def ackley(x: Any) -> float:
    waves = np.exp(np.cos(2 * np.pi * x).mean())
    return float(-20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - waves + 20 + np.e)


def levy(x: Any) -> float:
    w = 1 + (x - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle + last)


def styblinski(x: Any) -> float:
    return float(0.5 * (x**4 - 16 * x**2 + 5 * x).sum())


def corner(x: Any) -> float:
    """Have the minimum in a corner of the unit cube."""
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
    return -float((1 / (((x - SHEKEL_A) ** 2).sum(axis=1) + SHEKEL_C)).sum())


def six_hump_camel(x: Any) -> float:
    a, b = x
    return float((4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (4 * b**2 - 4) * b**2)


def goldstein_price(x: Any) -> float:
    """Return the logarithm, as usual, since values span five powers of ten."""
    a, b = x
    first = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    inner = 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
    return math.log(first * (30 + (2 * a - 3 * b) ** 2 * inner))


def drop_wave(x: Any) -> float:
    square = float(x @ x)
    return -(1 + math.cos(12 * math.sqrt(square))) / (0.5 * square + 2)


def beale(x: Any) -> float:
    a, b = x
    terms = (1.5 - a + a * b, 2.25 - a + a * b**2, 2.625 - a + a * b**3)
    return float(sum(term**2 for term in terms))


def powell(x: Any) -> float:
    a, b, c, d = x
    return float((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4)


def zakharov(x: Any) -> float:
    weighted = float((0.5 * np.arange(1, len(x) + 1) * x).sum())
    return float((x**2).sum()) + weighted**2 + weighted**4


def dixon_price(x: Any) -> float:
    i = np.arange(2, len(x) + 1)
    return float((x[0] - 1) ** 2 + (i * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum())


def michalewicz(x: Any) -> float:
    i = np.arange(1, len(x) + 1)
    return -float((np.sin(x) * np.sin(i * x**2 / np.pi) ** 20).sum())


def griewank(x: Any) -> float:
    i = np.arange(1, len(x) + 1)
    return float(1 + (x**2).sum() / 4000 - np.cos(x / np.sqrt(i)).prod())


def trid(x: Any) -> float:
    return float(((x - 1) ** 2).sum() - (x[1:] * x[:-1]).sum())


# --- functions of categories, integers and conditions -----------------------------------------

SINGLE_COSTS = np.random.default_rng(3).random((8, 5))
PAIR_COSTS = np.random.default_rng(4).random((8, 5, 5)) * 0.5


def categories(params: Params) -> float:
    """Sum costs of single categories and of neighbours."""
    c = [params[f"c{i}"] for i in range(8)]
    pairs = sum(PAIR_COSTS[i, c[i], c[(i + 1) % 8]] for i in range(8))
    return float(sum(SINGLE_COSTS[i, c[i]] for i in range(8)) + pairs)


INTEGER_RANGES = (8, 30, 64, 10, 100, 12)
INTEGER_BEST = (3, 17, 42, 7, 60, 11)


def integers(params: Params) -> float:
    n = np.array([params[f"n{i}"] for i in range(6)])
    z = (n - np.array(INTEGER_BEST)) / np.array(INTEGER_RANGES)
    return float((z * z).sum() + 0.5 * abs(z[0] * z[1]) + 0.5 * abs(z[2] - z[3]))


def network(params: Params) -> float:
    """Resemble the tuning of a network: logarithms, integers, categories that interact."""
    best_rate, cost = {"sgd": (-1.5, 0.15), "adam": (-3, 0), "rms": (-3.4, 0.1)}[params["opt"]]
    cost += {"relu": 0, "tanh": 0.3, "gelu": 0.1, "sigmoid": 0.8}[params["act"]]
    cost += 0.5 * (math.log10(params["lr"]) - best_rate) ** 2 + 0.08 * abs(params["depth"] - 5)
    width = 0.06 * (math.log2(params["width"]) - 7) ** 2
    return float(cost + width + 1.5 * (params["drop"] - 0.23) ** 2)


def models(params: Params) -> float:
    """Resemble the choice of a model, each with parameters of its own."""
    if params["model"] == "svm":
        log_c, log_gamma = math.log10(params["c"]), math.log10(params["gamma"])
        return 0.15 + 0.15 * (log_c - 1) ** 2 + 0.1 * (log_gamma + 2) ** 2
    if params["model"] == "forest":
        cost = 0.002 * abs(params["trees"] - 140) + 0.01 * abs(params["depth"] - 11)
        return float(0.12 + cost + 0.3 * (params["share"] - 0.4) ** 2)
    return 0.3 + 0.1 * abs(math.log10(params["ridge"]))


def pipeline(params: Params) -> float:
    """Resemble a pipeline whose steps have parameters of their own, and that interact."""
    log_rate = math.log10(params["rate"])
    cost = 0.2 + 0.1 * (log_rate + 2 + (0.5 if params["scale"] == "none" else 0)) ** 2
    if params["reduce"] == "pca":
        cost += 0.02 * abs(params["parts"] - 12) - 0.05
    elif params["reduce"] == "select":
        cost += 0.3 * (params["keep"] - 0.6) ** 2 - 0.02
    return float(cost + {"none": 0.1, "standard": 0.0, "robust": 0.02}[params["scale"]])


# --- problems ---------------------------------------------------------------------------------


def vector(
    function: Callable[[Any], float], dimensions: int, low: float, high: float, best: Any
) -> Problem:
    """Return the problem of a function on a cube, whose minimum is at `best`."""
    space = tuple(Dimension(f"x{i}", low, high) for i in range(dimensions))
    return _box(function, space, np.broadcast_to(np.asarray(best, float), dimensions))


def _box(function: Callable[[Any], float], space: tuple[Dimension, ...], best: Any) -> Problem:
    names = [dimension.name for dimension in space]

    def on_params(params: Params) -> float:
        return function(np.array([params[name] for name in names], dtype=float))

    point = dict(zip(names, map(float, best), strict=True))
    return with_scale(
        Problem(space, deterministic(on_params), on_params(point), best=point),
    )


def with_scale(problem: Problem) -> Problem:
    """Return the problem with the regret of random points as its scale."""
    return replace(problem, scale=usual_regret(problem))


def _of_params(
    space: tuple[Dimension, ...], function: Callable[[Params], float], best: Params
) -> Problem:
    return with_scale(Problem(space, deterministic(function), function(best), best=best))


def _two(first: tuple[float, float], second: tuple[float, float]) -> tuple[Dimension, ...]:
    return Dimension("x0", *first), Dimension("x1", *second)


CATEGORIES_BEST = {f"c{i}": c for i, c in enumerate((0, 4, 0, 1, 0, 3, 4, 4))}

NETWORK = (
    Dimension("lr", 1e-6, 1, log=True),
    Dimension("width", 8, 1024, log=True, integer=True),
    Dimension("depth", 1, 12, integer=True),
    Dimension("act", choices=("relu", "tanh", "gelu", "sigmoid")),
    Dimension("opt", choices=("sgd", "adam", "rms")),
    Dimension("drop", 0, 0.9),
)
NETWORK_BEST = {
    "lr": 1e-3,
    "width": 128,
    "depth": 5,
    "act": "relu",
    "opt": "adam",
    "drop": 0.23,
}
MODELS = (
    Dimension("model", choices=("svm", "forest", "ridge")),
    Dimension("c", 1e-4, 1e4, log=True, condition=("model", "svm")),
    Dimension("gamma", 1e-6, 10, log=True, condition=("model", "svm")),
    Dimension("trees", 10, 500, integer=True, condition=("model", "forest")),
    Dimension("share", 0.05, 1, condition=("model", "forest")),
    Dimension("depth", 1, 30, integer=True, condition=("model", "forest")),
    Dimension("ridge", 1e-4, 1e4, log=True, condition=("model", "ridge")),
)
MODELS_BEST = {"model": "forest", "trees": 140, "share": 0.4, "depth": 11}
PIPELINE = (
    Dimension("scale", choices=("none", "standard", "robust")),
    Dimension("reduce", choices=("none", "pca", "select")),
    Dimension("parts", 2, 30, integer=True, condition=("reduce", "pca")),
    Dimension("keep", 0.05, 1, condition=("reduce", "select")),
    Dimension("rate", 1e-5, 1, log=True),
)
PIPELINE_BEST = {"scale": "standard", "reduce": "pca", "parts": 12, "rate": 1e-2}

MICHALEWICZ_BEST = (2.202906, 1.570796, 1.284992, 1.923058, 1.720470)
HARTMANN_3_BEST = (0.114614, 0.555649, 0.852547)
HARTMANN_6_BEST = (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)

TUNING: Mapping[str, Callable[[int], Problem]] = {
    "branin": lambda _: _box(branin, _two((-5, 10), (0, 15)), (math.pi, 2.275)),
    "hartmann6": lambda _: vector(hartmann6, 6, 0, 1, HARTMANN_6_BEST),
    "rosenbrock2": lambda _: _box(rosenbrock, _two((-2, 2), (-1, 3)), (1, 1)),
    "rosenbrock4": lambda _: vector(rosenbrock, 4, -2, 2, 1),
    "ackley5 noisy": lambda s: noisy(shifted(vector(ackley, 5, -15, 15, 0), s), 0.025),
    "levy5": lambda _: vector(levy, 5, -10, 10, 1),
    "styblinski8": lambda _: vector(styblinski, 8, -5, 5, -2.903534),
    "corner6": lambda _: vector(corner, 6, 0, 1, 0),
    "ellipsoid6": lambda _: vector(ellipsoid, 6, -5, 5, 0.7),
    "rastrigin4": lambda _: vector(rastrigin, 4, -5, 5, 0.9),
    "shekel": lambda _: vector(shekel, 4, 0, 10, (4.000747, 4.000593, 3.999663, 3.999510)),
    "categories8 noisy": lambda s: noisy(
        permuted(
            _of_params(
                tuple(Dimension(f"c{i}", choices=(0, 1, 2, 3, 4)) for i in range(8)),
                categories,
                CATEGORIES_BEST,
            ),
            s,
        ),
        0.05,
    ),
    "integers6 noisy": lambda _: noisy(
        _of_params(
            tuple(
                Dimension(f"n{i}", 0, high, integer=True) for i, high in enumerate(INTEGER_RANGES)
            ),
            integers,
            {f"n{i}": n for i, n in enumerate(INTEGER_BEST)},
        ),
        0.02,
    ),
    "models": lambda _: _of_params(MODELS, models, MODELS_BEST),
}
"""Those that tpe was developed with."""

REPORTING: Mapping[str, Callable[[int], Problem]] = {
    "camel": lambda _: _box(six_hump_camel, _two((-3, 3), (-2, 2)), (0.089842, -0.712656)),
    "goldstein-price": lambda _: vector(goldstein_price, 2, -2, 2, (0, -1)),
    "drop wave": lambda s: shifted(vector(drop_wave, 2, -5.12, 5.12, 0), s),
    "beale": lambda _: vector(beale, 2, -4.5, 4.5, (3, 0.5)),
    "hartmann3": lambda _: vector(hartmann3, 3, 0, 1, HARTMANN_3_BEST),
    "hartmann3 noisy": lambda _: noisy(vector(hartmann3, 3, 0, 1, HARTMANN_3_BEST), 0.05),
    "powell4 shifted": lambda s: shifted(vector(powell, 4, -4, 5, 0), s),
    "trid4": lambda _: vector(trid, 4, -16, 16, (4, 6, 6, 4)),
    "zakharov5 shifted": lambda s: shifted(vector(zakharov, 5, -5, 10, 0), s),
    "dixon-price5": lambda _: vector(
        dixon_price, 5, -10, 10, [2 ** -((2**i - 2) / 2**i) for i in range(1, 6)]
    ),
    "michalewicz5": lambda _: vector(michalewicz, 5, 0, math.pi, MICHALEWICZ_BEST),
    "griewank5 shifted": lambda s: shifted(vector(griewank, 5, -600, 600, 0), s),
    "dixon-price5 crashing": lambda s: infeasible(
        vector(dixon_price, 5, -10, 10, [2 ** -((2**i - 2) / 2**i) for i in range(1, 6)]), s, 0.3
    ),
    "network noisy": lambda s: noisy(permuted(_of_params(NETWORK, network, NETWORK_BEST), s), 0.05),
    "pipeline": lambda s: permuted(_of_params(PIPELINE, pipeline, PIPELINE_BEST), s),
}
