"""`orion-like list`: which experiments there are."""

from __future__ import annotations

from typing import Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.forest import Node, build_forest, select, tree_lines
from orion_like.cli.options import format_option, selecting
from orion_like.cli.output import printable, write
from orion_like.cli.session import (
    Selection,
    Session,
    no_experiment,
    open_storage_to_read,
)

FIELDS = ("name", "version", "refers", "metadata.user", "metadata.datetime", "max_trials")


@click.command(
    "list",
    cls=Command,
    examples=["list", "list -n demo", "list --format csv"],
)
@selecting()
@format_option
@click.pass_obj
def list_(session: Session, selection: Selection, format_: str) -> None:
    """List the experiments, versions and branches below what they come from."""
    settings = selection.load_settings(session)
    name, version = settings["experiment.name"], settings["experiment.version"]
    with open_storage_to_read(settings) as storage:
        documents = storage.fetch_experiments(fields=FIELDS) if storage else []
        where = storage.url if storage else ""
    if name is not None and documents and not _has(documents, name, version):
        raise no_experiment(name, version, documents, where)
    trees = select(build_forest(documents), name, version)
    if selection.user is not None:
        trees = [tree for tree in trees if _user(tree) == selection.user]
    if format_ != "table":
        write([_record(node, documents) for tree in trees for node in tree], format_)
    elif not trees:
        click.echo("No experiment found")
    for tree in trees if format_ == "table" else ():
        click.echo("\n".join(map(printable, tree_lines(tree))))


def _has(documents: list[dict[str, Any]], name: str, version: int | None) -> bool:
    return any(
        doc["name"] == name and version in (None, doc.get("version", 1)) for doc in documents
    )


def _user(node: Node) -> str | None:
    user: str | None = (node.document.get("metadata") or {}).get("user")
    return user


def _record(node: Node, documents: list[dict[str, Any]]) -> dict[str, Any]:
    parent_id = (node.document.get("refers") or {}).get("parent_id")
    parent = next((doc for doc in documents if doc["_id"] == parent_id), None)
    metadata = node.document.get("metadata") or {}
    return {
        "name": node.name,
        "version": node.version,
        "parent": Node(parent).title if parent is not None else None,
        "user": metadata.get("user"),
        "created": metadata.get("datetime"),
        "max_trials": node.document.get("max_trials"),
    }
