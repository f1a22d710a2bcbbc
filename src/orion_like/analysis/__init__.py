"""Numbers behind the figures, from frames of trials as `ExperimentClient.to_pandas` gives them."""

from orion_like.analysis.averages import average
from orion_like.analysis.dependence import PartialDependence, partial_dependency
from orion_like.analysis.features import flatten_params, flatten_trials, to_numpy
from orion_like.analysis.front import hypervolume, pareto_front, reference_of
from orion_like.analysis.importance import lpi
from orion_like.analysis.incumbents import regret
from orion_like.analysis.ranks import ranking
from orion_like.analysis.regressor import REGRESSORS, train_regressor
from orion_like.analysis.timing import elapsed_seconds, peak_concurrency

__all__ = [
    "REGRESSORS",
    "PartialDependence",
    "average",
    "elapsed_seconds",
    "flatten_params",
    "flatten_trials",
    "hypervolume",
    "lpi",
    "pareto_front",
    "partial_dependency",
    "peak_concurrency",
    "ranking",
    "reference_of",
    "regret",
    "to_numpy",
    "train_regressor",
]
