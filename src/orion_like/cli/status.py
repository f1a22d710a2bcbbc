"""`orion-like status`: how many trials have each status, and the best objectives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from orion_like.cli.block import Block, Group, read_blocks
from orion_like.cli.commands import Command
from orion_like.cli.forest import Node, build_forest, select
from orion_like.cli.options import format_option, option, selecting
from orion_like.cli.output import counted, print_heading, print_table, printable, write
from orion_like.cli.session import Selection, Session, no_experiment, open_storage_to_read

FIELDS = ("name", "version", "state", "refers", "metadata.user", "objectives", "constraints")


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
    groups: list[Group] = []
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
                groups += grouped
            blocks = read_blocks(storage, groups, every_trial)
    _show(blocks, every_trial, format_)


def _of_user(roots: Iterable[Node], user: str | None) -> list[Node]:
    def owner(node: Node) -> Any:
        return (node.document.get("metadata") or {}).get("user")

    return [root for root in roots if user is None or owner(root) == user]


def _alone(node: Node) -> Iterator[Group]:
    yield node, 0, [node]


def _group(root: Node, collapse: bool, expand_versions: bool) -> Iterator[Group]:
    """Yield what is shown of a tree, in the order in which it is shown."""
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if expand_versions:
            family, others = [node], node.children
        elif collapse:
            family, others = list(node), []
        else:
            family, others = _versions(node)
        latest = max((one for one in family if one.name == node.name), key=lambda n: n.version)
        yield latest, depth, family
        waiting += [(other, depth + 1) for other in reversed(others)]


def _versions(root: Node) -> tuple[list[Node], list[Node]]:
    """Return the nodes of the root's own name, and the roots of branches with another one."""
    family, others = [], []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.name != root.name:
            others.append(node)
        else:
            family.append(node)
            waiting += reversed(node.children)
    return family, others


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
    if block.node.state != "active":
        click.echo(f"{'':{indent}}{block.node.state}")
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
        "state": block.node.state,
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
