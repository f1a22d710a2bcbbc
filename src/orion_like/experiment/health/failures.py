"""Whether trials break, and whether they break for one and the same reason."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator

from orion_like.experiment.health.case import MANY, Case
from orion_like.experiment.health.finding import Finding

FEW = 3  # broken trials that may be bad luck
MOST = 0.5  # part of the broken trials
NOTEWORTHY = 0.2  # part of the trials that ended
MANY_ATTEMPTS = 4

_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|[0-9a-f]{32}|\d+")


def alike_failures(case: Case) -> Iterator[Finding]:
    """Find that most broken trials broke for the same reason, numbers in it aside."""
    broken = [trial for trial in case.trials if trial.status == "broken"]
    ended = len(broken) + len(case.completed)
    stopped = case.experiment.max_broken is not None and len(broken) >= case.experiment.max_broken
    if len(broken) < FEW or (len(broken) < NOTEWORTHY * ended and not stopped):
        return
    reasons = Counter(_VARIABLE.sub("#", last_line(trial.reason)) for trial in broken)
    reason, number = reasons.most_common(1)[0]
    same = number > MOST * len(broken)
    example = next(
        last_line(t.reason) for t in broken if _VARIABLE.sub("#", last_line(t.reason)) == reason
    )
    why = (
        f"{number} of them because: {example or 'no reason is known'}"
        if same
        else (f"for {len(reasons)} different reasons")
    )
    end = f"; at max_broken, {case.experiment.max_broken}, no more are started" if stopped else ""
    yield Finding(
        "wrong",
        "broken-trials",
        case.title,
        f"{len(broken)} of {ended} trials that ended broke, {why}{end}",
        "see what they printed, mend it, and have them tried again"
        + (", or allow more of them" if stopped else ""),
        (
            f"status {case.option} --all",
            f"retry {case.named} "
            + (f"--reason {_part(example)}" if same and example else "--all"),
            *((f"db set {case.named} max_broken={2 * len(broken)}",) if stopped else ()),
        ),
    )


def killers(case: Case) -> Iterator[Finding]:
    """Find trials that were begun again and again, and perhaps end their workers."""
    for trial in case.trials:
        if trial.attempt >= MANY_ATTEMPTS and trial.status not in ("completed", "broken"):
            yield Finding(
                "wrong",
                "many-attempts",
                case.title,
                f"trial {trial.id} is {trial.status} after {trial.attempt} attempts"
                + (f", the last one because: {last_line(trial.reason)}" if trial.reason else ""),
                "if it ends its workers (as for want of memory), delete it; if they end for other "
                "reasons (preemption), have it save checkpoints",
                (f"db rm {case.named} --id {trial.id} --force",),
            )


def unreported_constraints(case: Case) -> Iterator[Finding]:
    """Find declared constraints that no trial has reported."""
    reported = {str(result.name) for trial in case.completed for result in trial.constraints}
    missing = [c.name for c in case.experiment.declared_constraints if c.name not in reported]
    if missing and len(case.completed) >= MANY:
        yield Finding(
            "wrong",
            "constraint-not-reported",
            case.title,
            f"no trial has reported {', '.join(missing)}, so that none is feasible",
            "have the script report each as {'name': …, 'type': 'constraint', 'value': …}",
            (f"info {case.option}",),
        )


def last_line(reason: str | None) -> str:
    """Return the last line of a reason that is not blank."""
    lines = [line.strip() for line in (reason or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _part(reason: str) -> str:
    """Return the longest part of a reason without what varies, as a word for a shell."""
    parts = [part.strip(" ,;:.()") for part in _VARIABLE.split(reason)]
    return shlex.quote(max(parts, key=len))
