"""Engineering design problems with outcome constraints.

Formulas as collected by Coello Coello, *Use of a self-adaptive penalty approach for engineering
optimization problems*, Computers in Industry 41 (2000), and by Kumar, Wu, Ali, Mallipeddi,
Suganthan and Das, *A test-suite of non-convex constrained optimization problems from the
real-world and some baseline results*, Swarm and Evolutionary Computation 56 (2020). The best
known values are recomputed from the points given here, which the tests check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from benchmarks.quality.problem import Dimension, Params, Problem, deterministic

Constraints = tuple[float, ...]


def pressure_vessel(p: Params) -> float:
    """Cost of a vessel: thicknesses of shell and head in sixteenths of an inch, radius, length."""
    shell, head, radius, length = p["shell"] / 16, p["head"] / 16, p["radius"], p["length"]
    material = 0.6224 * shell * radius * length + 1.7781 * head * radius**2
    return float(material + 3.1661 * shell**2 * length + 19.84 * shell**2 * radius)


def pressure_vessel_constraints(p: Params) -> Constraints:
    shell, head, radius, length = p["shell"] / 16, p["head"] / 16, p["radius"], p["length"]
    volume = math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3
    return (0.0193 * radius - shell, 0.00954 * radius - head, 1296000 - volume)


def welded_beam(p: Params) -> float:
    """Cost of a beam: width and length of the weld, height and width of the beam."""
    h, l, t, b = p["h"], p["l"], p["t"], p["b"]  # noqa: E741 - names of the literature
    return float(1.10471 * h**2 * l + 0.04811 * t * b * (14 + l))


def welded_beam_constraints(p: Params) -> Constraints:
    h, l, t, b = p["h"], p["l"], p["t"], p["b"]  # noqa: E741 - names of the literature
    load, length, young, shear = 6000.0, 14.0, 30e6, 12e6
    primary = load / (math.sqrt(2) * h * l)
    moment = load * (length + l / 2)
    radius = math.sqrt(l**2 / 4 + ((h + t) / 2) ** 2)
    polar = 2 * math.sqrt(2) * h * l * (l**2 / 12 + ((h + t) / 2) ** 2)
    secondary = moment * radius / polar
    stress = math.sqrt(primary**2 + primary * secondary * l / radius + secondary**2)
    bending = 6 * load * length / (b * t**2)
    deflection = 4 * load * length**3 / (young * b * t**3)
    buckling = 4.013 * young * math.sqrt(t**2 * b**6 / 36) / length**2
    buckling *= 1 - t / (2 * length) * math.sqrt(young / (4 * shear))
    return (stress - 13600, bending - 30000, h - b, deflection - 0.25, load - buckling)


def spring(p: Params) -> float:
    """Weight of a spring: diameters of wire and coil, number of active coils."""
    return float((p["coils"] + 2) * p["coil"] * p["wire"] ** 2)


def spring_constraints(p: Params) -> Constraints:
    d, w, n = p["coil"], p["wire"], p["coils"]
    return (
        1 - d**3 * n / (71785 * w**4),
        (4 * d**2 - w * d) / (12566 * (d * w**3 - w**4)) + 1 / (5108 * w**2) - 1,
        1 - 140.45 * w / (d**2 * n),
        (w + d) / 1.5 - 1,
    )


def speed_reducer(p: Params) -> float:
    """Weight of a gear box."""
    b, m, z, l1, l2, d1, d2 = (p[f"x{i}"] for i in range(1, 8))
    gears = 0.7854 * b * m**2 * (3.3333 * z**2 + 14.9334 * z - 43.0934)
    shafts = 7.4777 * (d1**3 + d2**3) + 0.7854 * (l1 * d1**2 + l2 * d2**2)
    return float(gears - 1.508 * b * (d1**2 + d2**2) + shafts)


def speed_reducer_constraints(p: Params) -> Constraints:
    b, m, z, l1, l2, d1, d2 = (p[f"x{i}"] for i in range(1, 8))
    return (
        27 / (b * m**2 * z) - 1,
        397.5 / (b * m**2 * z**2) - 1,
        1.93 * l1**3 / (m * z * d1**4) - 1,
        1.93 * l2**3 / (m * z * d2**4) - 1,
        math.sqrt((745 * l1 / (m * z)) ** 2 + 16.9e6) / (110 * d1**3) - 1,
        math.sqrt((745 * l2 / (m * z)) ** 2 + 157.5e6) / (85 * d2**3) - 1,
        m * z / 40 - 1,
        5 * m / b - 1,
        b / (12 * m) - 1,
        (1.5 * d1 + 1.9) / l1 - 1,
        (1.1 * d2 + 1.9) / l2 - 1,
    )


def three_bar_truss(p: Params) -> float:
    """Volume of a truss: the areas of its outer and its middle bar."""
    return float((2 * math.sqrt(2) * p["outer"] + p["middle"]) * 100)


def three_bar_truss_constraints(p: Params) -> Constraints:
    a, b = p["outer"], p["middle"]
    if a == 0:  # nothing bears the load
        return (math.inf, math.inf, math.inf)
    whole = math.sqrt(2) * a**2 + 2 * a * b
    return (
        (math.sqrt(2) * a + b) / whole * 2 - 2,
        b / whole * 2 - 2,
        1 / (a + math.sqrt(2) * b) * 2 - 2,
    )


def cantilever(p: Params) -> float:
    """Weight of a beam of five hollow blocks."""
    return float(0.0624 * sum(p[f"x{i}"] for i in range(1, 6)))


def cantilever_constraints(p: Params) -> Constraints:
    factors = (61, 37, 19, 7, 1)
    return (sum(c / p[f"x{i}"] ** 3 for i, c in enumerate(factors, 1)) - 1,)


def gear_train(p: Params) -> float:
    """Logarithm of how far a gear ratio is from 1 / 6.931."""
    error = (1 / 6.931 - p["b"] * p["d"] / (p["a"] * p["f"])) ** 2
    return math.log10(error + 1e-12)


BEST: Mapping[str, tuple[float, ...]] = {
    "pressure vessel": (13, 7, 42.09844559067357, 176.6365959066446),
    "welded beam": (
        0.20572963968608027,
        3.4704886695155115,
        9.036623914875939,
        0.20572963978894498,
    ),
    "spring": (0.05168905544697728, 0.35671760417322296, 11.28897370532019),
    "speed reducer": (3.5, 0.7, 17, 7.3, 7.715319911479597, 3.350214666096782, 5.28665446498075),
    "three-bar truss": (0.7886751340979422, 0.40824829198790596),
    "cantilever": (
        6.016015895089755,
        5.3091738350952165,
        4.494329573246548,
        3.501474991302605,
        2.152665330966725,
    ),
    "gear train": (49, 19, 16, 43),
}
"""Best known points, polished to feasibility in double precision."""


def _problem(
    dimensions: tuple[Dimension, ...],
    function: Callable[[Params], float],
    best: tuple[float, ...],
    constraints: Callable[[Params], Constraints] = lambda _: (),
) -> Problem:
    point = {d.name: value for d, value in zip(dimensions, best, strict=True)}
    lowest = function(point)
    number = len(constraints(point))
    evaluate = deterministic(function, constraints)
    return Problem(dimensions, evaluate, lowest, abs(lowest), number, point)


def _numbers(**ranges: tuple[float, float]) -> tuple[Dimension, ...]:
    return tuple(Dimension(name, low, high) for name, (low, high) in ranges.items())


PROBLEMS: Mapping[str, Problem] = {
    "pressure vessel": _problem(
        (
            Dimension("shell", 1, 99, integer=True),
            Dimension("head", 1, 99, integer=True),
            *_numbers(radius=(10, 200), length=(10, 200)),
        ),
        pressure_vessel,
        BEST["pressure vessel"],
        pressure_vessel_constraints,
    ),
    "welded beam": _problem(
        _numbers(h=(0.1, 2), l=(0.1, 10), t=(0.1, 10), b=(0.1, 2)),
        welded_beam,
        BEST["welded beam"],
        welded_beam_constraints,
    ),
    "spring": _problem(
        _numbers(wire=(0.05, 2), coil=(0.25, 1.3), coils=(2, 15)),
        spring,
        BEST["spring"],
        spring_constraints,
    ),
    "speed reducer": _problem(
        (
            *_numbers(x1=(2.6, 3.6), x2=(0.7, 0.8)),
            Dimension("x3", 17, 28, integer=True),
            *_numbers(x4=(7.3, 8.3), x5=(7.3, 8.3), x6=(2.9, 3.9), x7=(5, 5.5)),
        ),
        speed_reducer,
        BEST["speed reducer"],
        speed_reducer_constraints,
    ),
    "three-bar truss": _problem(
        _numbers(outer=(0, 1), middle=(0, 1)),
        three_bar_truss,
        BEST["three-bar truss"],
        three_bar_truss_constraints,
    ),
    "cantilever": _problem(
        _numbers(**{f"x{i}": (0.01, 100) for i in range(1, 6)}),
        cantilever,
        BEST["cantilever"],
        cantilever_constraints,
    ),
    "gear train": _problem(
        tuple(Dimension(name, 12, 60, integer=True) for name in "abdf"),
        gear_train,
        BEST["gear train"],
    ),
}
