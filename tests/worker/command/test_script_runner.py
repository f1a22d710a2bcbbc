"""Running a command for a trial, with real processes."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from orion_like.errors import (
    ExecutionError,
    InexecutableUserScript,
    InvalidResult,
    MissingResultFile,
    TrialInterrupted,
    TrialTimeout,
)
from orion_like.trial import Trial
from orion_like.worker.command import UserCommand
from orion_like.worker.script import ScriptRunner

MakeTrial = Callable[..., Trial]
MakeRunner = Callable[..., ScriptRunner]


def objective(value: float) -> list[dict[str, Any]]:
    return [{"name": "objective", "type": "objective", "value": value}]


def is_alive(process: int) -> bool:
    """Whether a process runs; one that is only waiting to be reaped does not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def pids_in(path: Path, count: int) -> list[int]:
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) == count)
    return [int(line) for line in path.read_text().splitlines()]


# --- results ----------------------------------------------------------------------------------


def test_a_printed_number_is_the_objective(make_runner: MakeRunner, make_trial: MakeTrial) -> None:
    runner = make_runner("sh", "-c", 'echo log; echo "$1"', "_", "orion~uniform(0,1)")

    assert runner(make_trial({"/_pos_1": 0.25})) == objective(0.25)


@pytest.mark.parametrize("module", ["orion_like.client", "orion_like.client.report"])
def test_results_are_reported_by_the_client(
    make_runner: MakeRunner, make_trial: MakeTrial, module: str
) -> None:
    code = f"from {module} import report_objective; print(9); report_objective(0.5)"

    assert make_runner(sys.executable, "-c", code)(make_trial()) == objective(0.5)


def test_a_script_written_for_orion_works_unchanged(
    make_runner: MakeRunner, make_trial: MakeTrial
) -> None:
    code = (
        "import json, os\n"
        "path = os.environ['ORION_RESULTS_PATH']\n"
        "assert os.path.isfile(path)\n"
        "result = {'name': 'a', 'type': 'objective', 'value': 2}\n"
        "open(path, 'w').write(json.dumps([result]))\n"
    )

    result, *_ = make_runner(sys.executable, "-c", code)(make_trial())

    assert result == {"name": "a", "type": "objective", "value": 2}


def test_results_of_an_earlier_attempt_are_not_taken_again(
    make_runner: MakeRunner, make_trial: MakeTrial
) -> None:
    write = "[ -e $ORION_LIKE_WORKING_DIR/again ] || "
    write += """echo '{"objective": 1}' | tee $ORION_LIKE_RESULTS_PATH;"""
    runner = make_runner("sh", "-c", f"{write} touch $ORION_LIKE_WORKING_DIR/again")
    trial = make_trial()

    assert runner(trial) == objective(1)
    with pytest.raises(MissingResultFile, match="reported no results"):
        runner(trial)


@pytest.mark.parametrize("printed", ["nan", "true", '"a"'])
def test_an_objective_that_is_no_number_is_refused(
    make_runner: MakeRunner, make_trial: MakeTrial, printed: str
) -> None:
    with pytest.raises(InvalidResult):
        make_runner("echo", printed)(make_trial())


# --- surroundings -----------------------------------------------------------------------------


def test_the_environment_tells_about_the_trial_under_both_names(
    make_runner: MakeRunner, make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "kept")
    runner = make_runner("sh", "-c", "env; echo 1", interrupt_code=9)
    trial = make_trial()

    runner(trial)

    log = (Path(trial.working_dir) / "stdout.log").read_text()
    told = dict(line.split("=", 1) for line in log.splitlines() if "=" in line)
    assert told["MINE"] == "kept"
    for prefix in ("ORION_LIKE_", "ORION_"):
        assert told[f"{prefix}EXPERIMENT_ID"] == "7"
        assert told[f"{prefix}EXPERIMENT_NAME"] == "demo"
        assert told[f"{prefix}EXPERIMENT_VERSION"] == "2"
        assert told[f"{prefix}TRIAL_ID"] == trial.id
        assert told[f"{prefix}WORKING_DIR"] == trial.working_dir
        assert told[f"{prefix}INTERRUPT_CODE"] == "9"
        assert Path(told[f"{prefix}RESULTS_PATH"]).parent == Path(trial.working_dir)


def test_the_current_directory_is_that_of_the_worker(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trial = make_trial()

    make_runner("sh", "-c", "pwd; echo 1")(trial)

    assert (Path(trial.working_dir) / "stdout.log").read_text() == f"{tmp_path}\n1\n"


def test_output_is_kept_for_each_attempt_and_shown_only_when_verbose(
    make_runner: MakeRunner, make_trial: MakeTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("sh", "-c", "echo out; echo ärr >&2; echo 1")
    trial = make_trial()

    make_runner(*words)(trial)
    quiet = capsys.readouterr()
    make_runner(*words, verbose=True)(trial)
    verbose = capsys.readouterr()

    assert (quiet.out, quiet.err) == ("", "")
    assert (verbose.out, verbose.err) == ("out\n1\n", "ärr\n")
    assert (Path(trial.working_dir) / "stdout.log").read_text() == "out\n1\n" * 2
    assert (Path(trial.working_dir) / "stderr.log").read_text() == "ärr\n" * 2


def test_verbose_output_is_shown_while_the_script_runs(
    make_runner: MakeRunner,
    make_trial: MakeTrial,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = "import os\nprint('early')\nwhile not os.path.exists('{}'): pass\nprint(1)"
    go = tmp_path / "go"
    runner = make_runner(sys.executable, "-c", code.format(go), verbose=True)
    thread = threading.Thread(target=runner, args=[make_trial()])
    shown: list[str] = []

    def early_is_shown() -> bool:
        shown.append(capsys.readouterr().out)
        return "early" in "".join(shown)

    thread.start()
    try:
        wait_until(early_is_shown)
    finally:
        go.touch()
        thread.join()


@pytest.mark.parametrize("verbose", [False, True])
def test_huge_output_does_not_block(
    make_runner: MakeRunner, make_trial: MakeTrial, verbose: bool
) -> None:
    code = (
        "import sys\nfor f in (sys.stderr, sys.stdout): f.write('x' * 10_000_000 + '\\n')\nprint(3)"
    )

    assert make_runner(sys.executable, "-c", code, verbose=verbose)(make_trial()) == objective(3)


def test_a_script_reads_nothing_from_the_terminal(
    make_runner: MakeRunner, make_trial: MakeTrial
) -> None:
    assert make_runner("sh", "-c", "wc -c")(make_trial()) == objective(0)


# --- failures ---------------------------------------------------------------------------------


def test_a_failure_tells_the_exit_code_and_the_last_lines_of_stderr(
    make_runner: MakeRunner, make_trial: MakeTrial
) -> None:
    runner = make_runner("sh", "-c", "seq 1 5000 >&2; echo 0.5; exit 3")

    with pytest.raises(ExecutionError) as caught:
        runner(make_trial())

    message = str(caught.value)
    assert caught.value.return_code == 3
    assert message.startswith("the script exited with code 3; its last lines on stderr:")
    assert message.split()[-10:] == [str(number) for number in range(4991, 5001)]
    assert len(message) < 3000


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("kill -SEGV $$", "was killed by SIGSEGV"),
        ("kill -KILL $$", r"was killed by SIGKILL \(perhaps for lack of memory\)"),
        ("exit 137", r"code 137 \(what it ran was killed by SIGKILL"),
        ("no-such-command-at-all", "code 127.*no-such-command-at-all"),
        ("exit 1", "exited with code 1 and wrote nothing to stderr"),
    ],
)
def test_a_failure_tells_why(
    make_runner: MakeRunner, make_trial: MakeTrial, code: str, message: str
) -> None:
    with pytest.raises(ExecutionError, match=f"(?s){message}"):
        make_runner("sh", "-c", code)(make_trial())


def test_errors_survive_the_way_through_another_process() -> None:
    error = pickle.loads(pickle.dumps(TrialTimeout("late", -15)))

    assert (type(error), str(error), error.return_code) == (TrialTimeout, "late", -15)


@pytest.mark.parametrize("code", [130, 77])
def test_the_interrupt_code_interrupts_the_trial(
    make_runner: MakeRunner, make_trial: MakeTrial, code: int
) -> None:
    call = "from orion_like.client import interrupt_trial; interrupt_trial()"

    with pytest.raises(TrialInterrupted):
        make_runner(sys.executable, "-c", call, interrupt_code=code)(make_trial())


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("print(1)", 0o755, "#!/usr/bin/env python"),
        ("#!/no/such/interpreter\n", 0o755, "interpreter that its first line names"),
        (None, 0o755, "No such file"),
    ],
)
def test_a_script_that_cannot_be_started_says_why(
    make_trial: MakeTrial,
    experiment: dict[str, Any],
    tmp_path: Path,
    content: str | None,
    mode: int,
    message: str,
) -> None:
    script = tmp_path / "script"
    if content is not None:
        script.write_text(content)
        script.chmod(mode)
    runner = ScriptRunner(UserCommand.parse([str(script)], check=False), experiment)

    with pytest.raises(InexecutableUserScript, match=message):
        runner(make_trial())


# --- ending scripts ---------------------------------------------------------------------------

# A script with a child and a grandchild, which notes their process ids and lives long.
FAMILY = (
    "(sleep 1000 & echo $! >> {0}; (sleep 1000 & echo $! >> {0}; wait) & wait) & "
    "echo $$ >> {0}; wait"
)
STUBBORN = "trap '' TERM; " + FAMILY


@pytest.mark.parametrize("code", [FAMILY, STUBBORN])
def test_a_trial_that_takes_too_long_is_ended_with_its_whole_family(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path, code: str
) -> None:
    pids = tmp_path / "pids"
    runner = make_runner("sh", "-c", code.format(pids), timeout=0.5, grace=0.2)

    with pytest.raises(TrialTimeout, match=r"ran longer than 0\.5 s"):
        runner(make_trial())

    assert not any(is_alive(pid) for pid in pids_in(pids, 3))


def test_a_script_may_clean_up_when_it_is_ended(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    code = f"trap 'echo saved > {tmp_path}/saved; exit 0' TERM; sleep 1000 & wait"
    runner = make_runner("sh", "-c", code, timeout=0.5, grace=20)

    with pytest.raises(TrialTimeout):
        runner(make_trial())

    assert (tmp_path / "saved").read_text() == "saved\n"


def test_a_child_may_clean_up_although_the_script_ends_at_once(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    child = f"trap 'sleep 1; echo saved > {tmp_path}/saved; exit' TERM; echo > {tmp_path}/ready; "
    code = f'sh -c "{child} while :; do sleep 0.01; done"; echo 1'
    runner = make_runner("sh", "-c", code, grace=20)

    def interrupt() -> None:
        wait_until((tmp_path / "ready").exists)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    with raising(signal.SIGTERM):
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            runner(make_trial())
    thread.join()

    assert (tmp_path / "saved").read_text() == "saved\n"


def test_what_a_script_leaves_running_in_the_background_is_ended_with_it(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    code = f"(trap '' TERM; echo > {tmp_path}/ready; sleep 1000) & echo $! > {pids}; "
    code += f"while [ ! -e {tmp_path}/ready ]; do :; done; echo 1"

    assert make_runner("sh", "-c", code)(make_trial()) == objective(1)

    assert not any(is_alive(pid) for pid in pids_in(pids, 1))


@contextmanager
def raising(number: int) -> Iterator[None]:
    """Have a signal raise KeyboardInterrupt, as a worker does."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [FAMILY, STUBBORN])
def test_an_interrupted_wait_leaves_no_orphans(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path, number: int, code: str
) -> None:
    pids = tmp_path / "pids"
    runner = make_runner("sh", "-c", code.format(pids), grace=0.2)

    def interrupt() -> None:
        pids_in(pids, 3)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    with raising(number):
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            runner(make_trial())
    thread.join()

    assert not any(is_alive(pid) for pid in pids_in(pids, 3))


def test_a_signal_in_the_moment_of_the_start_leaves_no_orphans(
    make_runner: MakeRunner,
    make_trial: MakeTrial,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []

    class SignalledPopen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self.pid)
            os.kill(os.getpid(), signal.SIGTERM)

    runner = make_runner("sleep", "1000")
    with raising(signal.SIGTERM):
        monkeypatch.setattr(subprocess, "Popen", SignalledPopen)
        with pytest.raises(KeyboardInterrupt):
            runner(make_trial())

    assert started
    assert not any(is_alive(pid) for pid in started[-1:])


def test_stop_ends_running_scripts_and_starts_no_more(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    runner = make_runner("sh", "-c", STUBBORN.format(pids), grace=0.2)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            runner(make_trial())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    family = pids_in(pids, 3)

    runner.stop()
    thread.join()

    assert [type(error) for error in errors] == [TrialInterrupted]
    assert not any(is_alive(pid) for pid in family)
    with pytest.raises(TrialInterrupted):
        runner(make_trial())
    assert len(pids.read_text().splitlines()) == 3


def test_a_runner_can_be_stopped_from_a_signal_handler(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    runner = make_runner("sh", "-c", STUBBORN.format(pids), grace=0.2)
    before = signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    thread = threading.Thread(
        target=lambda: pids_in(pids, 3) and os.kill(os.getpid(), signal.SIGTERM)
    )
    thread.start()
    try:
        with pytest.raises(TrialInterrupted):
            runner(make_trial())
    finally:
        signal.signal(signal.SIGTERM, before)
        thread.join()

    assert not any(is_alive(pid) for pid in pids_in(pids, 3))


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("", id="with its first script"),
        pytest.param("[quick(trial) for _ in range(3)]", id="with a later script"),
        pytest.param("missing(trial)", id="after one that could not be started"),
        pytest.param("Guard.watch = lambda *_: None", id="before it knew its script"),
    ],
)
def test_a_killed_worker_takes_its_script_with_it(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path, before: str
) -> None:
    pids = tmp_path / "pids"
    job = (make_runner("echo", "1"), make_runner("sh", "-c", FAMILY.format(pids)), make_trial())
    (tmp_path / "job.pkl").write_bytes(pickle.dumps(job))
    code = (
        "import pickle, sys\n"
        "from orion_like.worker.guard import Guard\n"
        "from orion_like.worker.command import UserCommand\n"
        "from orion_like.worker.script import ScriptRunner\n"
        "quick, slow, trial = pickle.load(open(sys.argv[1], 'rb'))\n"
        "def missing(trial):\n"
        "    command = UserCommand.parse(['/no/such'], check=False)\n"
        "    try: ScriptRunner(command, slow.experiment)(trial)\n"
        "    except PermissionError: pass\n"
        f"{before}\n"
        "slow(trial)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "job.pkl")])
    family = pids_in(pids, 3)

    worker.kill()
    worker.wait()

    wait_until(lambda: not any(is_alive(pid) for pid in family))


# --- across processes -------------------------------------------------------------------------


def test_a_runner_works_after_pickling_and_after_forking(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    runner = make_runner("sh", "-c", "echo $$ >> pids; echo 1".replace("pids", str(tmp_path / "p")))
    runner(make_trial())
    copy = pickle.loads(pickle.dumps(runner))

    child = os.fork()
    if child == 0:
        os._exit(0 if copy(make_trial()) == objective(1) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert copy(make_trial()) == objective(1)


def test_configuration_files_are_written_into_the_directory_of_the_trial(
    make_runner: MakeRunner, make_trial: MakeTrial, tmp_path: Path
) -> None:
    (tmp_path / "c.json").write_text('{"x": "orion~uniform(0, 1)"}')
    code = "import json, sys; print(json.load(open(sys.argv[2]))['x'] * 2)"
    runner = make_runner(sys.executable, "-c", code, "--config", str(tmp_path / "c.json"))
    trial = make_trial({"/x": 0.25})

    assert runner(trial) == objective(0.5)
    assert json.loads((tmp_path / "c.json").read_text()) == {"x": "orion~uniform(0, 1)"}
    assert [path.suffix for path in Path(trial.working_dir).glob("trial_*")] == [".json"]


def test_no_file_descriptors_are_lost(make_runner: MakeRunner, make_trial: MakeTrial) -> None:
    runner = make_runner("echo", "1")
    runner(make_trial())
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(5):
        runner(make_trial())

    assert len(os.listdir("/proc/self/fd")) == before
