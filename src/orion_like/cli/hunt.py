"""`orion-like hunt`: tune a command."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.commands import Command
from orion_like.cli.failures import FAILED, INTERRUPTED, SUCCESS
from orion_like.cli.options import (
    branching_options,
    experiment_options,
    format_option,
    option,
    selecting,
    worker_options,
)
from orion_like.cli.output import counted, flat, plain, print_heading, printable, write
from orion_like.cli.progress import Display, Snapshot, choose_display, snapshot_of
from orion_like.cli.registration import (
    Registered,
    branching_overrides,
    experiment_overrides,
    register,
    warn_of_misplaced_options,
    worker_overrides,
)
from orion_like.cli.session import Selection, Session, open_existing_storage, open_storage
from orion_like.cli.summary import print_sections, stats_record, stats_sections
from orion_like.errors import BrokenExperiment, LazyWorkers

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.experiment import ExperimentStats
    from orion_like.trial import Trial
    from orion_like.worker.loop import Progress
    from orion_like.worker.script import ScriptRunner

BACKSTOP = 60  # seconds after which a trial is given up whose script should have been ended


@click.command(
    "hunt",
    cls=Command,
    help_when_bare=True,
    context_settings={"allow_interspersed_args": False},
    examples=[
        "hunt -n demo --max-trials 50 ./train.py --lr~'loguniform(1e-5, 1)'",
        "hunt -n demo --max-trials 100",
        "hunt -n moons --n-workers 4 --algorithm random python train.py depth=~'randint(1, 9)'",
        "hunt -n demo -c settings.yaml ./train.sh --config model.yaml",
    ],
)
@selecting()
@format_option
@option("--init-only", is_flag=True, help="Register the experiment and do not run it.")
@experiment_options
@worker_options
@branching_options
@click.argument("user_args", metavar="[COMMAND …]", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def hunt(
    session: Session,
    /,
    selection: Selection,
    format_: str,
    init_only: bool,
    user_args: tuple[str, ...],
    **options: Any,
) -> int:
    """Tune COMMAND: run it again and again with ever better values.

    Put ~'prior' where a value would be, in the words of the command or in its
    configuration file. Options of hunt come before the command; the name alone
    resumes an experiment. Any number of these processes may work on the same
    experiment.
    """
    warn_of_misplaced_options(user_args)
    overrides = {
        **experiment_overrides(options),
        **worker_overrides(options),
        **branching_overrides(options),
    }
    settings = selection.load_settings(session, overrides)
    open_ = open_storage if user_args else open_existing_storage
    with open_(settings) as storage:
        registered = register(selection, storage, settings, user_args)
        with registered.client:
            if init_only:
                announce_registration(registered.client)
                return SUCCESS
            return Hunt(session, selection, registered, format_).run()


def announce_registration(client: ExperimentClient) -> None:
    """Say that the experiment is in the storage."""
    click.echo(f"Registered {printable(client.name)}-v{client.version} in {client.storage.url}")


class Hunt:
    """One run of the command: shows how it goes, and sums up at the end.

    Parameters
    ----------
    session, selection
        The options that all commands have.
    registered
        The experiment and its command.
    format_
        How the summary is printed.
    """

    def __init__(
        self, session: Session, selection: Selection, registered: Registered, format_: str
    ) -> None:
        self._verbose = session.verbose >= 1
        self._selection = selection
        self._client = registered.client
        self._settings = registered.settings
        self._runner = self._new_runner(registered)
        self._format = format_
        self._latest = Snapshot()
        self._began = monotonic()

    @property
    def _ran_out_of_time(self) -> bool:
        limit = self._settings["worker.max_duration"]
        return limit is not None and monotonic() - self._began >= limit

    @property
    def _title(self) -> str:
        return f"{self._client.name}-v{self._client.version}"

    def run(self) -> int:
        """Run trials until nothing is left to do; return the exit code."""
        self._announce()
        code = SUCCESS
        try:
            self._execute()
        except KeyboardInterrupt as stop:
            self._tell_how_to_go_on(f"Interrupted ({stop})" if stop.args else "Interrupted")
            return INTERRUPTED
        except SystemExit as stop:  # SIGTERM or SIGHUP
            self._tell_how_to_go_on("Terminated")
            return int(stop.code or FAILED)
        except BrokenExperiment as error:
            self._sum_up()
            raise BrokenExperiment(self._explain_broken(error)) from error
        except LazyWorkers as error:
            click.echo(f"Stopped: {error}", err=True)
            code = SUCCESS if self._client.stats.trial_status_count.get("reserved") else FAILED
        if self._ran_out_of_time and not self._client.is_done:
            click.echo("Stopped: this command ran for its --max-duration", err=True)
        elif self._client.state == "stopping":
            hint = f"orion-like resume --name {shlex.quote(self._client.name)}"
            click.echo(f"Stopped: the experiment was stopped; {hint} lets it go on", err=True)
        self._sum_up()
        return code

    def _new_runner(self, registered: Registered) -> ScriptRunner:
        from orion_like.worker.script import ScriptRunner

        client, settings = registered.client, registered.settings
        return ScriptRunner(
            registered.command,
            {
                "id": client.id,
                "name": client.name,
                "version": client.version,
                "working_dir": client.working_dir,
            },
            timeout=settings["worker.trial_timeout"],
            interrupt_code=settings["worker.interrupt_signal_code"],
            grace=settings["worker.grace"],
            end_stopped=settings["worker.end_stopped"] and bool(client.experiment.stopping),
            verbose=self._verbose,
        )

    def _execute(self) -> None:
        timeout = self._settings["worker.trial_timeout"]
        backstop = BACKSTOP + self._settings["worker.grace"]
        with choose_display(self._title, scripts_print=self._verbose) as display:
            self._show(display, self._client.stats, None)
            self._client.execute(
                self._function(display),
                trial_timeout=None if timeout is None else timeout + backstop,
                on_progress=lambda progress: self._on_progress(display, progress),
            )

    def _function(self, display: Display) -> Callable[[Trial], Any]:
        """Return what runs a trial; in this process it also tells the display of the start."""
        if not self._client.executor.in_process:
            return self._runner

        def run(trial: Trial) -> Any:
            # Between two reports of progress this very trial is not counted yet.
            display.update(replace(self._latest, running=self._latest.running + 1, waiting=None))
            return self._runner(trial)

        return run

    def _on_progress(self, display: Display, progress: Progress) -> None:
        if progress.broken:  # what their scripts printed is wanted then
            self._client.directory.keep = True
        self._show(display, progress.stats, progress.waiting)

    def _show(self, display: Display, stats: Any, waiting: str | None) -> None:
        self._latest = snapshot_of(stats, waiting)
        display.update(self._latest)

    # --- words --------------------------------------------------------------------------------

    def _announce(self) -> None:
        client = self._client
        algorithm = next(iter(client.algorithm.configuration))
        click.echo(
            f"{printable(self._title)}: {algorithm} over "
            f"{counted(len(client.space), 'dimension')}, "
            f"in {client.storage.url}",
            err=True,
        )
        if client.refers.get("parent_id") is not None:
            client.experiment.refresh()
            inherited = counted(len(client.experiment.heritage.ids), "trial")
            click.echo(
                f"It learns from {inherited} of the versions that it was made from", err=True
            )
        sources = (client.experiment.warm_start or {}).get("sources") or ()
        if sources and not client.stats.nb_trials:
            for source in sources:
                click.echo(f"Warm start: {printable(source['summary'])}", err=True)

    def _sum_up(self) -> None:
        stats = self._client.stats
        record = {
            "name": self._client.name,
            "version": self._client.version,
            **stats_record(self._client, stats),
        }
        if self._format != "table":
            rows = ({"field": key, "value": v} for key, v in flat(plain(record)).items())
            write(record, self._format, rows)
            return
        if record["completed"]:
            click.echo(f"{self._success(stats)}\n")
        print_sections(stats_sections(record))
        self._print_hints(done=record["completed"])

    def _success(self, stats: ExperimentStats) -> str:
        if stats.max_trials is not None and stats.trials_finished >= stats.max_trials:
            return "Search finished successfully"
        limit = self._client.max_duration
        if limit is not None and self._client.experiment.ledger.is_out_of_time:
            return f"Search finished: the experiment has run for its max_duration of {limit:g} s"
        if stats.max_trials is None:
            return "Search finished successfully"
        return (
            f"Search finished before the {counted(stats.max_trials, 'trial')} asked for: "
            "the algorithm has no other point to try"
        )

    def _print_hints(self, *, done: bool) -> None:
        def line(command: str, *options: str) -> str:
            client = self._client
            return "  " + self._selection.command_line(
                command, client.name, client.version, *options
            )

        click.echo("\n")
        print_heading("Hints")
        click.echo("All about the experiment:")
        click.echo(line("info"))
        if not done:
            click.echo("Its trials by status, and one by one:")
            click.echo(line("status"))
            click.echo(line("status", "--all"))
            click.echo("Go on:")
            click.echo(line("hunt"))
        if self._client.directory.keep:
            click.echo(f"What the trials printed is in\n  {self._client.directory.path}")

    def _tell_how_to_go_on(self, what: str) -> None:
        command = self._selection.command_line("hunt", self._client.name, self._client.version)
        click.echo(f"{what}: running trials were released. Go on with: {command}", err=True)

    def _explain_broken(self, error: BrokenExperiment) -> str:
        name = shlex.quote(self._client.name)
        look = self._selection.command_line(
            "status", self._client.name, self._client.version, "--all"
        )
        again = self._selection.same_place(f"retry {name} --all")
        delete = self._selection.same_place(f"db rm {name} --status broken")
        return (
            f"{error}\nSee the trials: {look}\nTry the broken ones again: {again}\n"
            f"or delete them: {delete}\nor allow more of them: hunt with a larger --exp-max-broken"
        )
