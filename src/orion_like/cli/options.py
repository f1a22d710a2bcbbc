"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orion_like.cli.commands import Option
from orion_like.cli.completing import (
    complete_algorithms,
    complete_executors,
    complete_names,
    complete_stopping_rules,
    complete_versions,
)
from orion_like.cli.session import Selection

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic only in later versions of click

Function = TypeVar("Function", bound=Callable[..., Any])

FORMATS = ("table", "json", "yaml", "csv")  # the first is the default
EXPERIMENT, WORKER, BRANCHING = "Experiment", "Worker", "Versions"


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "integer"


class VersionNumber(Whole):
    """Version of an experiment."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the number; words that look like a misplaced ``-v`` get a hint."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            hint = (
                "here -v is the version of the experiment; for more output: orion-like -v COMMAND"
            )
            self.fail(f"{error.message} ({hint})", param, ctx)


class Limit(ParamType):
    """A whole number from 1 on, or ``inf`` for no limit."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return an int, or ``inf`` as text, which settings understand."""
        text = str(value).strip().lower()
        if text == "inf":
            return text
        try:
            number = float(text)
        except ValueError:
            number = 0
        if number < 1 or not number.is_integer():
            self.fail(f"{value!r} is not a whole number from 1 on, nor 'inf'.", param, ctx)
        return int(number)


class Duration(ParamType):
    """A time span: seconds, or a number with the unit s, m, h or d; or ``inf`` for no limit."""

    name = "duration"
    LONGEST = 10 * 365 * 86400.0  # seconds; dates cannot hold everything that a float can

    def __init__(self, *, zero: bool = False, unlimited: bool = False) -> None:
        self.zero = zero
        self.unlimited = unlimited

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return seconds, or ``inf`` as text, which settings understand."""
        if self.unlimited and str(value).strip().lower() == "inf":
            return "inf"
        from orion_like.config.duration import seconds_of

        try:
            seconds = seconds_of(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time span such as 90, 90s, 15m or 2h.", param, ctx)
        least = "at least" if self.zero else "more than"
        if not 0 <= seconds <= self.LONGEST or (seconds == 0 and not self.zero):
            self.fail(f"{value!r} must be {least} 0, and at most ten years.", param, ctx)
        return seconds


def stack(*decorators: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Return one decorator that declares options in the order given."""

    def decorate(function: Function) -> Function:
        decorated: Any = function
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def option(*declarations: str, section: str = "Options", **settings: Any) -> Callable[[Any], Any]:
    """Declare an option in a section of the help."""
    return click.option(*declarations, cls=Option, section=section, **settings)


storage_options = stack(
    option(
        "-c", "--config", metavar="FILE", help="Configuration file (YAML, JSON or TOML).",
        type=click.Path(),
    ),
    option(
        "--storage", metavar="URL|PATH",
        help="Where documents live: a file, or mongodb://host/name.  [default: as configured]",
    ),
)  # fmt: skip

_format_options = stack(
    option("--format", "format_", type=click.Choice(FORMATS),
           help="How to print data.  [default: table]"),
    option("--json", "as_json", is_flag=True, help="The same as --format json."),
)  # fmt: skip


def format_option(function: Any) -> Any:
    """Declare the options that say how data is printed; the command gets `format_`."""

    @functools.wraps(function)
    def with_format(*args: Any, format_: str | None, as_json: bool, **kwargs: Any) -> Any:
        if as_json and format_ not in (None, "json"):
            raise click.UsageError(f"--json and --format {format_} contradict each other")
        chosen = "json" if as_json else format_ or FORMATS[0]
        return function(*args, format_=chosen, **kwargs)

    return _format_options(with_format)


_selection_options = stack(
    option("-n", "--name", metavar="NAME", help="Name of the experiment.",
           shell_complete=complete_names),
    option("-u", "--user", metavar="USER", help="Whose experiment it is."),
    option("-v", "--version", metavar="INTEGER", type=VersionNumber(),
           shell_complete=complete_versions,
           help="Version of the experiment.  [default: the latest]"),
    storage_options,
)  # fmt: skip


def selecting(*, named: bool = False, default_version: str = "all") -> Callable[[Any], Any]:
    """Declare the options that say which experiment is meant; the command gets a `Selection`.

    Parameters
    ----------
    named
        Whether the name is an argument, not an option.
    default_version
        What the help of such a command says of the version that is meant by default.
    """

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def with_selection(*args: Any, **kwargs: Any) -> Any:
            chosen = {field: kwargs.pop(field, None) for field in Selection.__dataclass_fields__}
            return function(*args, selection=Selection(**chosen), **kwargs)

        if not named:
            return _selection_options(with_selection)
        return stack(
            click.argument("name", shell_complete=complete_names),
            option("-v", "--version", metavar="INTEGER", type=VersionNumber(),
                   shell_complete=complete_versions,
                   help=f"Version of the experiment.  [default: {default_version}]"),
            storage_options,
        )(with_selection)  # fmt: skip

    return decorate


keep_options = stack(
    option("--keep-best", type=Whole(min=0), section=EXPERIMENT,
           help="Checkpoints with the best reports that are kept, and others deleted."),
    option("--keep-latest", type=Whole(min=0), section=EXPERIMENT,
           help="Checkpoints saved last that are kept, and others deleted."),
    option("--keep-trial-best", type=Whole(min=0), section=EXPERIMENT,
           help="Checkpoints with the best reports that are kept of each trial."),
    option("--keep-trial-latest", type=Whole(min=0), section=EXPERIMENT,
           help="Checkpoints of the latest steps that are kept of each trial."),
    option("--keep-all", is_flag=True, section=EXPERIMENT,
           help="Delete no checkpoints any more."),
)  # fmt: skip

experiment_options = stack(
    option("--exp-max-trials", "--max-trials", "exp_max_trials", type=Limit(), section=EXPERIMENT,
           help="Finished trials after which the experiment is done; 'inf' for no limit."),
    option("--exp-max-broken", type=Whole(min=1), section=EXPERIMENT,
           help="Broken trials after which the experiment stops."),
    option("--exp-max-duration", type=Duration(unlimited=True), section=EXPERIMENT,
           help="Time after its first trial started in which trials are started; 'inf' for no"
           " limit."),
    option("--working-dir", type=click.Path(file_okay=False), section=EXPERIMENT,
           help="Directory for what trials leave behind.  [default: a temporary one]"),
    option("--algorithm", "algorithms", multiple=True, metavar="NAME|DICT", section=EXPERIMENT,
           shell_complete=complete_algorithms,
           help="Algorithm, as a name or with parameters in JSON or YAML."),
    option("--objective", "objectives", multiple=True, metavar="NAME[:DIRECTION]|DICT",
           section=EXPERIMENT,
           help="Objective that the script reports, and 'minimize' or 'maximize'."
           " May be repeated."),
    option("--constraint", "constraints", multiple=True, metavar="EXPRESSION|DICT",
           section=EXPERIMENT,
           help="Relation between dimensions that every trial meets, such as 'x + y <= 1', or"
           " bounds of a result that the script reports, such as 'memory <= 8'. May be repeated."),
    option("--stopping", "stopping", multiple=True, metavar="RULE|DICT", section=EXPERIMENT,
           shell_complete=complete_stopping_rules,
           help="Rule that stops trials early, as a name or with parameters in JSON or YAML;"
           " 'none' for no rules. May be repeated."),
    option("--checkpoint-storage", metavar="URL", section=EXPERIMENT,
           help="Where checkpoints are stored, such as s3://bucket/path.  [default: in the working"
           " directory]"),
    keep_options,
    option("--warm-start", "warm_start", multiple=True, metavar="SOURCE|DICT", section=EXPERIMENT,
           help="Finished trials to start from: NAME[:VERSION], DATABASE#NAME, FILE.csv, FILE.json"
           " or optuna:///PATH#STUDY. May be repeated."),
    option("--seed", type=Whole(0, 2**63 - 1), section=EXPERIMENT,
           help="Seed of all random choices.  [default: a fresh one, which is stored]"),
    option("--user-script-config", metavar="OPTION", section=EXPERIMENT,
           help="Option of the script that names its configuration file.  [default: config]"),
)  # fmt: skip

worker_options = stack(
    option("--n-workers", type=Whole(min=1), section=WORKER,
           help="Trials that this command runs at once.  [default: 1]"),
    option("--pool-size", type=Whole(min=0), section=WORKER,
           help="Accepted and without effect: trials are made one by one."),
    option("--executor", metavar="NAME", section=WORKER, shell_complete=complete_executors,
           help="What runs the trials."),
    option("--heartbeat", type=Duration(), section=WORKER,
           help="Time between two signs of life of a running trial.  [default: 120]"),
    option("--max-duration", type=Duration(unlimited=True), section=WORKER,
           help="Time after which this command starts no more trials, and stops when its last one"
           " has ended."),
    option("--worker-max-trials", "--worker-trials", "worker_max_trials", type=Limit(),
           section=WORKER, help="Trials after which this command stops."),
    option("--worker-max-broken", type=Whole(min=1), section=WORKER,
           help="Broken trials after which this command stops.  [default: 3]"),
    option("--idle-timeout", "--max-idle-time", "idle_timeout", type=Duration(zero=True),
           section=WORKER,
           help="Time without anything to do after which this command stops.  [default: 60]"),
    option("--trial-timeout", type=Duration(), section=WORKER,
           help="Time that one trial may run."),
    option("--grace", type=Duration(zero=True), section=WORKER,
           help="Time that a trial has to end by itself when it must end early.  [default: 5]"),
    option("--report-host", metavar="HOST", section=WORKER,
           help="Name or address by which machines of a cluster reach this one, to report."),
    option("--end-stopped/--let-stopped-finish", "end_stopped", default=None, section=WORKER,
           help="What becomes of scripts that stopping rules stop, and that never ask.  [default:"
           " they are ended]"),
    option("--retry", type=Whole(min=0), section=WORKER,
           help="How often a broken trial is run again.  [default: 0]"),
    option("--interrupt-signal-code", type=Whole(1, 255), section=WORKER,
           help="Exit code by which the script says that it was interrupted.  [default: 130]"),
)  # fmt: skip

_CHANGE = click.Choice(("noeffect", "break", "unsure"))

branching_options = stack(
    option("--enable-evc", is_flag=True, section=BRANCHING,
           help="Make a new version when the experiment changes."),
    option("-b", "--branch-to", metavar="NAME", section=BRANCHING, help="Name of the new version."),
    option("--branch-from", metavar="NAME", section=BRANCHING, help="Experiment to branch from."),
    option("--manual-resolution", is_flag=True, section=BRANCHING,
           help="Ask how differences are resolved."),
    option("--auto-resolution/--no-auto-resolution", default=None, section=BRANCHING,
           help="Whether defaults resolve what is not mentioned.  [default: they do]"),
    option("--non-monitored-arguments", metavar="A:B:…", section=BRANCHING,
           help="Arguments of the command whose changes do not matter."),
    option("--ignore-code-changes", is_flag=True, section=BRANCHING,
           help="Changes of the code do not matter."),
    option("--algorithm-change", is_flag=True, section=BRANCHING,
           help="The algorithm may change."),
    option("--package-version-change", "--orion-version-change", "orion_version_change",
           is_flag=True, section=BRANCHING,
           help="The version of this program may change."),
    option("--code-change-type", type=_CHANGE, section=BRANCHING,
           help="What changes of the code do to results."),
    option("--cli-change-type", type=_CHANGE, section=BRANCHING,
           help="What changes of the command do to results."),
    option("--config-change-type", type=_CHANGE, section=BRANCHING,
           help="What changes of the script's configuration file do to results."),
)  # fmt: skip
