"""One experiment: building it, following its progress, producing its next trial."""

from orion_like.experiment.builder import build_experiment, load_experiment
from orion_like.experiment.configuration import ExperimentSettings
from orion_like.experiment.experiment import Experiment
from orion_like.experiment.front import ParetoFront
from orion_like.experiment.producer import Producer
from orion_like.experiment.statistics import ExperimentStats

__all__ = [
    "Experiment",
    "ExperimentSettings",
    "ExperimentStats",
    "ParetoFront",
    "Producer",
    "build_experiment",
    "load_experiment",
]
