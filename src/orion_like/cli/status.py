"""`orion-like status`: how many trials have each status, and the best objectives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.forest import Node, build_forest, select
from orion_like.cli.options import format_option, option, selecting
from orion_like.cli.output import counted, print_heading, print_table, printable, write
from orion_like.cli.session import Selection, Session, no_experiment, open_storage_to_read

if TYPE_CHECKING:
    from orion_like.algo import Objective, Outcome, OutcomeConstraint
    from orion_like.experiment import ParetoFront
    from orion_like.storage import Storage
    from orion_like.trial import Trial

FIELDS = ("name", "version", "refers", "metadata.user", "objectives", "constraints")

RESULT_FIELDS = ("status", "results", "number")
TRIAL_FIELDS = (
    *RESULT_FIELDS, "id", "params", "parent", "reason", "submit_time", "start_time", "end_time",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What is shown of one trial; the fields from `id` on only if it is shown by itself."""

    status: str
    number: int | None
    objectives: dict[str, float | None]
    outcome: Outcome | None
    constraints: dict[str, float]
    id: str | None = None
    reason: str | None = None
    submit_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    params: dict[str, Any] = field(default_factory=dict)
    gradients: dict[str, Any] = field(default_factory=dict)

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
    counts: dict[str, int] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

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
        return [*declared, *sorted(reported.difference(declared))]

    def feasible(self, status: str) -> int | None:
        """Count the trials with a status that keep all constraints; None if none is judged."""
        judged = [line.feasible for line in self.lines if line.status == status]
        return None if None in judged or not judged else sum(map(bool, judged))

    def bests(self, status: str) -> dict[str, float | None]:
        """Return the best value of each objective, by itself, of the trials with a status."""
        from orion_like.experiment.incumbent import Incumbent

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


@click.command(
    "status",
    cls=Command,
    examples=["status", "status -n demo --all", "status --format json"],
)
@selecting()
@option("-a", "--all", "every_trial", is_flag=True, help="Show every trial.")
@option("-C", "--collapse", is_flag=True, help="Count branches with what they come from.")
@option("-e", "--expand-versions", is_flag=True, help="Show every version by itself.")
@format_option
@click.pass_obj
def status(
    session: Session,
    selection: Selection,
    every_trial: bool,
    collapse: bool,
    expand_versions: bool,
    format_: str,
) -> None:
    """Count the trials of each experiment by status, with the best objective of each.

    The trials of older versions are counted with the latest one.
    """
    settings = selection.load_settings(session)
    name, version = settings["experiment.name"], settings["experiment.version"]
    if collapse and expand_versions:
        raise click.UsageError("--collapse and --expand-versions exclude each other")
    if version is not None and name is None:
        raise click.UsageError("--version needs --name, to say the version of what")
    blocks: list[Block] = []
    with open_storage_to_read(settings) as storage:
        if storage is not None:
            documents = storage.fetch_experiments(fields=FIELDS)
            roots = select(build_forest(documents), name, version)
            if name is not None and documents and not roots:
                raise no_experiment(name, version, documents, storage.url)
            for root in _of_user(roots, selection.user):
                alone = version is not None and not collapse
                grouped = _alone(root) if alone else _group(root, collapse, expand_versions)
                blocks += [_fill(storage, *group, every_trial) for group in grouped]
    _show(blocks, every_trial, format_)


def _of_user(roots: Iterable[Node], user: str | None) -> list[Node]:
    def owner(node: Node) -> Any:
        return (node.document.get("metadata") or {}).get("user")

    return [root for root in roots if user is None or owner(root) == user]


Group = tuple[Node, int, list[Node]]
"""The experiment in the title, its depth in the tree, and those whose trials it shows."""


def _alone(node: Node) -> Iterator[Group]:
    yield node, 0, [node]


def _group(root: Node, collapse: bool, expand_versions: bool, depth: int = 0) -> Iterator[Group]:
    """Yield what is shown of a tree, in the order in which it is shown."""
    if expand_versions:
        yield root, depth, [root]
        for child in root.children:
            yield from _group(child, collapse, expand_versions, depth + 1)
        return
    if collapse:
        family = list(root)
        others: list[Node] = []
    else:
        family, others = _versions(root)
    latest = max((node for node in family if node.name == root.name), key=lambda n: n.version)
    yield latest, depth, family
    for other in others:
        yield from _group(other, collapse, expand_versions, depth + 1)


def _versions(root: Node) -> tuple[list[Node], list[Node]]:
    """Return the nodes of the root's own name, and the roots of branches with another one."""
    family, others = [root], []
    for child in root.children:
        if child.name != root.name:
            others.append(child)
        else:
            below, elsewhere = _versions(child)
            family += below
            others += elsewhere
    return family, others


def _fill(storage: Storage, node: Node, depth: int, family: list[Node], every_trial: bool) -> Block:
    block = Block(node, depth)
    where = None if every_trial else {"status": "completed"}
    in_full = every_trial or len(block.objectives) > 1
    for member in family:
        uid = member.document["_id"]
        for name, count in storage.count_by_status(uid).items():
            block.counts[name] = block.counts.get(name, 0) + count
        fields = TRIAL_FIELDS if in_full else RESULT_FIELDS
        trials = storage.fetch_trials(uid, where, fields)
        block.lines += [_line(trial, block, in_full) for trial in trials]
    block.lines.sort(key=lambda line: line.status)
    return block


def _line(trial: Trial, block: Block, in_full: bool) -> Line:
    from orion_like.algo.outcome import find_objectives, judge_results

    found = find_objectives(trial.results, block.objectives)
    is_judged = trial.status == "completed"
    line = Line(
        status=trial.status,
        number=trial.number,
        objectives={
            objective.name: None if result is None else result.value
            for objective, result in zip(block.objectives, found, strict=True)
        },
        outcome=judge_results(trial.results, block.objectives, block.bounds) if is_judged else None,
        constraints={str(result.name): result.value for result in trial.constraints},
    )
    if not in_full:
        return line
    return replace(
        line,
        id=trial.id,
        reason=trial.reason,
        submit_time=trial.submit_time,
        start_time=trial.start_time,
        end_time=trial.end_time,
        params=trial.flat_params,
        gradients={str(r.name): r.value for r in trial.results if r.type == "gradient"},
    )


# --- showing ------------------------------------------------------------------------------------


def _show(blocks: list[Block], every_trial: bool, format_: str) -> None:
    if format_ != "table":
        records = [_record(block, every_trial) for block in blocks]
        write(records, format_, rows=_rows(records))
    elif not blocks:
        click.echo("No experiment found")
    for block in blocks if format_ == "table" else ():
        _show_table(block, every_trial)


def _show_table(block: Block, every_trial: bool) -> None:
    indent = 2 * block.depth
    print_heading(block.node.title, indent)
    if not block.counts:
        click.echo(f"{'':{indent}}empty")
    elif every_trial:
        _print_trials(block, indent)
    else:
        _print_statuses(block, indent)
    if block.front:
        volume = printable(block.front.hypervolume)
        size = counted(len(block.front), "trial")
        click.echo(f"{'':{indent}}Pareto front: {size}, hypervolume {volume}")
    click.echo("\n")


def _print_statuses(block: Block, indent: int) -> None:
    headers = ["status", "quantity"]
    if block.constraints:
        headers.append("feasible")
    headers += [f"{objective.direction[:3]} {objective.name}" for objective in block.objectives]
    rows: list[list[Any]] = []
    for name, count in sorted(block.counts.items()):
        feasible = [block.feasible(name)] if block.constraints else []
        rows.append([name, count, *feasible, *block.bests(name).values()])
    print_table(headers, rows, indent)


def _print_trials(block: Block, indent: int) -> None:
    headers = ["id", "status", *(objective.name for objective in block.objectives)]
    rows: list[list[Any]] = [[ln.id, ln.status, *ln.objectives.values()] for ln in block.lines]
    if block.constraints:
        headers += [*block.constraints, "feasible"]
        for row, line in zip(rows, block.lines, strict=True):
            row += [line.constraints.get(name) for name in block.constraints]
            row.append(None if line.feasible is None else "yes" if line.feasible else "no")
    if any(line.reason for line in block.lines):
        headers.append("reason")
        for row, line in zip(rows, block.lines, strict=True):
            row.append(line.short_reason)
    print_table(headers, rows, indent)


def _record(block: Block, every_trial: bool) -> dict[str, Any]:
    first = block.objectives[0]
    record: dict[str, Any] = {
        "name": block.node.name,
        "version": block.node.version,
        "objective": first.name,
        "direction": first.direction,
        "objectives": [{"name": o.name, "direction": o.direction} for o in block.objectives],
        "pareto_front": None if block.front is None else block.front.to_json(),
    }
    if every_trial:
        record["trials"] = [line.record() for line in block.lines]
    else:
        record["statuses"] = [
            _status_record(block, name, count) for name, count in sorted(block.counts.items())
        ]
    return record


def _status_record(block: Block, status: str, count: int) -> dict[str, Any]:
    bests = block.bests(status)
    return {
        "status": status,
        "quantity": count,
        "best": next(iter(bests.values())),
        "feasible": block.feasible(status),
        "bests": bests,
    }


def _rows(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        head = {"name": record["name"], "version": record["version"]}
        for item in record.get("trials") or record.get("statuses") or ():
            # What no trial has gets no column.
            yield {**head, **{key: value for key, value in item.items() if value != {}}}
