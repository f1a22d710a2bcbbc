"""Running the user's command for one trial."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, TextIO

from orion_like.errors import (
    ExecutionError,
    InexecutableUserScript,
    TrialInterrupted,
    TrialStopped,
    TrialTimeout,
)
from orion_like.trial import Trial
from orion_like.worker.channel import Channel
from orion_like.worker.checkpoint import CheckpointPlace
from orion_like.worker.command import UserCommand
from orion_like.worker.live_trial import LiveTrial
from orion_like.worker.process import ScriptProcess, end_all
from orion_like.worker.results import collect_results, read_end

_STDERR_LINES = 10  # last lines of stderr that an error tells
_STDERR_BYTES = 2000
_SAME_SIGNAL = 1.0  # seconds
_LOOK = 0.5  # seconds between two looks at whether a script is to be ended


class ScriptRunner:
    """Runs a command for a trial and returns its results; can be pickled.

    Parameters
    ----------
    command
        The command.
    experiment
        ``id``, ``name``, ``version`` and ``working_dir`` of the experiment.
    timeout
        Seconds that a trial may run. Default None, no limit.
    interrupt_code
        Exit code by which a script says that it was interrupted. Default 130.
    verbose
        Whether the output of scripts is shown while they run. Default False.
    grace
        Seconds that a script has to end by itself after SIGTERM. Default 5.
    end_stopped
        Whether scripts that should stop, and never ask whether they should, are ended.
        Default False.
    """

    def __init__(
        self,
        command: UserCommand,
        experiment: Mapping[str, Any],
        timeout: float | None = None,
        interrupt_code: int = 130,
        verbose: bool = False,
        grace: float = 5.0,
        end_stopped: bool = False,
    ) -> None:
        self.command = command
        self.experiment = dict(experiment)
        self.timeout = timeout
        self.interrupt_code = interrupt_code
        self.verbose = verbose
        self.grace = grace
        self.end_stopped = end_stopped
        self._running: set[ScriptProcess] = set()
        self._stopped = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_running": set(), "_stopped": False}

    def __call__(self, trial: Trial) -> list[dict[str, Any]]:
        """Run the command for `trial`.

        Its standard output and error are appended to ``stdout.log`` and ``stderr.log`` in the
        trial's working directory, which is made if need be. However this call is left, nothing
        of the command is running any more.

        Returns
        -------
        list of dict
            Results, each ``{"name", "type", "value"}``.

        Raises
        ------
        ExecutionError
            If the script fails; `TrialTimeout` if it takes too long.
        TrialInterrupted
            If the script exits with the interrupt code, or `stop` was called.
        MissingResultFile
            If the script reports nothing.
        InvalidResult
            If what it reports isn't a result, for example an infinite objective.
        InexecutableUserScript
            If the command cannot be started.
        TrialStopped
            If the script was ended because a stopping rule said so.
        """
        directory = trial.working_dir
        os.makedirs(directory, exist_ok=True)
        words = self.command.render(trial, self.experiment)
        results_path = _fresh_results_file(trial)
        stdout_path = os.path.join(directory, "stdout.log")
        stderr_path = os.path.join(directory, "stderr.log")
        with open(stdout_path, "ab") as stdout, open(stderr_path, "ab") as stderr:
            output_start, error_start = stdout.tell(), stderr.tell()
            environment = self._environment(trial, results_path)
            process = ScriptProcess(words, environment, stdout, stderr)
            show = _live_display(stdout, stderr) if self.verbose else None
            code = self._run(process, show, self._watch(trial))
        if code in (-signal.SIGTERM, 128 + signal.SIGTERM):
            # Who ends all processes of a job may come to the worker after its script.
            threading.Event().wait(_SAME_SIGNAL)
        if self._stopped:
            raise TrialInterrupted(f"trial {trial.id} was stopped together with its worker")
        if code == self.interrupt_code:
            raise TrialInterrupted(
                f"the script of trial {trial.id} exited with the interrupt code, {code}"
            )
        last_lines = read_end(stderr_path, error_start, _STDERR_BYTES).splitlines()[-_STDERR_LINES:]
        if code is None:
            raise TrialTimeout(_told(f"ran longer than {self.timeout:g} s", last_lines))
        if code != 0:
            raise ExecutionError(_told(_exit_reason(code), last_lines), code)
        return collect_results(results_path, stdout_path, output_start)

    def stop(self) -> None:
        """End all running scripts, with everything that they started, and start no more."""
        self._stopped = True
        end_all(tuple(self._running), self.grace)

    def _run(
        self,
        process: ScriptProcess,
        show: Callable[[], None] | None,
        watch: Callable[[], None] | None,
    ) -> int | None:
        """Run a command to its end and return its exit code, None if it took too long."""
        often = [call for call in (show, watch) if call is not None]

        def tick() -> None:
            for call in often:
                call()

        self._running.add(process)
        try:
            if self._stopped:
                return None
            _start(process)
            code = process.wait(self.timeout, tick if often else None)
            if show is not None:
                show()
            return code
        finally:
            process.end(self.grace)
            self._running.discard(process)

    def _watch(self, trial: Trial) -> Callable[[], None] | None:
        """Return what raises TrialStopped when the script is to be ended; None if it never is."""
        if not self.end_stopped or not isinstance(trial, LiveTrial):
            return None
        channel = Channel(trial.report_address)
        next_look = time.monotonic() + _LOOK

        def watch() -> None:
            nonlocal next_look
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _LOOK
                reason = channel.reason_to_end(self.grace)
                if reason is not None:
                    raise TrialStopped(reason)

        return watch

    def _environment(self, trial: Trial, results_path: str) -> dict[str, str]:
        place = trial.checkpoint_place if isinstance(trial, LiveTrial) else CheckpointPlace("")
        told = {
            "EXPERIMENT_ID": self.experiment["id"],
            "EXPERIMENT_NAME": self.experiment["name"],
            "EXPERIMENT_VERSION": self.experiment["version"],
            "TRIAL_ID": trial.id,
            "WORKING_DIR": trial.working_dir,
            "RESULTS_PATH": results_path,
            "CHECKPOINT_DIR": place.directory,
            "CHECKPOINT_URL": place.url,
            "CHECKPOINT_PARENT_URL": place.parent_url,
            "REPORTS_SOCKET": trial.report_address if isinstance(trial, LiveTrial) else "",
            "INTERRUPT_CODE": self.interrupt_code,
        }
        environment = os.environ.copy()
        if self.verbose:
            environment.setdefault("PYTHONUNBUFFERED", "1")
        for prefix in ("ORION_LIKE_", "ORION_"):
            environment.update({prefix + name: str(value) for name, value in told.items()})
        return environment


def _fresh_results_file(trial: Trial) -> str:
    """Make the empty results file of this attempt: scripts written for Oríon expect it."""
    path = os.path.abspath(os.path.join(trial.working_dir, f"results_{trial.attempt}.json"))
    with open(path, "wb"):
        return path


def _start(process: ScriptProcess) -> None:
    try:
        process.start()
    except OSError as error:
        raise InexecutableUserScript(_start_problem(process.words[0], error)) from None


def _live_display(stdout: BinaryIO, stderr: BinaryIO) -> Callable[[], None]:
    """Return a function that shows what came into the two files since it was last called."""
    followed = (_follow(stdout, sys.stdout), _follow(stderr, sys.stderr))

    def show() -> None:
        for follow in followed:
            follow()

    return show


def _follow(source: BinaryIO, target: TextIO) -> Callable[[], None]:
    position = source.tell()
    decoder = getincrementaldecoder("utf-8")("replace")

    def copy() -> None:
        nonlocal position
        with open(source.name, "rb") as file:
            file.seek(position)
            new = file.read()
            position += len(new)
        # A terminal that went away is no reason to fail a trial.
        with suppress(OSError, ValueError):
            target.write(decoder.decode(new))
            target.flush()

    return copy


def _told(reason: str, last_lines: list[str]) -> str:
    if not last_lines:
        return f"the script {reason} and wrote nothing to stderr"
    return "\n    ".join([f"the script {reason}; its last lines on stderr:", *last_lines])


def _exit_reason(code: int) -> str:
    if code < 0:
        return f"was killed by {_signal_name(-code)}"
    if code == 127:
        return "exited with code 127 (a command was not found)"
    if 128 < code < 128 + signal.NSIG:
        return f"exited with code {code} (what it ran was killed by {_signal_name(code - 128)})"
    return f"exited with code {code}"


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name} (perhaps for lack of memory)" if name == "SIGKILL" else name


def _start_problem(program: str, error: OSError) -> str:
    if error.errno == 8:  # ENOEXEC
        return (
            f"cannot run {program!r}: it is neither a binary for this machine nor does its first "
            "line name an interpreter; begin it with, for example, #!/usr/bin/env python"
        )
    if isinstance(error, FileNotFoundError) and os.path.exists(program):
        return f"cannot run {program!r}: the interpreter that its first line names does not exist"
    return f"cannot run {program!r}: {error.strerror}"
