"""The stopping rules of an experiment, from what a user writes to what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.spelling import did_you_mean
from orion_like.stopping.base import Rule
from orion_like.stopping.curve import Curve

BUILT_IN: Mapping[str, str] = {
    "extrapolation": "orion_like.stopping.extrapolation:Extrapolation",
    "halving": "orion_like.stopping.halving:Halving",
    "median": "orion_like.stopping.median:Median",
    "patience": "orion_like.stopping.patience:Patience",
    "percentile": "orion_like.stopping.percentile:Percentile",
    "threshold": "orion_like.stopping.threshold:Threshold",
    "timeout": "orion_like.stopping.timeout:Timeout",
    "wilcoxon": "orion_like.stopping.wilcoxon:Wilcoxon",
}
"""Where the rules are; each is imported when it is asked for."""


class StoppingRules:
    """Any number of rules, of which each may stop a trial.

    Parameters
    ----------
    configuration
        The name of a rule; or ``{name: {parameter: value}}``, where the parameters may be None;
        or None for no rules.

    Raises
    ------
    ConfigurationError
        If a rule or a parameter is unknown, or a value is not valid.

    Examples
    --------
    >>> StoppingRules({"threshold": {"upper": 10}}).configuration["threshold"]["upper"]
    10
    >>> bool(StoppingRules(None))
    False
    """

    def __init__(self, configuration: Any) -> None:
        self.rules = tuple(
            _built(name, parameters) for name, parameters in _entries(configuration).items()
        )

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def configuration(self) -> dict[str, dict[str, Any]]:
        """``{name: {parameter: value}}`` with every parameter, as stored."""
        return {rule.name: rule.configuration for rule in self.rules}

    def verdict(
        self,
        group: str,
        curve: Curve,
        others: Callable[[], Sequence[Curve]],
        by_clock: bool = False,
    ) -> str | None:
        """Return why to stop a trial after a report, or None to go on.

        Parameters
        ----------
        group
            The group of the report; rules for other groups are not asked.
        curve
            The trial's curve in that group.
        others
            Gives those of all other trials that reported anything; called if there is need.
        by_clock
            Whether only those are asked whose verdict changes with time. Default False.
        """
        if not len(curve):
            return None
        for rule in self.rules:
            if rule.group != group or curve.steps[-1] < rule.warmup_steps:
                continue
            if by_clock and not rule.by_clock:
                continue
            reason = rule.verdict(curve, () if by_clock else others())
            if reason is not None:
                return f"{rule.name}: {reason}"
        return None


def _entries(configuration: Any) -> Mapping[str, Mapping[str, Any]]:
    if configuration is None:
        return {}
    if isinstance(configuration, str):
        return {configuration: {}}
    if not isinstance(configuration, Mapping) or not all(
        isinstance(parameters, (Mapping, type(None))) for parameters in configuration.values()
    ):
        raise ConfigurationError(
            "stopping must be the name of a rule or {name: {parameter: value}}, "
            f"not {configuration!r}"
        )
    return {str(name): dict(parameters or {}) for name, parameters in configuration.items()}


def _built(name: str, parameters: Mapping[str, Any]) -> Rule:
    key = name.lower()
    if key not in BUILT_IN:
        raise ConfigurationError(
            f"stopping rule {name!r} is unknown; there are {', '.join(BUILT_IN)}"
            + did_you_mean(key, BUILT_IN)
        )
    module, _, attribute = BUILT_IN[key].partition(":")
    kind: type[Rule] = getattr(import_module(module), attribute)
    known = [field.name for field in fields(kind)]
    for parameter in parameters:
        if parameter not in known:
            raise ConfigurationError(
                f"stopping rule {key!r} has no parameter {parameter!r}; it has {', '.join(known)}"
                + did_you_mean(str(parameter), known)
            )
    return kind(**parameters)
