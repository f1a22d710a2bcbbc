"""Tuning of scikit-learn's models on its bundled data, from tables of cross-validated errors.

A table has the error at every point of a grid; between its points it is interpolated linearly on
the scale of the parameter, so its lowest entry is the minimum. Tables are made once, by
``python -m benchmarks.quality.tuning``, which takes some minutes, and kept in ``tables.json``.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.problem import Dimension, Params, Problem, deterministic

TABLES = Path(__file__).with_name("tables.json")
FOLDS = 3


@dataclass(frozen=True)
class Axis:
    """A parameter of a model, and the values it has in the table.

    Parameters
    ----------
    name
        Its name, as scikit-learn has it.
    values
        Numbers in rising order, or categories.
    log
        Whether the scale is logarithmic. Default False.
    """

    name: str
    values: tuple[Any, ...]
    log: bool = False

    @property
    def dimension(self) -> Dimension:
        if isinstance(self.values[0], str):
            return Dimension(self.name, choices=self.values)
        integer = all(isinstance(value, int) for value in self.values)
        return Dimension(self.name, self.values[0], self.values[-1], self.log, integer)

    def weights(self, value: Any) -> Any:
        """Return how much each value of the table counts for a value."""
        if isinstance(self.values[0], str):
            return np.array([float(value == other) for other in self.values])
        scale: Callable[[Any], Any] = np.log if self.log else np.asarray
        at = np.interp(scale(value), scale(self.values), np.arange(len(self.values)))
        return np.clip(1 - np.abs(np.arange(len(self.values)) - at), 0, 1)


def powers(low: int, high: int, number: int) -> tuple[float, ...]:
    """Return numbers between powers of ten, evenly spaced on the logarithmic scale."""
    return tuple(float(f"{10**e:.3g}") for e in np.linspace(low, high, number))


SVM = (Axis("C", powers(-3, 4, 15), log=True), Axis("gamma", powers(-6, 1, 15), log=True))
FOREST = (
    Axis("max_depth", (1, 2, 3, 4, 6, 8, 12, 16)),
    Axis("min_samples_leaf", (1, 2, 4, 8, 16, 32), log=True),
    Axis("max_features", (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)),
    Axis("criterion", ("gini", "entropy")),
)
NEIGHBOURS = (
    Axis("n_neighbors", (1, 2, 3, 5, 8, 12, 18, 27, 40), log=True),
    Axis("p", (1.0, 1.5, 2.0, 3.0, 5.0)),
    Axis("weights", ("uniform", "distance")),
)

GRIDS: Mapping[str, tuple[Axis, ...]] = {
    "svm digits": SVM,
    "svm breast cancer": SVM,
    "svm wine": SVM,
    "forest digits": FOREST,
    "forest breast cancer": FOREST,
    "neighbours digits": NEIGHBOURS,
    "neighbours wine": NEIGHBOURS,
}
"""The tables: a model, its data, and the grid."""


@cache
def table(name: str) -> Any:
    """Return the errors of a table, an array with an axis for each parameter."""
    shape = [len(axis.values) for axis in GRIDS[name]]
    return np.array(json.loads(TABLES.read_text())[name]).reshape(shape)


def tuning_problem(name: str) -> Problem:
    """Return the problem of a table."""
    grid, errors = GRIDS[name], table(name)

    def interpolated(params: Params) -> float:
        value = errors
        for axis in grid:
            value = np.tensordot(axis.weights(params[axis.name]), value, axes=1)
        return float(value)

    lowest = float(errors.min())
    where = np.unravel_index(int(errors.argmin()), errors.shape)
    best = {axis.name: axis.values[i] for axis, i in zip(grid, where, strict=True)}
    scale = float(np.median(errors)) - lowest
    dimensions = tuple(axis.dimension for axis in grid)
    return Problem(dimensions, deterministic(interpolated), lowest, scale, best=best)


def model_choice(data: str, *models: str) -> Problem:
    """Return the problem of choosing a model and its parameters."""
    choice = Dimension("model", choices=models)
    parts = {model: tuning_problem(f"{model} {data}") for model in models}
    dimensions = tuple(
        replace(dimension, name=f"{model}_{dimension.name}", condition=("model", model))
        for model, part in parts.items()
        for dimension in part.dimensions
    )

    def error(params: Params) -> float:
        model = params["model"]
        own = {d.name: params[f"{model}_{d.name}"] for d in parts[model].dimensions}
        return parts[model].evaluate(own, UNUSED).true

    best_model = min(models, key=lambda model: parts[model].lowest)
    best_part = parts[best_model]
    best = {f"{best_model}_{name}": value for name, value in (best_part.best or {}).items()}
    best["model"] = best_model
    scale = max(part.lowest + part.scale for part in parts.values()) - best_part.lowest
    return Problem((choice, *dimensions), deterministic(error), best_part.lowest, scale, best=best)


UNUSED = np.random.default_rng(0)
"""Tables are without noise."""

TUNING = ("svm wine", "neighbours wine")
REPORTING = ("svm digits", "svm breast cancer", "forest breast cancer", "neighbours digits")


# --- making the tables ------------------------------------------------------------------------


def estimator(name: str, params: Params) -> Any:
    """Return the model of a table with parameters."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name.startswith("forest"):
        return RandomForestClassifier(30, **params, random_state=0)
    if name.startswith("svm"):
        return make_pipeline(StandardScaler(), SVC(**params, max_iter=10_000))
    return make_pipeline(StandardScaler(), KNeighborsClassifier(**params))


def data(name: str) -> tuple[Any, Any]:
    """Return the data of a table, 500 rows at most."""
    from sklearn import datasets

    for key in ("wine", "breast_cancer", "digits"):
        if name.endswith(key.replace("_", " ")):
            x, y = getattr(datasets, f"load_{key}")(return_X_y=True)
            return x[:500], y[:500]
    raise ValueError(name)


def errors(name: str) -> list[float]:
    """Return the share of wrong classifications at each point of the grid."""
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    x, y = data(name)
    names = [axis.name for axis in GRIDS[name]]
    found = []
    for values in itertools.product(*(axis.values for axis in GRIDS[name])):
        model = estimator(name, dict(zip(names, values, strict=True)))
        found.append(round(1 - float(cross_val_score(model, x, y, cv=folds).mean()), 4))
    return found


def main() -> None:
    """Make the tables that are missing."""
    done = json.loads(TABLES.read_text()) if TABLES.exists() else {}
    for name, grid in GRIDS.items():
        if len(done.get(name, ())) != math.prod(len(axis.values) for axis in grid):
            done[name] = errors(name)
            lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in done.items()]
            TABLES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
            print(name, min(done[name]), flush=True)


if __name__ == "__main__":
    main()
