"""`orion-like db rm`: delete experiments or trials."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command
from orion_like.cli.completing import complete_statuses
from orion_like.cli.db.confirmation import confirm
from orion_like.cli.db.saved_files import SavedFiles, delete_directory
from orion_like.cli.forest import Node, build_forest, select, tree_lines
from orion_like.cli.options import option, selecting
from orion_like.cli.output import counted, printable
from orion_like.cli.session import Selection, Session, find_experiment, open_existing_storage
from orion_like.errors import FailedUpdate, UnsupportedOperation
from orion_like.storage.storage import Storage
from orion_like.trial import ALLOWED_STATUSES


@click.command(
    "rm", cls=Command, examples=["db rm demo", "db rm demo --status broken", "db rm demo -v 2 -f"]
)
@selecting(named=True)
@option(
    "-s",
    "--status",
    shell_complete=complete_statuses,
    metavar="STATUS",
    type=click.Choice((*ALLOWED_STATUSES, "*")),
    help="Delete only the trials with this status; '*' is any but reserved.",
)
@option("--id", "uid", metavar="ID", help="Delete only the trial with this id.")
@option(
    "--with-checkpoints/--keep-checkpoints",
    "files",
    default=None,
    help="Whether the files of their checkpoints are deleted too.  [default: ask; with -f, keep]",
)
@option("-f", "--force", is_flag=True, help="Ask nothing, and delete running experiments too.")
@click.pass_obj
def rm(
    session: Session,
    selection: Selection,
    status: str | None,
    uid: str | None,
    files: bool | None,
    force: bool,
) -> None:
    """Delete experiment NAME with all its versions and branches, or only some of their trials."""
    settings = selection.load_settings(session)
    name = settings["experiment.name"]
    with open_existing_storage(settings) as storage:
        trees = select_trees(storage, name, settings["experiment.version"])
        click.echo("\n".join(printable(line) for tree in trees for line in tree_lines(tree)))
        nodes = [node for tree in trees for node in tree]
        if status is not None or uid is not None:
            confirm(f"This deletes trials of {counted(len(nodes), 'experiment')}.", name, force)
            where = {"id": uid} if uid is not None else {}
            where |= {"status": status} if status not in (None, "*") else {}
            saved = SavedFiles.of_trials(storage, [n.document["_id"] for n in nodes], where)
            if saved.shall_go(files, force):
                saved.delete()
            _delete_trials(storage, nodes, where)
        else:
            confirm(
                f"This deletes {counted(len(nodes), 'experiment')} and all trials.", name, force
            )
            _refuse_running(storage, nodes, force)
            saved = SavedFiles.of_experiments(storage, [n.document["_id"] for n in nodes])
            if saved.shall_go(files, force):
                saved.delete()
                for document in storage.fetch_experiments(
                    {"_id": {"$in": list(saved.saved)}}, ["working_dir", "uuid"]
                ):
                    delete_directory(document)
            _delete_experiments(storage, nodes)


def select_trees(storage: Storage, name: str, version: int | None) -> list[Node]:
    """Return the experiments with a name, with all that was branched from them."""
    documents = storage.fetch_experiments(fields=["name", "version", "refers"])
    trees = select(build_forest(documents), name, version)
    if not trees:
        find_experiment(storage, name)
        versions = ", ".join(str(n.version) for n in map(Node, documents) if n.name == name)
        raise click.UsageError(f"{name!r} has no version {version}; it has version {versions}")
    return trees


def _delete_trials(storage: Storage, nodes: list[Node], where: dict[str, str]) -> None:
    deleted = sum(storage.delete_trials(node.document["_id"], where) for node in nodes)
    if not deleted and "id" in where:
        raise _undeleted(storage, nodes, where["id"])
    click.echo(f"{deleted} trials deleted")


def _undeleted(storage: Storage, nodes: list[Node], uid: str) -> FailedUpdate:
    found = (storage.get_trial(node.document["_id"], uid) for node in nodes)
    trial = next((trial for trial in found if trial is not None), None)
    if trial is None:
        return FailedUpdate(f"there is no trial with the id {uid!r}; see 'orion-like status --all'")
    return FailedUpdate(
        f"trial {uid} is {trial.status}, so it was not deleted; release it first, "
        "with 'orion-like db set NAME id=ID status=interrupted', if it is running"
    )


def _refuse_running(storage: Storage, nodes: list[Node], force: bool) -> None:
    running = [n.title for n in nodes if storage.count_by_status(n.document["_id"]).get("reserved")]
    if running and not force:
        raise UnsupportedOperation(
            f"{', '.join(running)} has running trials; stop its workers, or release the trials of "
            "dead ones with 'orion-like db release', or delete them all the same with --force"
        )


def _delete_experiments(storage: Storage, nodes: list[Node]) -> None:
    trials = sum(storage.delete_experiment(node.document["_id"]) for node in reversed(nodes))
    click.echo(f"{trials} trials deleted\n{len(nodes)} experiments deleted")
