"""The program `orion-like`: its global options, its commands, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from orion_like.cli.commands import Entry, LazyGroup
from orion_like.cli.completion import VARIABLE as COMPLETION_VARIABLE
from orion_like.cli.failures import SUCCESS, report, silence_standard_streams
from orion_like.cli.process_title import hide_passwords_in_title
from orion_like.cli.session import Session, set_up_logging
from orion_like.cli.streams import open_missing_streams
from orion_like.version import __version__

PROGRAM = "orion-like"
RUNNING, LOOKING, STEERING, KEEPING = "Run", "Look", "Steer", "Keep"

ENTRIES = {
    "hunt": Entry(
        "orion_like.cli.hunt:hunt", "Tune a command: run it with ever better values.", RUNNING
    ),
    "init-only": Entry(
        "orion_like.cli.init_only:init_only", "Register an experiment without running it.", RUNNING
    ),
    "init_only": Entry("orion_like.cli.init_only:init_only", "", hidden=True),
    "insert": Entry(
        "orion_like.cli.insert:insert", "Add a trial with the values that you choose.", RUNNING
    ),
    "report": Entry(
        "orion_like.cli.report:report_command",
        "Report how a trial is doing, from its script.",
        RUNNING,
    ),
    "should-stop": Entry(
        "orion_like.cli.report:should_stop_command",
        "Ask, from its script, whether it is to end.",
        RUNNING,
    ),
    "status": Entry("orion_like.cli.status:status", "Count the trials by status.", LOOKING),
    "info": Entry("orion_like.cli.info:info", "Tell all about one experiment.", LOOKING),
    "list": Entry("orion_like.cli.list:list_", "List the experiments as trees.", LOOKING),
    "diff": Entry("orion_like.cli.diff:diff", "Explain what changed between versions.", LOOKING),
    "workers": Entry("orion_like.cli.workers:workers", "Tell who is at work, and where.", LOOKING),
    "doctor": Entry(
        "orion_like.cli.doctor:doctor", "Say what keeps experiments from going well.", LOOKING
    ),
    "plot": Entry("orion_like.cli.plot:plot", "Draw a figure of an experiment.", LOOKING),
    "pause": Entry("orion_like.cli.state:pause", "Have all workers wait.", STEERING),
    "resume": Entry("orion_like.cli.state:resume", "Have workers go on.", STEERING),
    "stop": Entry(
        "orion_like.cli.state:stop", "Have all workers end after their trials.", STEERING
    ),
    "retry": Entry("orion_like.cli.retry:retry", "Have broken trials tried again.", STEERING),
    "config": Entry("orion_like.cli.config.group:config", "See what is configured.", KEEPING),
    "checkpoints": Entry(
        "orion_like.cli.checkpoints.group:checkpoints",
        "See what trials have saved, and care for it.",
        KEEPING,
    ),
    "db": Entry(
        "orion_like.cli.db.group:db", "Set up, test, copy and clean the database.", KEEPING
    ),
    "completion": Entry(
        "orion_like.cli.completion:completion", "Print the completion script of a shell.", KEEPING
    ),
}


@click.group(cls=LazyGroup, entries=ENTRIES)
@click.version_option(__version__, "-V", "--version", message="orion-like %(version)s")
@click.option(
    "-v", "--verbose", count=True, help="Say more: what happens and what scripts print; -vv: all."
)
@click.option(
    "--logdir", type=click.Path(file_okay=False), help="Log into a file in this directory."
)
@click.option("-d", "--debug", is_flag=True, help="Keep everything in memory: try without traces.")
@click.pass_obj
def root(session: Session, verbose: int, logdir: str | None, debug: bool) -> None:
    """Tune hyperparameters with any number of independent workers.

    Options of the program come before the command, options of the command after it:
    orion-like -v hunt -n demo ./train.py --lr~'loguniform(1e-5, 1)'
    """
    session.verbose, session.debug = verbose, debug
    set_up_logging(verbose, logdir)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Parameters
    ----------
    argv
        Words after the program's name. Default: those of this process.

    Returns
    -------
    int
        0 done; 1 the run failed; 2 wrong usage; 70 a defect; 129, 130 and 143 ended by
        SIGHUP, SIGINT and SIGTERM.
    """
    open_missing_streams()
    if argv is None:
        hide_passwords_in_title()
    session = Session()
    try:
        return _flushed(_run(sys.argv[1:] if argv is None else list(argv), session))
    except (Exception, KeyboardInterrupt) as error:
        return report(error, verbose=session.verbose)


def _run(args: list[str], session: Session) -> int:
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(root, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
    try:
        with root.make_context(PROGRAM, args, obj=session) as ctx:
            code = root.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return code if isinstance(code, int) else SUCCESS


def _flushed(code: int) -> int:
    """Write out what is buffered while a failure can still be told."""
    try:
        sys.stdout.flush()
    except OSError:
        silence_standard_streams()
        raise
    return code
