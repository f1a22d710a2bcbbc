"""Solvers behind one interface: ask for a point, tell what came of it."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from benchmarks.quality.problem import Evaluation, Params, Problem


class Solver(Protocol):
    """Chooses points for one run."""

    def ask(self) -> tuple[Any, Params] | None:
        """Return a token and a point; None when trials that run must finish first."""

    def tell(self, token: Any, params: Params, evaluation: Evaluation) -> None:
        """Take in what came of a point that was asked for."""


Create = Callable[[Problem, int, int, int], Solver]
"""Make a solver for a problem, a seed, a number of trials and a number of workers."""


@dataclass(frozen=True)
class Peer:
    """A solver of another package.

    Parameters
    ----------
    package
        The package, whose interpreter is set on the command line.
    module
        The module here that drives it.
    variant
        Which of its methods.
    """

    package: str
    module: str
    variant: str


PEERS: Mapping[str, Peer] = {
    "optuna-tpe": Peer("optuna", "optuna_samplers", "tpe"),
    "optuna-gp": Peer("optuna", "optuna_samplers", "gp"),
    "optuna-cmaes": Peer("optuna", "optuna_samplers", "cmaes"),
    "optuna-random": Peer("optuna", "optuna_samplers", "random"),
    "optuna-nsga2": Peer("optuna", "optuna_samplers", "nsga2"),
    "nevergrad-ngopt": Peer("nevergrad", "nevergrad_optimizers", "NGOpt"),
    "hyperopt-tpe": Peer("hyperopt", "hyperopt_tpe", "tpe"),
    "orion-tpe": Peer("orion", "orion_algorithms", "tpe"),
}
"""Solvers of other packages; every other name is an algorithm of ours."""


def package_of(solver: str) -> str:
    """Return the package whose interpreter runs a solver."""
    return PEERS[solver].package if solver in PEERS else "orion_like"


def creator(solver: str) -> Create:
    """Return how to make a solver by name; its package is imported now."""
    module, variant = "own", solver
    if solver in PEERS:
        module, variant = PEERS[solver].module, PEERS[solver].variant
    found: Create = import_module(f"{__name__}.{module}").creator(variant)
    return found


def version(solver: str) -> str:
    """Return the version of a solver: of its package, or a digest of our code that it loads."""
    if solver in PEERS:
        from importlib.metadata import version as installed

        return installed(PEERS[solver].package)
    from orion_like.algo import create_algorithm
    from orion_like.space import build_space

    algorithm = create_algorithm(solver, build_space({"x": "uniform(0, 1)"}))
    algorithm.suggest(algorithm.problem.stream(0), 0)
    digest = hashlib.sha256()
    for name in sorted(sys.modules):
        if name.startswith(("orion_like.algo", "orion_like.space")):
            digest.update(Path(str(sys.modules[name].__file__)).read_bytes())
    return digest.hexdigest()[:12]


def penalized(problem: Problem, evaluation: Evaluation) -> float:
    """Return one number for solvers that know neither constraints nor crashes.

    It rises with the logarithm of the violation, in units of the usual regret.
    """
    if not math.isfinite(evaluation.objective):
        return problem.lowest + 10 * problem.scale
    if evaluation.violation == 0:
        return evaluation.objective
    return evaluation.objective + problem.scale * (1 + math.log1p(evaluation.violation))
