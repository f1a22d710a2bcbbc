"""`orion-like config show`: the value of every setting, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.completing import complete_settings
from orion_like.cli.options import (
    branching_options,
    experiment_options,
    format_option,
    option,
    selecting,
    worker_options,
)
from orion_like.cli.output import plain, print_table, printable, write
from orion_like.cli.registration import branching_overrides, experiment_overrides, worker_overrides
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    open_storage_to_read,
)

if TYPE_CHECKING:
    from orion_like.config import Option, Settings


@click.command(
    "show",
    cls=Command,
    examples=[
        "config show",
        "config show --changed",
        "config show worker.heartbeat storage",
        "config show -n demo --max-trials 50 --format json",
    ],
)
@click.argument("keys", metavar="[KEY …]", nargs=-1, shell_complete=complete_settings)
@selecting()
@format_option
@option("--changed", is_flag=True, help="Leave out the settings that have their default.")
@experiment_options
@worker_options
@branching_options
@click.pass_obj
def show(
    session: Session,
    /,
    keys: tuple[str, ...],
    selection: Selection,
    format_: str,
    changed: bool,
    **options: Any,
) -> None:
    """Tell the value in force of every setting, and where it came from.

    KEY is a setting such as worker.heartbeat, or a section such as storage. With
    -n, what is stored with that experiment counts too; with options of hunt, so do
    they. What is secret is shown as ***.
    """
    from orion_like.config import global_files

    overrides = {
        **experiment_overrides(options),
        **worker_overrides(options),
        **branching_overrides(options),
    }
    settings = selection.load_settings(session, overrides)
    chosen = _chosen(keys)
    rows = list(_rows(_with_experiment(settings, selection), chosen, changed))
    files = [*map(str, global_files()), *([selection.config] if selection.config else [])]
    if format_ != "table":
        write({"files": files, "settings": rows}, format_, rows)
    elif not rows:
        click.echo("Everything has its default")
    else:
        print_table(
            ("setting", "value", "source"),
            [(row["key"], _for_people(row["value"]), _source(row)) for row in rows],
        )


def _with_experiment(settings: Settings, selection: Selection) -> Settings:
    """Return the settings with those of the experiment that is meant, if it exists."""
    name, version = settings["experiment.name"], settings["experiment.version"]
    if name is None:
        return settings
    if selection.name is not None:
        with open_existing_storage(settings) as storage:
            return settings.of_experiment(find_experiment(storage, name, version))
    with open_storage_to_read(settings) as maybe:  # one of a file may be yet to come
        document = maybe.fetch_experiment(name, version) if maybe else None
    return settings if document is None else settings.of_experiment(document)


def _chosen(keys: Sequence[str]) -> list[Option]:
    """Return the settings that are asked for: all, or those of keys and sections."""
    from orion_like.config import OPTIONS, SECTION_ALIASES, SECTIONS, option_of

    if not keys:
        return list(OPTIONS)
    chosen: dict[str, Option] = {}
    for key in keys:
        name = key.replace("-", "_")
        if name in SECTIONS:
            prefix = SECTION_ALIASES.get(name, name) + "."
            found = [option for option in OPTIONS if option.key.startswith(prefix)]
        else:
            found = [option_of(name)]
        chosen.update({option.key: option for option in found})
    return list(chosen.values())


def _rows(settings: Settings, chosen: Sequence[Option], changed: bool) -> Iterator[dict[str, Any]]:
    for setting in chosen:
        source, _, where = settings.origin(setting.key).partition(" ")
        if source == "argument":
            where = next((w for w in setting.options.split() if w.startswith("--")), "")
        if source != "default" or not changed:
            yield {
                "key": setting.key,
                "value": plain(settings.shown(setting.key)),
                "source": source,
                "where": where or None,
                "default": plain(setting.default),
            }


def _for_people(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str) and value:
        return printable(value)
    return json.dumps(value, ensure_ascii=False)


def _source(row: dict[str, Any]) -> str:
    return " ".join(filter(None, (row["source"], row["where"])))
