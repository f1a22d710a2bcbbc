"""Every error that a user can cause is one paragraph on stderr, without a traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click
import pytest

from orion_like.cli.failures import paragraph, report
from orion_like.errors import DatabaseError

PRIOR = "-x~uniform(0, 1)"
HUNT = ("hunt", "-n", "demo", "--worker-max-trials", "1")

# Situation, exit code, words of the command, and what the message must say.
PATHS = [
    # The words themselves
    ("empty", 2, ["staus"], "no command 'staus'; did you mean 'status'?"),
    ("empty", 2, ["db", "dmup"], "did you mean 'dump'?"),
    ("empty", 2, ["--verbos", "status"], "--verbos"),
    ("empty", 2, [*HUNT, "--max-trails", "3", "./good.sh", PRIOR], "--max-trails"),
    ("empty", 2, [*HUNT, "--max-trials", "many", "./good.sh", PRIOR], "--max-trials"),
    ("empty", 2, [*HUNT, "--max-trials", "0", "./good.sh", PRIOR], "from 1 on"),
    ("empty", 2, [*HUNT, "--n-workers", "0", "./good.sh", PRIOR], "--n-workers"),
    ("empty", 2, [*HUNT, "--heartbeat", "soon", "./good.sh", PRIOR], "90s, 15m or 2h"),
    ("empty", 2, [*HUNT, "--trial-timeout", "-3", "./good.sh", PRIOR], "more than 0"),
    ("empty", 2, ["hunt", "-n", "demo", "-v", "./good.sh"], "orion-like -v COMMAND"),
    ("empty", 2, ["status", "--format", "xml"], "'xml'"),
    ("empty", 2, ["completion", "tcsh"], "'tcsh'"),
    ("empty", 2, ["db", "load"], "FILE"),
    ("empty", 2, ["db", "setup", "--type", "oracle"], "'oracle'"),
    # What is to be hunted
    ("empty", 2, ["hunt", "./good.sh", PRIOR], "-n/--name"),
    ("empty", 2, [*HUNT, "./good.sh", "-x", "0.5"], "No prior found"),
    ("empty", 2, [*HUNT, "./good.sh", "-x~unifrm(0, 1)"], "uniform"),
    ("empty", 2, [*HUNT, "./good.sh", "-x~uniform(0, 1"], "not a prior"),
    ("empty", 2, [*HUNT, "./good.sh", "-x~loguniform(0, 1)"], "loguniform"),
    ("empty", 2, [*HUNT, "./good.sh", PRIOR, "-x~uniform(0, 2)"], "/x"),
    ("empty", 2, [*HUNT, "./good.sh", PRIOR, "{trial.idd}"], "trial.idd"),
    ("empty", 1, [*HUNT, "./goood.sh", PRIOR], "Did you mean './good.sh'?"),
    ("empty", 1, [*HUNT, "./plain.txt", PRIOR], "not executable"),
    ("empty", 1, ["hunt", "-n", "demo"], "does not exist"),
    ("other", 1, ["hunt", "-n", "demo"], "does not exist yet; give the command"),
    ("empty", 2, [*HUNT, "--algorithm", "tpee", "./good.sh", PRIOR], "tpe"),
    ("empty", 2, [*HUNT, "--algorithm", "{", "./good.sh", PRIOR], "--algorithm"),
    ("empty", 2, [*HUNT, "--algorithm", "[1]", "./good.sh", PRIOR], "--algorithm"),
    ("empty", 2, [*HUNT, "--algorithm", "tpe: {gama: 1}", "./good.sh", PRIOR], "gamma"),
    (
        "empty", 2,
        [*HUNT, "--algorithm", "tpe", "--algorithm", "random", "./good.sh", PRIOR],
        "one algorithm, not tpe and random",
    ),
    ("empty", 2, [*HUNT, "--objective", "a:maximise", "./good.sh", PRIOR], "maximize"),
    ("empty", 2, [*HUNT, *["--objective", "a"] * 2, "./good.sh", PRIOR], "a is given twice"),
    ("empty", 2, [*HUNT, "--heartbeat", "1e300", "./good.sh", PRIOR], "ten years"),
    ("empty", 2, [*HUNT, "--seed", "1" * 30, "./good.sh", PRIOR], "--seed"),
    ("empty", 2, ["hunt", "-n", "\udcff", "./good.sh", PRIOR], "not valid UTF-8"),
    ("empty", 2, [*HUNT, "--constraint", "x <", "./good.sh", PRIOR], "x <"),
    ("empty", 2, [*HUNT, "--constraint", "x + y <= 1", "./good.sh", PRIOR], "y"),
    ("empty", 2, [*HUNT, "--constraint", "memory < 1", "./good.sh", PRIOR], "NAME <= number"),
    ("empty", 2, [*HUNT, "--constraint", "{name: memory", "./good.sh", PRIOR], "--constraint"),
    ("empty", 2, [*HUNT, "--constraint", "{name: m, uper: 1}", "./good.sh", PRIOR], "'upper'"),
    ("empty", 2, [*HUNT, "--executor", "Pol", "./good.sh", PRIOR], "did you mean 'pool'"),
    ("empty", 1, [*HUNT, "--branch-to", "b", "./good.sh", PRIOR], "to branch from"),
    ("demo", 1, [*HUNT, "./good.sh", "-x~uniform(0, 2)"], "has trials already"),
    ("demo", 1, [*HUNT, "--algorithm", "random"], "has trials already"),
    # How the script behaves
    ("empty", 1, ["hunt", "-n", "demo", "./bad.sh", PRIOR], "out of luck"),
    ("empty", 1, ["hunt", "-n", "demo", "./silent.sh", PRIOR], "reported no results"),
    ("empty", 1, ["hunt", "-n", "demo", "./nan.sh", PRIOR], "nan"),
    # Configuration and storage
    ("empty", 2, ["status", "-c", "none.yaml"], "none.yaml cannot be read"),
    ("empty", 2, ["status", "-c", "broken.yaml"], "broken.yaml is not valid"),
    ("empty", 2, ["status", "-c", "typo.yaml"], "did you mean"),
    ("empty", 2, ["status", "-c", "."], "cannot be read"),
    ("empty", 2, ["status", "--storage", "mysql://db/x"], "unknown scheme"),
    ("empty", 1, ["status", "--storage", "plain.txt"], "plain.txt"),
    ("empty", 1, ["status", "--storage", "."], "directory"),
    ("empty", 1, ["status", "--storage", "crafted.pkl"], "crafted.pkl"),
    ("empty", 1, [*HUNT, "--storage", "plain.txt/db.pkl", "./good.sh", PRIOR], "plain.txt"),
    # Experiments and trials that are not there
    ("demo", 1, ["status", "-n", "dmeo"], "did you mean 'demo'?"),
    ("demo", 1, ["list", "-n", "dmeo"], "did you mean 'demo'?"),
    ("demo", 1, ["info", "-n", "dmeo"], "did you mean 'demo'?"),
    ("demo", 1, ["insert", "-n", "dmeo", "-x=1"], "did you mean 'demo'?"),
    ("demo", 1, ["db", "rm", "dmeo"], "did you mean 'demo'?"),
    ("demo", 1, ["db", "set", "dmeo", "*", "status=new"], "did you mean 'demo'?"),
    ("demo", 1, ["db", "release", "dmeo"], "did you mean 'demo'?"),
    ("demo", 1, ["db", "dump", "-n", "dmeo"], "did you mean 'demo'?"),
    ("demo", 2, ["db", "rm", "demo", "-v", "3"], "no version 3"),
    ("empty", 1, ["info", "-n", "demo"], "No experiment found"),
    ("empty", 1, ["insert", "-n", "demo", "-x=1"], "No experiment found"),
    ("empty", 2, ["info"], "-n/--name"),
    ("demo", 2, ["insert", "-n", "demo", "-x=7"], "/x"),
    ("demo", 2, ["insert", "-n", "demo", "-y=1"], "no dimension '-y'"),
    # Files and questions
    ("demo", 1, ["db", "dump", "-o", "plain.txt"], "exists already"),
    ("demo", 1, ["db", "dump", "-o", "no/where.pkl"], "does not exist"),
    ("demo", 1, ["db", "load", "none.pkl"], "no file none.pkl"),
    ("demo", 1, ["db", "load", "plain.txt"], "plain.txt"),
    ("demo", 1, ["db", "salvage", "plain.txt"], "nothing in plain.txt is readable"),
    ("demo", 1, ["db", "salvage", "none.pkl"], "none.pkl cannot be read"),
    ("empty", 1, ["--logdir", "plain.txt/logs", "status"], "plain.txt"),
]  # fmt: skip

# A sample of the same as real processes, where all of start and end takes part.
REAL = [
    number
    for number, (_, _, words, _) in enumerate(PATHS)
    if words[-1] in ("staus", "none.yaml", "typo.yaml", "plain.txt", "crafted.pkl", "none.pkl")
    or "./bad.sh" in words or "./silent.sh" in words or "./goood.sh" in words
    or "--max-trails" in words or "-x~uniform(0, 1" in words or words[1:] == ["-n", "dmeo"]
]  # fmt: skip


def names(numbers):
    return [" ".join(PATHS[number][2]) for number in numbers]


@pytest.fixture
def situation(request, run):
    """Make the files that the commands meet, and perhaps an experiment."""
    Path("plain.txt").write_text("to do: buy milk\n" * 50)
    Path("broken.yaml").write_text("experiment: {name: [\n")
    Path("typo.yaml").write_text("experiment: {max_trails: 3}\n")
    Path("crafted.pkl").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")

    def prepare(name):
        if name != "empty":
            words = ("--max-trials", "2", "./good.sh", PRIOR)
            assert run("hunt", "-n", name, *words).code == 0

    return prepare


def check(outcome, code, message):
    assert outcome.code == code, outcome.err
    assert message in outcome.err
    assert "Traceback" not in outcome.err + outcome.out
    error = outcome.err[outcome.err.rindex("Error: ") :]
    assert error.endswith("\n")
    assert "\n\n" not in error
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    ("before", "code", "words", "message"), PATHS, ids=names(range(len(PATHS)))
)
def test_an_error_is_one_paragraph(run, situation, before, code, words, message):
    situation(before)

    check(run(*words), code, message)


@pytest.mark.parametrize(
    ("before", "code", "words", "message"), [PATHS[n] for n in REAL], ids=names(REAL)
)
def test_an_error_of_a_process_is_one_paragraph(
    run_process, situation, before, code, words, message
):
    situation(before)

    check(run_process(*words), code, message)


def test_there_are_enough_real_processes():
    assert len(REAL) >= 12


def test_a_server_that_does_not_answer_is_an_error_without_its_password(run):
    outcome = run("status", "--storage", "mongodb://ann:s3cret@127.0.0.1:1/x")

    check(outcome, 1, "127.0.0.1")
    assert "s3cret" not in outcome.err


@pytest.mark.parametrize(
    "words", [["-vv", "status"], ["db", "test"], ["-vv", *HUNT, "./good.sh", PRIOR]]
)
def test_passwords_are_in_no_output_of_a_failing_command(run, words):
    url = "mongodb://ann:s3cret@127.0.0.1:port/x"
    at = words.index("./good.sh") if "./good.sh" in words else len(words)

    outcome = run(*words[:at], "--storage", url, *words[at:])

    assert outcome.code in (1, 2)
    assert "s3cret" not in outcome.out + outcome.err


def test_the_traceback_is_shown_when_all_is_asked_for(run):
    outcome = run("-vv", "info", "-n", "demo")

    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("Error: No experiment found")


def test_a_question_without_anybody_to_answer_is_an_error(run_process, run, hunted):
    outcome = run_process("db", "rm", "demo")

    check(outcome, 1, "was not answered")


def test_a_reader_that_goes_away_is_no_error(start, hunted):
    reader, writer = os.pipe()
    os.close(reader)
    process = start("status", "--all", stdout=writer)
    os.close(writer)

    _, err = process.communicate(timeout=60)

    assert err == ""
    assert process.returncode == 141


# --- what an error is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["plot", "regert", "-n", "demo"], "regret"),
        (["status", "--format", "jsn"], "json"),
        (["completion", "bsh"], "bash"),
        (["hunt", "--code-change-type", "brake", "./good.sh"], "break"),
    ],
)
def test_a_misspelt_choice_is_answered_with_the_closest_one(run, words, meant):
    check(run(*words), 2, f"did you mean '{meant}'?")


def test_blank_lines_are_taken_out_of_a_paragraph():
    assert paragraph("a\n\n  b  \n\n") == "a\n  b"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DatabaseError("no"), 1),
        (click.UsageError("no"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 1),
        (MemoryError(), 1),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141),
    ],
)
def test_each_kind_of_error_has_its_exit_code(capfd, monkeypatch, error, code):
    monkeypatch.setattr("orion_like.cli.failures.silence_standard_streams", lambda: None)

    assert report(error) == code


def defective():
    password = "mongodb://ann:s3cret@db"
    raise ZeroDivisionError(f"while connecting to {password}")


def test_a_defect_is_told_as_one_and_its_traceback_is_kept_in_a_file(capfd, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError) as raised:
        defective()

    code = report(raised.value)

    (kept,) = tmp_path.glob("orion-like-*.txt")
    said = capfd.readouterr().err
    assert code == 70
    assert said.startswith("Error: ZeroDivisionError: while connecting to mongodb://ann:***@db\n")
    assert str(kept) in said
    assert "Traceback" not in said
    assert "in defective" in kept.read_text()
    assert "s3cret" not in kept.read_text()


def test_the_traceback_of_a_defect_is_printed_when_all_is_asked_for(capfd):
    assert report(ZeroDivisionError("a defect"), verbose=2) == 70

    said = capfd.readouterr().err
    assert said.splitlines()[0] == "ZeroDivisionError: a defect"
    assert "Please report it" in said
