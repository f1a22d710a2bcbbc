"""`orion-like insert`: add a trial with values of the user's choice."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from orion_like.cli.commands import Command, did_you_mean
from orion_like.cli.options import format_option, option, selecting
from orion_like.cli.output import flat, plain, write
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)
from orion_like.errors import ConfigurationError, DuplicateKeyError
from orion_like.trial import Trial

OBJECTIVE = "--objective"
MARKS = ("orion=", "orion_like=", "orion-like=")


class InsertCommand(Command):
    """A command whose own options end at the first word that is none of them.

    The words after that are values of dimensions, such as ``-x=1``, whatever letters they
    begin with.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options of the command; keep the other words as they are."""
        if args:
            end = self._end_of_options(args)
            words = args[end + 1 :] if args[end : end + 1] == ["--"] else args[end:]
            args = [*args[:end], "--", *words]
        return super().parse_args(ctx, args)

    def _end_of_options(self, args: Sequence[str]) -> int:
        takes_value = {
            name: not parameter.is_flag
            for parameter in self.params
            if isinstance(parameter, click.Option)
            for name in parameter.opts
        }
        index = 0
        while index < len(args):
            word, equals, _ = args[index].partition("=")
            is_help = args[index] in ("-h", "--help")
            is_assigned = word in takes_value and bool(equals) and word.startswith("--")
            if not (is_help or is_assigned or args[index] in takes_value):
                break
            index += 1 + takes_value.get(args[index], False)
        return min(index, len(args))


@click.command(
    "insert",
    cls=InsertCommand,
    help_when_bare=True,
    examples=[
        "insert -n demo --lr=0.01 --layers=3",
        "insert -n demo ./train.py --lr 0.01",
        "insert -n demo --objective 0.25 /lr=0.01 /layers=3",
    ],
)
@selecting()
@option(
    OBJECTIVE,
    "objectives",
    multiple=True,
    metavar="[NAME=]VALUE",
    help="Objective that is known already: the trial is completed with it.",
)
@format_option
@click.argument("words", metavar="[SCRIPT] VALUE …", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def insert(
    session: Session,
    selection: Selection,
    objectives: tuple[str, ...],
    format_: str,
    words: tuple[str, ...],
) -> None:
    """Add a trial with the values that you choose; the next free worker runs it.

    A VALUE is --lr=0.01, --lr 0.01 or lr=0.01, in JSON or as Python writes it,
    or plain text. Dimensions that are left out get their default value. The
    words before the first value, the script, are ignored.
    """
    settings = selection.load_settings(session)
    name = required_name(settings)
    with open_existing_storage(settings) as storage:
        document = find_experiment(storage, name, settings["experiment.version"])

        from orion_like.client import get_experiment

        client = get_experiment(name, document.get("version", 1), mode="w", storage=storage)
        with client:
            given = read_words(words, client.space, settings["worker.user_script_config"])
            results = _results(
                [*objectives, *given.objectives],
                [item["name"] for item in client.experiment.objectives],
            )
            try:
                trial = client.insert(given.params, results=results)
            except DuplicateKeyError as error:
                raise DuplicateKeyError(f"{error}; nothing was inserted", error.keys) from error
    _show(trial, format_)


# --- reading the words --------------------------------------------------------------------------


@dataclass
class Given:
    """What the words of the command say."""

    params: dict[str, Any] = field(default_factory=dict)
    objectives: list[str] = field(default_factory=list)


def read_words(words: Sequence[str], names: Iterable[str], config_option: str = "config") -> Given:
    """Return the values that words give to dimensions.

    Parameters
    ----------
    words
        For example ``["./train.py", "--lr=0.1", "-x", "1"]``.
    names
        Names of the dimensions.
    config_option
        Option of the script that names a configuration file; values in it that are marked,
        as in ``lr: orion=0.1``, count too.

    Raises
    ------
    click.UsageError
        If a dimension is unknown or given twice, or a value is missing.

    Examples
    --------
    >>> read_words(["./train.py", "--lr=0.1", "-x", "1"], ["/lr", "/x"]).params
    {'/lr': 0.1, '/x': 1}
    """
    names = list(names)
    given = Given()
    for key, text in _assignments(words):
        known = _dimension(key, names)
        if known is None and key == OBJECTIVE:
            given.objectives.append(text)
        elif known is None and key.lstrip("-") == config_option and Path(text).is_file():
            for name, value in _marked_values(Path(text)):
                _add(given.params, _known(name, names), parse_value(value))
        else:
            _add(given.params, _known(key, names), parse_value(text))
    return given


def _assignments(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of every assignment; the words before the first are the script."""
    index, started = 0, False
    while index < len(words):
        word = words[index]
        key, equals, text = word.partition("=")
        if equals and key:
            yield key, text
        elif word.startswith("-") and len(word) > 1:
            index += 1
            if index == len(words):
                raise click.UsageError(f"{word} needs a value, as in {word}=1")
            yield word, words[index]
        elif started:
            raise click.UsageError(f"{word!r} is not a value of a dimension, such as --lr=0.01")
        else:
            index += 1
            continue
        started = True
        index += 1


def _dimension(key: str, names: Sequence[str]) -> str | None:
    """Return the dimension that a word such as ``--lr``, ``lr`` or ``/lr`` means."""
    bare = key.lstrip("-")
    return next(
        (name for name in (bare, f"/{bare}", f"/{bare.lstrip('+')}") if name in names), None
    )


def _known(key: str, names: Sequence[str]) -> str:
    name = _dimension(key, names)
    if name is None:
        _refuse_late_option(key)
        shown = [n.removeprefix("/") for n in names]
        hint = did_you_mean(key.lstrip("-/"), shown) or f"; there are {', '.join(sorted(shown))}"
        raise click.UsageError(f"the search space has no dimension {key!r}{hint}")
    return name


def _refuse_late_option(word: str) -> None:
    context = click.get_current_context(silent=True)
    if context is not None and any(word in parameter.opts for parameter in context.command.params):
        raise click.UsageError(f"{word} is an option of {context.info_name}: put it first")


def _add(params: dict[str, Any], name: str, value: Any) -> None:
    if name in params:
        raise click.UsageError(f"dimension {name!r} is given twice")
    params[name] = value


def _marked_values(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of the values that a configuration file marks with ``orion=``."""
    import yaml

    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML, too
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"configuration file {path} cannot be read: {error}") from error
    yield from _walk(tree, "")


def _walk(tree: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        mark = next((mark for mark in MARKS if tree.startswith(mark)), None)
        if mark is not None:
            yield name, tree.removeprefix(mark)
        return
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(tree, Mapping):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    for key, value in items:
        yield from _walk(value, f"{name}/{key}")


def parse_value(text: str) -> Any:
    """Return a value as JSON or Python writes it, else the text itself.

    Examples
    --------
    >>> [parse_value(text) for text in ("1e-3", "true", "(1, 2)", "relu")]
    [0.001, True, (1, 2), 'relu']
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _results(texts: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return the results that ``--objective`` gives, None if it is not used."""
    results = []
    for text in texts:
        name, equals, number = text.rpartition("=")
        if equals and name not in names:
            hint = did_you_mean(name, names) or f"; there is {', '.join(names)}"
            raise click.UsageError(f"{OBJECTIVE}: there is no objective {name!r}{hint}")
        try:
            value = float(number)
        except ValueError:
            raise click.UsageError(f"{OBJECTIVE}: {number!r} is not a number") from None
        results.append({"name": name or names[0], "type": "objective", "value": value})
    return results or None


def _show(trial: Trial, format_: str) -> None:
    if format_ == "table":
        click.echo(f"Inserted trial {trial.id} ({trial.status})")
        return
    objective = trial.objective
    record = {
        "id": trial.id,
        "status": trial.status,
        "params": trial.flat_params,
        "objective": None if objective is None else objective.value,
    }
    rows = ({"field": key, "value": value} for key, value in flat(plain(record)).items())
    write(record, format_, rows)
