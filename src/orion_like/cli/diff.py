"""`orion-like diff`: what differs between two versions of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.completing import complete_names, complete_versions
from orion_like.cli.options import format_option, storage_options
from orion_like.cli.output import counted, plain, print_heading, printable, write
from orion_like.cli.session import Selection, Session, no_experiment, open_existing_storage
from orion_like.errors import NoConfigurationError

if TYPE_CHECKING:
    from orion_like.experiment.versions import Adapter
    from orion_like.storage import Storage

Document = dict[str, Any]


@click.command(
    "diff",
    cls=Command,
    help_when_bare=True,
    examples=["diff demo", "diff demo 1 3", "diff demo 2 other-v1 --format json"],
)
@click.argument("name", shell_complete=complete_names)
@click.argument("versions", metavar="[OLD [NEW]]", nargs=-1, shell_complete=complete_versions)
@storage_options
@format_option
@click.pass_obj
def diff(
    session: Session,
    /,
    name: str,
    versions: tuple[str, ...],
    config: str | None,
    storage: str | None,
    format_: str,
) -> None:
    """Explain what changed between two versions of experiment NAME.

    OLD and NEW are numbers of versions, or the names of branches, such as
    other-v1. NEW is the latest version by default, and OLD the one that it was
    made from.
    """
    if len(versions) > 2:
        raise click.UsageError("two versions are compared, not more")
    selection = Selection(name=name, config=config, storage=storage)
    with open_existing_storage(selection.load_settings(session)) as opened:
        old, new = _chosen(opened, name, versions)
        record = _record(opened, old, new)
    if format_ == "table":
        _show(record)
    else:
        write(record, format_, rows=plain(record["differences"]))


def _chosen(storage: Storage, name: str, versions: Sequence[str]) -> tuple[Document, Document]:
    documents = storage.fetch_experiments()
    of_name = [document for document in documents if document["name"] == name]
    if not of_name:
        raise no_experiment(name, None, documents, storage.url)
    new = _find(documents, name, versions[1], storage.url) if len(versions) == 2 else of_name[-1]
    if versions:
        return _find(documents, name, versions[0], storage.url), new
    parent_id = (new.get("refers") or {}).get("parent_id")
    parent = next((doc for doc in documents if doc["_id"] == parent_id), None)
    if parent is None:
        raise NoConfigurationError(
            f"{_title(new)} was not made from another version that is there; say which two to "
            "compare, as in: orion-like diff NAME OLD NEW"
        )
    return parent, new


def _find(documents: Sequence[Document], name: str, word: str, where: str) -> Document:
    """Return the experiment that a word such as ``2``, ``v2`` or ``other-v1`` means."""
    for document in documents:
        version = str(document.get("version", 1))
        of_name = document["name"] == name and word in (version, f"v{version}")
        if of_name or word == _title(document):
            return document
    there = [
        _title(doc)
        for doc in documents
        if doc["name"] == name
        or (doc.get("refers") or {}).get("root_id") in _roots(documents, name)
    ]
    raise NoConfigurationError(
        f"there is no version {word!r} of experiment {name!r} in {where}; there are "
        f"{', '.join(there)}"
    )


def _roots(documents: Sequence[Document], name: str) -> list[Any]:
    return [(doc.get("refers") or {}).get("root_id") for doc in documents if doc["name"] == name]


def _record(storage: Storage, old: Document, new: Document) -> dict[str, Any]:
    from orion_like.experiment.versions import Family, find_conflicts
    from orion_like.worker.command_changes import command_changes

    family = Family.fetch(storage, new)
    trials = storage.fetch_trials_of([old["_id"]])
    route = family.routes(new["_id"]).get(old["_id"])
    seen = None if route is None else sum(route.adapt(trial) is not None for trial in trials)
    return {
        "old": _title(old),
        "new": _title(new),
        "differences": [c.to_json() for c in find_conflicts(old, new, command_changes)],
        "adapters": [adapter.to_document() for adapter in _between(family, old, new)],
        "trials": len(trials),
        "trials_seen": seen,
    }


def _between(family: Any, old: Document, new: Document) -> list[Adapter]:
    """Return the adapters from a version to one that comes from it; none for others."""
    if old["_id"] not in family.members:
        return []
    line = [family.members[new["_id"]], *family.ancestors(new["_id"])]
    ids = [member.id for member in line]
    if old["_id"] not in ids:
        return []
    steps = line[: ids.index(old["_id"])]
    return [adapter for member in reversed(steps) for adapter in member.adapters]


def _title(document: Mapping[str, Any]) -> str:
    return f"{document['name']}-v{document.get('version', 1)}"


# --- showing -------------------------------------------------------------------------------------


def _show(record: Mapping[str, Any]) -> None:
    print_heading(f"{record['old']} → {record['new']}")
    for difference in record["differences"]:
        click.echo(printable(difference["text"]))
        if difference["kind"] == "code":
            _show_code(difference["old"], difference["new"])
    if not record["differences"]:
        click.echo("Nothing differs.")
    click.echo()
    if record["adapters"]:
        click.echo("What becomes of trials:")
        for adapter in record["adapters"]:
            click.echo(f"  {printable(_in_words(adapter))}")
    if record["trials_seen"] is None:
        click.echo(f"{record['new']} does not look at the trials of {record['old']}.")
    else:
        count = counted(record["trials"], "trial")
        click.echo(
            f"{record['new']} sees {record['trials_seen']} of the {count} of {record['old']}."
        )


def _in_words(adapter: Mapping[str, Any]) -> str:
    of_type = adapter["of_type"]
    if "param" in adapter:
        value = adapter["param"]["value"]
        sign = "+" if of_type == "dimensionaddition" else "-"
        return f"{sign} {adapter['param']['name']}" + ("" if value is None else f" = {value!r}")
    if of_type == "dimensionrenaming":
        return f"{adapter['old_name']} is {adapter['new_name']} now"
    if of_type == "dimensionpriorchange":
        return f"{adapter['name']}: {adapter['old_prior']} → {adapter['new_prior']}"
    change = adapter.get("change_type")
    return of_type if change is None else f"{of_type}: {change}"


def _show_code(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    names = {"HEAD_sha": "commit", "active_branch": "branch", "diff_sha": "changes, SHA-256"}
    for key, name in names.items():
        if old.get(key) != new.get(key):
            click.echo(printable(f"  {name}: {old.get(key)} → {new.get(key)}"))
