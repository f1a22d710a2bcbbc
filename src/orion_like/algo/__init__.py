"""How the next point is chosen."""

from orion_like.algo.base import (
    Algorithm,
    Continued,
    Exhausted,
    Requirements,
    Signal,
    Suggestion,
    Wait,
    parent_of,
)
from orion_like.algo.factory import (
    AlgorithmChoice,
    as_algorithm,
    available_algorithms,
    create_algorithm,
    find_algorithm,
)
from orion_like.algo.gradient import GradientReader, Gradients
from orion_like.algo.outcome import Kind, Outcome, judge, judge_results
from orion_like.algo.prior_task import PriorTask
from orion_like.algo.problem import Objective, OutcomeConstraint, Problem
from orion_like.algo.sequence import point_key

__all__ = [
    "Algorithm",
    "AlgorithmChoice",
    "Continued",
    "Exhausted",
    "GradientReader",
    "Gradients",
    "Kind",
    "Objective",
    "Outcome",
    "OutcomeConstraint",
    "PriorTask",
    "Problem",
    "Requirements",
    "Signal",
    "Suggestion",
    "Wait",
    "as_algorithm",
    "available_algorithms",
    "create_algorithm",
    "find_algorithm",
    "judge",
    "judge_results",
    "parent_of",
    "point_key",
]
