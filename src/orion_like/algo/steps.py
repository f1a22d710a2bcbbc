"""Rules that a configuration names one after the other, in the manner of Oríon."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from orion_like.errors import AlgorithmError
from orion_like.spelling import did_you_mean


class Step:
    """A rule whose parameters are attributes of the same name."""

    name: ClassVar[str]

    @classmethod
    def parameters(cls) -> list[str]:
        """Return the names of its parameters; the first argument is the name of the algorithm."""
        return list(inspect.signature(cls).parameters)[1:]

    @property
    def configuration(self) -> dict[str, Any]:
        """Name and parameters."""
        return {"of_type": self.name} | {name: getattr(self, name) for name in self.parameters()}


def parse_steps(
    algorithm: str, what: str, known: Mapping[str, type[Any]], configuration: Any
) -> list[Any]:
    """Return the rules that a configuration names.

    Parameters
    ----------
    algorithm
        Name of the algorithm, for errors.
    what
        ``'exploit'`` or ``'explore'``.
    known
        The rules by their names in lower case, without ``exploit`` or ``explore`` at the end.
    configuration
        A name; ``{'of_type': name, parameter: value}``; a list of such; or a pipeline,
        ``{'of_type': 'PipelineExploit', 'exploit_configs': [...]}``.

    Raises
    ------
    AlgorithmError
        If there is no such rule, or it has no such parameter.
    """
    if isinstance(configuration, str):
        configuration = {"of_type": configuration}
    if isinstance(configuration, Mapping):
        name = _short(configuration.get("of_type", ""), what)
        if name == "pipeline" or (not name and f"{what}_configs" in configuration):
            return parse_steps(algorithm, what, known, configuration.get(f"{what}_configs"))
        return [_parse_step(algorithm, what, known, name, configuration)]
    if isinstance(configuration, Sequence) and configuration:
        return [
            step for each in configuration for step in parse_steps(algorithm, what, known, each)
        ]
    raise AlgorithmError(
        f"algorithm {algorithm!r}: {what} must name rules, not {configuration!r}; for example "
        f"{{'of_type': '{next(iter(known)).title()}{what.title()}'}}, or a list of such"
    )


def _parse_step(
    algorithm: str,
    what: str,
    known: Mapping[str, type[Any]],
    name: str,
    configuration: Mapping[str, Any],
) -> Any:
    if name not in known:
        given, names = str(configuration.get("of_type")), [cls.name for cls in known.values()]
        raise AlgorithmError(
            f"algorithm {algorithm!r}: there is no {what} rule {given!r}; there are "
            f"{', '.join(names)}{did_you_mean(given, names)}"
        )
    cls = known[name]
    parameters = {key: value for key, value in configuration.items() if key != "of_type"}
    for key in parameters:
        if key not in cls.parameters():
            raise AlgorithmError(
                f"algorithm {algorithm!r}: {cls.name} has no parameter {key!r}; it has "
                f"{', '.join(cls.parameters())}{did_you_mean(key, cls.parameters())}"
            )
    return cls(algorithm, **parameters)


def _short(name: Any, what: str) -> str:
    return str(name).lower().removesuffix(what)
