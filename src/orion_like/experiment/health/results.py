"""Whether results are such that a search can learn from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from orion_like.algo import GradientReader
from orion_like.algo.gp.slopes import Slopes, agreement
from orion_like.errors import OrionLikeError
from orion_like.experiment.health.case import MANY, Case
from orion_like.experiment.health.finding import Finding
from orion_like.trial import Trial

ENOUGH_FOR_BOUNDS = 20  # completed trials
BEST = 0.05  # part of the trials that are looked at
MOST_BEST = 10  # trials
AT_BOUND, NEAR_BOUND = 0.05, 0.1  # of the prior: of the best trial, and of most of the next ones
MOST = 0.8  # of the best trials
FEWEST_LEVELS = 5
SURELY_WRONG = -0.5  # agreement of gradients with differences
ENOUGH_GRADIENTS = 10
GRADIENTS_LOOKED_AT = 500  # of the best trials


def constant_objective(case: Case) -> Iterator[Finding]:
    """Find that an objective has the same value wherever it was evaluated."""
    for objective in case.experiment.declared_objectives:
        values = [v for t in case.completed if (v := _objective(t, objective.name)) is not None]
        if len(values) >= 2 * MANY and len(set(values)) == 1:
            yield Finding(
                "wrong",
                "constant-objective",
                case.title,
                f"{objective.name} is {values[0]:g} in all {len(values)} completed trials: the "
                "script reports something else than it should, or does not use its parameters",
                "run the script by hand with two different points",
                (f"status {case.option} --all",),
            )


def _objective(trial: Trial, name: str) -> Any:
    found = [result for result in trial.results if result.type == "objective"]
    named = [result.value for result in found if result.name == name]
    return named[0] if named else found[0].value if len(found) == 1 else None


def optimum_at_bound(case: Case) -> Iterator[Finding]:
    """Find dimensions in which nearly all of the best trials are at the same end of the prior."""
    if len(case.experiment.declared_objectives) > 1 or len(case.outcomes) < ENOUGH_FOR_BOUNDS:
        return
    losses = {outcome.losses[:1] for _, outcome in case.outcomes}
    if len(losses) == 1:
        return
    number = min(MOST_BEST, max(MANY, round(BEST * len(case.outcomes))))
    best = [trial for trial, _ in case.outcomes[:number]]
    space = case.experiment.space
    encoding = space.encoding()
    vectors = encoding.encode_many([trial.flat_params for trial in best])
    for index, column in enumerate(encoding.columns):
        dimension = space[column.name]
        if column.kind != "numeric" or dimension.type == "fidelity":
            continue
        if not all(np.isfinite(bound) for bound in dimension.interval()):
            continue
        if column.levels is not None and column.levels < FEWEST_LEVELS:
            continue
        cell = 0.0 if column.levels is None else 0.99 / column.levels
        values = vectors[:, index]
        for upper, distances in ((False, values), (True, 1 - values)):
            is_best_there = distances[0] <= max(AT_BOUND, cell)
            if is_best_there and np.mean(distances <= max(NEAR_BOUND, cell)) >= MOST:
                yield _at_bound(case, column.name, upper=upper, number=number)


def _at_bound(case: Case, name: str, *, upper: bool, number: int) -> Finding:
    dimension = case.experiment.space[name]
    prior = dimension.get_prior_string()
    wider = _wider(prior, upper=upper)
    bound = dimension.interval()[upper]
    return Finding(
        "note",
        "optimum-at-bound",
        case.title,
        f"the best {number} trials are at the {'upper' if upper else 'lower'} "
        f"bound of {name}, {bound:g}: better values may be beyond it",
        "widen its prior in a new version, if it may go beyond"
        + (f", for example to {wider}" if wider is not None else ""),
        () if wider is None else _command_with(case, name, wider),
    )


_PRIOR = re.compile(r"(?P<name>(?:log)?uniform)\((?P<low>[^,()]+), (?P<high>[^,()]+)(?P<rest>.*)\)")


def _wider(prior: str, *, upper: bool) -> str | None:
    """Return a prior that reaches beyond one of its bounds, if it is of a kind that can.

    Examples
    --------
    >>> _wider("loguniform(1e-05, 1)", upper=False)
    'loguniform(1e-06, 1)'
    >>> _wider("uniform(0, 4, discrete=True)", upper=True)
    'uniform(0, 8, discrete=True)'
    """
    match = _PRIOR.fullmatch(prior)
    if match is None:
        return None
    low, high = float(match["low"]), float(match["high"])
    if match["name"] == "loguniform":
        low, high = (low, 10 * high) if upper else (low / 10, high)
    else:
        low, high = (low, 2 * high - low) if upper else (2 * low - high, high)
    return f"{match['name']}({low:.6g}, {high:.6g}{match['rest']})"


def _command_with(case: Case, name: str, prior: str) -> tuple[str, ...]:
    """Return a hunt that goes on with another prior, if that stands in the command."""
    words = [str(word) for word in case.experiment.metadata.get("user_args") or ()]
    for index, word in enumerate(words):
        option, mark, _ = word.partition("~")
        if mark and option.lstrip("-").rstrip("=") == name.lstrip("/"):
            changed = [*words[:index], f"{option}~+{prior}", *words[index + 1 :]]
            return case.new_version(words=changed)
    return ()


def gradients(case: Case) -> Iterator[Finding]:
    """Find gradients that the algorithm does not use, or that contradict the objective."""
    reporting = [t for t, _ in case.outcomes if t.gradients][:GRADIENTS_LOOKED_AT]
    if not reporting:
        return
    yield from _unused_gradients(case, len(reporting))
    if len(case.experiment.declared_objectives) == 1:
        yield from _contradicting_gradients(case, reporting)


def _unused_gradients(case: Case, number: int) -> Iterator[Finding]:
    try:
        used = case.experiment.algorithm.uses_gradients
    except OrionLikeError:  # an algorithm that only Oríon has
        used = False
    if not used:
        yield Finding(
            "note",
            "unused-gradients",
            case.title,
            f"trials report gradients ({number} of them looked at), and the algorithm "
            f"{case.algorithm or ''} does not use them",
            "go on with an algorithm that does (lbfgs, gp or auto) in a new version",
            case.new_version("--enable-evc", "--algorithm", "lbfgs"),
        )


def _contradicting_gradients(case: Case, reporting: list[Trial]) -> Iterator[Finding]:
    reader = GradientReader(case.problem)
    encoding = case.experiment.space.encoding()
    read = [(trial, reader.read(trial)) for trial in reporting]
    sign = case.experiment.declared_objectives[0].sign
    name = case.experiment.declared_objectives[0].name
    points, slopes, losses = [], [], []
    for trial, found in read:
        value = _objective(trial, name)
        if found is not None and value is not None:
            points.append(encoding.encode(trial.flat_params))
            slopes.append(found.objectives[0])
            losses.append(sign * value)
    if len(points) < ENOUGH_GRADIENTS:
        return
    known = np.isfinite(np.array(slopes))
    rows, columns = np.nonzero(known)
    agreed = agreement(
        np.nan_to_num(np.array(points), nan=0.5),
        np.array(losses),
        Slopes(rows, columns, np.array(slopes)[known]),
    )
    if agreed < SURELY_WRONG:
        yield Finding(
            "wrong",
            "contradicting-gradients",
            case.title,
            f"the gradients of {len(points)} trials foretell the opposite of how {name} changes "
            "from a trial to those next to it, and are ignored: their sign is probably wrong",
            "report the derivatives of the objective itself, as the user sees it, also when it is "
            "maximized",
            (f"info {case.option}",),
        )
