"""When a trial is given up early: rules that look at what trials report while they run."""

from orion_like.stopping.base import Rule as Rule
from orion_like.stopping.curve import Curve as Curve
from orion_like.stopping.rules import StoppingRules as StoppingRules
