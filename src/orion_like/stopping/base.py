"""The contract of stopping rules, and how losses are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from orion_like.errors import ConfigurationError
from orion_like.stopping.curve import Curve, Losses
from orion_like.storage.metrics import DEFAULT_GROUP
from orion_like.trial import is_number


@dataclass(frozen=True)
class Rule(ABC):
    """Decides, at each report of a running trial, whether to stop it.

    A subclass is a frozen dataclass whose fields are the parameters; it sets :attr:`name`. Rules
    hold no state: the same curves give the same verdict, in any process and at any time.

    Parameters
    ----------
    group
        The reports it looks at. Default ``'validation'``.
    warmup_steps
        Steps below this are never a reason to stop. Default 0.
    """

    name: ClassVar[str]
    """Name in configurations, in lower case."""

    by_clock: ClassVar[bool] = False
    """Whether the verdict may change although nothing was reported."""

    group: str = DEFAULT_GROUP
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.group, str) or not self.group:
            raise self.error("group", "a name", self.group)
        self.require_whole("warmup_steps", 0)

    @abstractmethod
    def verdict(self, curve: Curve, others: Sequence[Curve]) -> str | None:
        """Return why to stop a trial after its latest report, or None to go on.

        Parameters
        ----------
        curve
            The trial's, with one report at least.
        others
            Those of all other trials of the experiment that reported anything.
        """

    @property
    def configuration(self) -> dict[str, Any]:
        """All parameters by name."""
        return asdict(self)

    def error(self, parameter: str, expected: str, value: Any) -> ConfigurationError:
        """Return the error for a parameter that is not what it must be."""
        return ConfigurationError(
            f"stopping rule {self.name!r}: {parameter} must be {expected}, not {value!r}"
        )

    def require_whole(self, parameter: str, least: int) -> None:
        """Raise ConfigurationError unless a parameter is a whole number from `least` on."""
        value = getattr(self, parameter)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(parameter, f"a whole number ≥ {least}", value)

    def require_between(self, parameter: str, low: float, high: float) -> None:
        """Raise ConfigurationError unless a parameter is a number between two others."""
        value = getattr(self, parameter)
        if not is_number(value) or not low < value < high:
            raise self.error(parameter, f"a number between {low:g} and {high:g}", value)


def dominates(first: Losses, second: Losses) -> bool:
    """Whether losses are nowhere higher than others and somewhere lower.

    With one objective: whether the loss is lower.
    """
    return first != second and all(a <= b for a, b in zip(first, second, strict=True))


def rank_among(losses: Losses, others: Iterable[Losses]) -> int:
    """Return how many others dominate some losses.

    With several objectives this is the rank of Fonseca and Fleming, "Genetic algorithms for
    multiobjective optimization", ICGA 1993, less one: it is 0 for what nothing dominates.

    Examples
    --------
    >>> rank_among((2.0,), [(1.0,), (2.0,), (3.0,)])
    1
    >>> rank_among((2.0, 0.0), [(1.0, 1.0), (2.0, 0.0)])
    0
    """
    return sum(dominates(other, losses) for other in others)


def best_completed(others: Iterable[Curve]) -> list[Curve]:
    """Return the completed trials whose result no other dominates; with one objective, the best.

    Of equal ones the earliest is taken.
    """
    best: list[Curve] = []
    for curve in sorted((c for c in others if c.final is not None), key=lambda c: c.number):
        final = curve.final or ()
        if any(dominates(kept.final or (), final) or kept.final == final for kept in best):
            continue
        best = [kept for kept in best if not dominates(final, kept.final or ())]
        best.append(curve)
    return best
