"""Trials of other searches as points of a search space, and why some are none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orion_like.algo import Objective
from orion_like.errors import ConfigurationError, SpaceError
from orion_like.experiment.warm_start.findings import Finding, Findings
from orion_like.experiment.warm_start.source import Source
from orion_like.space import Dimension, Space
from orion_like.trial import Result


@dataclass
class Fitted:
    """The trials of a search that fit a space.

    Parameters
    ----------
    name
        What the search is called.
    found
        How many finished trials it has.
    unfinished
        How many others it has, which are of no use.
    points
        Flat params and results of those that fit, in order.
    left_out
        How many of the finished ones do not fit, by the reason: a clause that follows their
        number.
    notes
        How many of those that fit were changed for it, by what was done: a clause likewise.
    """

    name: str
    found: int
    unfinished: int
    points: list[tuple[dict[str, Any], list[Result]]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        text = f"{len(self.points)} of {self.found} trials of {self.name!r} fit"
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.most_common())
        notes = ", ".join(f"{count} {note}" for note, count in self.notes.most_common())
        return text + (f": {reasons}" if reasons else "") + (f" ({notes})" if notes else "")


class _Misfit(Exception):
    """A trial does not fit; the argument says why."""


def fit(
    findings: Findings,
    source: Source,
    space: Space,
    objectives: Sequence[Objective],
    constraints: Sequence[str] = (),
) -> Fitted:
    """Return the trials of a search as points and results of another one.

    Parameters
    ----------
    findings
        What was found.
    source
        How it is taken.
    space
        The search space that the trials must fit.
    objectives
        The objectives of the search that is to start from them.
    constraints
        Names of the results that it bounds. Of the same task, trials must have them.

    Raises
    ------
    ConfigurationError
        If it is not clear which objectives there are those here.
    """
    fitted = Fitted(findings.name, len(findings.trials), findings.unfinished)
    pairs = _paired(findings, source, objectives)
    names = _names_here(findings, source, space)
    for finding in findings.trials:
        notes: list[str] = []
        try:
            results = _results(finding, pairs, findings.is_directed)
            _check_constraints(finding, source, constraints)
            _check_fidelity(finding, findings, space)
            given = {names[key]: v for key, v in finding.params.items() if key in names}
            params = _placed(given, source, space, notes)
        except _Misfit as misfit:
            fitted.left_out[str(misfit)] += 1
            continue
        fitted.notes.update(notes)
        fitted.points.append((params, [*results, *_others(finding, source)]))
    return fitted


# --- objectives ---------------------------------------------------------------------------------


def _paired(
    findings: Findings, source: Source, here: Sequence[Objective]
) -> list[tuple[Objective, Objective]]:
    """Return the objective there of each objective here."""
    there = {objective.name: objective for objective in findings.objectives}
    if source.objectives and findings.is_directed:
        for name in source.objectives:
            if name not in there:
                raise ConfigurationError(
                    f"warm_start: {findings.name} has no objective {name!r}; it has "
                    f"{', '.join(there)}"
                )
        chosen = [there[name] for name in source.objectives]
    elif all(objective.name in there for objective in here):
        chosen = [there[objective.name] for objective in here]
    else:
        chosen = list(findings.objectives)
    if len(chosen) != len(here):
        raise ConfigurationError(
            f"warm_start: {findings.name} has the objectives {', '.join(there)}, and here are "
            f"{', '.join(objective.name for objective in here)}; say which of those there are "
            "these, with objectives: [NAME, …]"
        )
    return list(zip(chosen, here, strict=True))


def _results(
    finding: Finding, pairs: Sequence[tuple[Objective, Objective]], is_directed: bool
) -> list[Result]:
    results = []
    for there, here in pairs:
        value = finding.objectives.get(there.name)
        if value is None and len(pairs) == 1 and len(finding.objectives) == 1:
            value = next(iter(finding.objectives.values()))  # an only one may have any name
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise _Misfit("lack a finite objective")
        turned = is_directed and there.direction != here.direction
        results.append(Result(here.name, "objective", -value if turned else value))
    return results


def _check_constraints(finding: Finding, source: Source, constraints: Sequence[str]) -> None:
    if source.task == "same":
        known = {result.name for result in finding.others if result.type == "constraint"}
        for name in constraints:
            if name not in known:
                raise _Misfit(f"lack the constraint {name!r}")


def _others(finding: Finding, source: Source) -> list[Result]:
    """Return the results beside the objectives that say something here, too."""
    kinds = ("constraint", "gradient") if source.task == "same" else ("constraint",)
    plain = not source.rename
    return [
        result
        for result in finding.others
        if result.type in kinds and (plain or result.type != "gradient")
    ]


# --- points -------------------------------------------------------------------------------------


def _names_here(findings: Findings, source: Source, space: Space) -> dict[str, str]:
    """Return the dimension here of each name there that is one."""
    spelt = {name.removeprefix("/"): name for name in space}
    names = {}
    for there in dict.fromkeys(name for finding in findings.trials for name in finding.params):
        here = spelt.get(source.rename.get(there, there).removeprefix("/"))
        if here is not None:
            names[there] = here
    return names


def _check_fidelity(finding: Finding, findings: Findings, space: Space) -> None:
    for name, highest in findings.highest.items():
        if space.fidelity is None and finding.params.get(name, highest) != highest:
            raise _Misfit("are below the highest fidelity")


def _placed(
    given: Mapping[str, Any], source: Source, space: Space, notes: list[str]
) -> dict[str, Any]:
    """Return a whole point of the space from the values that are known."""
    params: dict[str, Any] = {}
    for _ in range(len(space) + 1):  # what is filled in may make further dimensions active
        active = space.active(params)
        missing = [name for name in space if name in active and name not in params]
        if not missing:
            break
        for name in missing:
            params[name] = _value(space[name], given, source, notes)
    params = {name: params[name] for name in space if name in params and name in active}
    if not space.satisfies(params):
        raise _Misfit("break an input constraint")
    return params


def _value(dimension: Dimension, given: Mapping[str, Any], source: Source, notes: list[str]) -> Any:
    name = dimension.name
    if name not in given:
        if dimension.type == "fidelity":
            return dimension.default_value
        if source.missing == "drop" or not dimension.has_default:
            raise _Misfit(f"lack {name!r}")
        notes.append(f"with the default of {name!r}")
        return dimension.default_value
    try:
        return dimension.cast(given[name])
    except SpaceError:
        moved = _closest(dimension, given[name]) if source.outside == "clip" else None
        if moved is None:
            raise _Misfit(f"have a value of {name!r} that is not possible here") from None
        notes.append(f"with a value of {name!r} moved into its bounds")
        return moved


def _closest(dimension: Dimension, value: Any) -> Any:
    """Return the value of a number's dimension that is closest to another number, or None."""
    if dimension.type not in ("integer", "real") or dimension.shape:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number):
        return None
    low, high = dimension.interval()
    bounded = min(max(number, float(low)), float(high))
    encoding = Space([dimension.conditioned(None)]).encoding()
    return encoding.decode(encoding.encode({dimension.name: bounded}))[dimension.name]
