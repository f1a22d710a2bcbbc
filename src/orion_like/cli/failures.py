"""How a command ends badly: an exit code, and one paragraph on stderr."""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
import traceback

import click

from orion_like.errors import (
    AlgorithmError,
    ConfigurationError,
    MissingArguments,
    NoNameError,
    OrionLikeError,
    SpaceError,
)
from orion_like.redaction import redact
from orion_like.spelling import did_you_mean
from orion_like.version import __version__

SUCCESS = 0
FAILED = 1  # the run failed
USAGE = 2  # the command line or the configuration is wrong; nothing was run
DEFECT = 70  # of the program itself; EX_SOFTWARE in sysexits.h
INTERRUPTED = 130  # SIGINT
TERMINATED = 143  # SIGTERM
BROKEN_PIPE = 141  # whoever read the output went away; as a shell reports SIGPIPE

USAGE_ERRORS = (ConfigurationError, MissingArguments, NoNameError, SpaceError, AlgorithmError)


def report(error: BaseException, *, verbose: int = 0) -> int:
    """Print why a command failed, and return its exit code.

    Parameters
    ----------
    error
        What it ended with.
    verbose
        From 2 on, the traceback is printed first. That of a defect is kept in a file else.
    """
    if is_broken_pipe(error):
        silence_standard_streams()
        return BROKEN_PIPE
    code, message = _explain(error)
    trace = redact("".join(traceback.format_exception(error)))
    if verbose >= 2:
        _write(trace)
    elif code == DEFECT:
        message += _keep(trace)
    _write(f"Error: {paragraph(message)}\n" if code != INTERRUPTED else "Interrupted.\n")
    return code


def _explain(error: BaseException) -> tuple[int, str]:
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _explain_abort(error)
    if isinstance(error, click.UsageError):
        return USAGE, f"{error.format_message()}{_choice_meant(error)}{_where_help_is(error)}"
    if isinstance(error, click.ClickException):
        return FAILED, error.format_message()
    if isinstance(error, OrionLikeError):
        code = USAGE if isinstance(error, USAGE_ERRORS) else FAILED
        return code, str(error) or (type(error).__doc__ or type(error).__name__)
    if isinstance(error, OSError):
        return FAILED, _explain_os_error(error)
    if isinstance(error, MemoryError):
        return FAILED, "there is not enough memory"
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return DEFECT, f"{what}\nThis is a defect of orion-like {__version__}. Please report it"


def _keep(trace: str) -> str:
    """Write a traceback into a file, and return where it is, as the end of a message."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="orion-like-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(trace)
    except OSError:
        return "; -vv shows where it happened"
    return f", with what {file.name} says"


def _explain_abort(error: BaseException) -> tuple[int, str]:
    """Tell Ctrl-C from an end of the input in the middle of a question.

    click raises the same `Abort` for both.
    """
    ended = isinstance(error.__cause__, EOFError)
    at_question = isinstance(error, click.Abort) and error.__cause__ is None
    if ended or (at_question and not sys.stdin.isatty()):
        return (
            FAILED,
            "the question was not answered: the input ended (--help tells what asks nothing)",
        )
    return INTERRUPTED, ""


def _explain_os_error(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename is not None else what


def _choice_meant(error: click.UsageError) -> str:
    """Return a hint if a value is none of the choices that there are, but like one of them."""
    kind = getattr(getattr(error, "param", None), "type", None)
    written = re.match(r"'(.*)' is not one of", error.message)
    if not isinstance(kind, click.Choice) or written is None:
        return ""
    return did_you_mean(written[1], list(map(str, kind.choices)))


def _where_help_is(error: click.UsageError) -> str:
    return f" (see '{error.ctx.command_path} --help')" if error.ctx is not None else ""


def paragraph(message: str) -> str:
    r"""Return a message without blank lines and without passwords.

    Examples
    --------
    >>> paragraph("cannot parse\n\n  lr  \n")
    'cannot parse\n  lr'
    """
    lines = (line.rstrip() for line in redact(message).splitlines())
    return "\n".join(line for line in lines if line)


def is_broken_pipe(error: BaseException) -> bool:
    """Say whether whoever read our output has gone away."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def silence_standard_streams() -> None:
    """Send what is still buffered nowhere, so that the interpreter ends quietly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):  # not a real stream, or closed
            continue


def _write(text: str) -> None:
    try:
        click.echo(text, err=True, nl=False)
    except OSError:
        silence_standard_streams()
