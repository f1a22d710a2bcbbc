"""`orion-like status`: how many trials have each status, and the best objectives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.forest import Node, build_forest, select
from orion_like.cli.options import format_option, option, selecting
from orion_like.cli.output import print_heading, print_table, write
from orion_like.cli.session import Selection, Session, no_experiment, open_storage_to_read

if TYPE_CHECKING:
    from orion_like.storage import Storage
    from orion_like.trial import Trial

FIELDS = ("name", "version", "refers", "metadata.user", "objectives")


TRIAL_FIELDS = (
    "status", "results", "id", "params", "parent", "number", "reason", "submit_time",
    "start_time", "end_time",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What is shown of one trial; only the first two unless every trial is shown."""

    status: str
    objective: float | None
    id: str | None = None
    number: int | None = None
    reason: str | None = None
    submit_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return all of it, in the order in which programs get it."""
        names = ("id", "number", "status", "objective", "reason")
        times = ("submit_time", "start_time", "end_time")
        return {name: getattr(self, name) for name in (*names, *times, "params")}

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

    @property
    def objective(self) -> tuple[str, bool]:
        """Name of the objective, and whether more of it is better."""
        first = (self.node.document.get("objectives") or [{}])[0]
        return first.get("name", "objective"), first.get("direction") == "maximize"

    def best(self, status: str) -> float | None:
        """Best objective of the trials with a status."""
        values = [
            line.objective
            for line in self.lines
            if line.status == status and line.objective is not None
        ]
        maximize = self.objective[1]
        return (max if maximize else min)(values, default=None)


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
    for member in family:
        uid = member.document["_id"]
        for name, count in storage.count_by_status(uid).items():
            block.counts[name] = block.counts.get(name, 0) + count
        fields = TRIAL_FIELDS if every_trial else ("status", "results")
        trials = storage.fetch_trials(uid, where, fields)
        block.lines += [_line(trial, every_trial) for trial in trials]
    block.lines.sort(key=lambda line: line.status)
    return block


def _line(trial: Trial, in_full: bool) -> Line:
    objective = None if trial.objective is None else trial.objective.value
    if not in_full:
        return Line(trial.status, objective)
    return Line(
        status=trial.status,
        objective=objective,
        id=trial.id,
        number=trial.number,
        reason=trial.reason,
        submit_time=trial.submit_time,
        start_time=trial.start_time,
        end_time=trial.end_time,
        params=trial.flat_params,
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
    objective, maximize = block.objective
    best = f"{'max' if maximize else 'min'} {objective}"
    if not block.counts:
        click.echo(f"{'':{indent}}empty")
    elif every_trial:
        _print_trials(block, objective, indent)
    else:
        counts = sorted(block.counts.items())
        rows_ = [(name, count, block.best(name)) for name, count in counts]
        print_table(("status", "quantity", best), rows_, indent)
    click.echo("\n")


def _print_trials(block: Block, objective: str, indent: int) -> None:
    headers: tuple[str, ...] = ("id", "status", objective)
    rows: list[tuple[Any, ...]] = [(ln.id, ln.status, ln.objective) for ln in block.lines]
    if any(line.reason for line in block.lines):
        headers += ("reason",)
        rows = [(*row, ln.short_reason) for row, ln in zip(rows, block.lines, strict=True)]
    print_table(headers, rows, indent)


def _record(block: Block, every_trial: bool) -> dict[str, Any]:
    objective, maximize = block.objective
    record: dict[str, Any] = {
        "name": block.node.name,
        "version": block.node.version,
        "objective": objective,
        "direction": "maximize" if maximize else "minimize",
    }
    if every_trial:
        record["trials"] = [line.record() for line in block.lines]
    else:
        record["statuses"] = [
            {"status": name, "quantity": count, "best": block.best(name)}
            for name, count in sorted(block.counts.items())
        ]
    return record


def _rows(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        head = {"name": record["name"], "version": record["version"]}
        for item in record.get("trials") or record.get("statuses") or ():
            yield {**head, **item}
