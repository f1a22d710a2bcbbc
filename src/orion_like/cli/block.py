"""What `orion-like status` shows of one experiment: its trials, their best, their front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orion_like.cli.forest import Node
from orion_like.cli.tally import Tally

if TYPE_CHECKING:
    from orion_like.algo import Objective, Outcome, OutcomeConstraint
    from orion_like.experiment import ParetoFront
    from orion_like.storage import Storage
    from orion_like.trial import Trial

FIELDS = (
    "status", "results", "number", "id", "params", "parent", "reason", "submit_time",
    "start_time", "end_time",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What is shown of one trial."""

    status: str
    number: int | None
    objectives: dict[str, float | None]
    outcome: Outcome | None
    constraints: dict[str, float]
    id: str
    reason: str | None
    submit_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    params: dict[str, Any]
    gradients: dict[str, Any]

    @property
    def feasible(self) -> bool | None:
        """Whether it keeps all constraints; None unless it is completed."""
        return None if self.outcome is None else self.outcome.is_feasible

    def record(self) -> dict[str, Any]:
        """Return all of it, in the order in which programs get it."""
        return {
            "id": self.id,
            "number": self.number,
            "status": self.status,
            "objective": next(iter(self.objectives.values())),
            "reason": self.reason,
            "submit_time": self.submit_time,
            "start_time": self.start_time,
            "end_time": self.end_time,
            "params": self.params,
            "objectives": self.objectives,
            "constraints": self.constraints,
            "feasible": self.feasible,
            "gradients": self.gradients,
        }

    @property
    def short_reason(self) -> str:
        """Why it broke or was released, the most telling line first."""
        lines = [line.strip() for line in (self.reason or "").splitlines() if line.strip()]
        return f"{lines[-1]} ({lines[0]})" if len(lines) > 1 else "".join(lines)


@dataclass
class Block:
    """The trials that are shown under one title."""

    node: Node
    depth: int
    members: list[Any] = field(default_factory=list)  # ids of the experiments with the trials
    counts: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    tally: Tally | None = None  # in place of lines, where trials are neither shown nor compared

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What is minimized or maximized."""
        from orion_like.algo.problem import read_objectives

        return read_objectives(self.node.document.get("objectives"))

    @cached_property
    def bounds(self) -> tuple[OutcomeConstraint, ...]:
        """Declared constraints on results."""
        from orion_like.algo.problem import read_constraints

        declared = self.node.document.get("constraints") or ()
        return read_constraints(entry for entry in declared if not isinstance(entry, str))

    @property
    def constraints(self) -> list[str]:
        """Names of the constraints on results, those that are declared first."""
        declared = [bound.name for bound in self.bounds]
        reported = {name for line in self.lines for name in line.constraints}
        if self.tally is not None:
            reported = self.tally.constraints
        return [*declared, *sorted(reported.difference(declared))]

    def feasible(self, status: str) -> int | None:
        """Count the trials with a status that keep all constraints; None if none is judged."""
        if self.tally is not None:
            is_judged = status == "completed" and self.tally.trials
            return self.tally.feasible if is_judged else None
        judged = [line.feasible for line in self.lines if line.status == status]
        return None if None in judged or not judged else sum(map(bool, judged))

    def bests(self, status: str) -> dict[str, float | None]:
        """Return the best value of each objective, by itself, of the trials with a status."""
        from orion_like.experiment.incumbent import Incumbent

        if self.tally is not None:
            best = self.tally.best if status == "completed" else None
            return {self.objectives[0].name: best}
        bests = {}
        for position, objective in enumerate(self.objectives):
            incumbent = Incumbent(objective)
            for line in self.lines:
                if line.status == status and line.outcome is not None:
                    losses = line.outcome.losses[position : position + 1]
                    incumbent.observe("", line.number, replace(line.outcome, losses=losses))
            bests[objective.name] = incumbent.value
        return bests

    @cached_property
    def front(self) -> ParetoFront | None:
        """The Pareto front; None with one objective."""
        from orion_like.experiment.front import FrontFollower

        if len(self.objectives) == 1:
            return None
        follower = FrontFollower(self.objectives)
        for line in self.lines:
            if line.outcome is not None:
                follower.observe(str(line.id), line.number, line.outcome)
        return follower.front


Group = tuple[Node, int, list[Node]]
"""The experiment in the title, its depth in the tree, and those whose trials it shows."""


def read_blocks(storage: Storage, groups: Sequence[Group], every_trial: bool) -> list[Block]:
    """Return what is shown under the titles of experiments.

    Parameters
    ----------
    storage
        Where the experiments are.
    groups
        The titles, and what comes under them.
    every_trial
        Whether trials are shown one by one.
    """
    blocks = [Block(node, depth, members=_uids(family)) for node, depth, family in groups]
    for block in blocks:
        if not every_trial and len(block.objectives) == 1:
            block.tally = Tally(block.objectives[0], block.bounds)
    # In two queries, however many experiments there are.
    counts = storage.count_each_by_status([uid for block in blocks for uid in block.members])
    tallied = [uid for block in blocks if block.tally is not None for uid in block.members]
    results = storage.fetch_results(tallied)
    for block in blocks:
        for uid in block.members:
            for name, count in counts.get(uid, {}).items():
                block.counts[name] = block.counts.get(name, 0) + count
        if block.tally is None:
            block.lines = _read_lines(storage, block, every_trial)
            continue
        for uid in block.members:
            for each in results[uid]:
                block.tally.add(each)
    return blocks


def _uids(family: Iterable[Node]) -> list[Any]:
    return [node.document["_id"] for node in family]


def _read_lines(storage: Storage, block: Block, every_trial: bool) -> list[Line]:
    where = None if every_trial else {"status": "completed"}
    trials = (trial for uid in block.members for trial in storage.fetch_trials(uid, where, FIELDS))
    return sorted((_line(trial, block) for trial in trials), key=lambda line: line.status)


def _line(trial: Trial, block: Block) -> Line:
    from orion_like.algo.outcome import find_objectives, judge_results

    found = find_objectives(trial.results, block.objectives)
    is_judged = trial.status == "completed"
    return Line(
        status=trial.status,
        number=trial.number,
        objectives={
            objective.name: None if result is None else result.value
            for objective, result in zip(block.objectives, found, strict=True)
        },
        outcome=judge_results(trial.results, block.objectives, block.bounds) if is_judged else None,
        constraints={str(result.name): result.value for result in trial.constraints},
        id=trial.id,
        reason=trial.reason,
        submit_time=trial.submit_time,
        start_time=trial.start_time,
        end_time=trial.end_time,
        params=trial.flat_params,
        gradients={str(result.name): result.value for result in trial.gradients},
    )
