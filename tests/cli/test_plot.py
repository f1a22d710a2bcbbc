"""`orion-like plot`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orion_like.cli.plot import KINDS

TWO = ("--objective", "loss", "--objective", "gain:max")


@pytest.fixture
def of_two(run, tmp_path):
    """An experiment `demo` with two objectives and three completed trials."""
    script = Path("two.sh")
    script.write_text(
        "#!/bin/sh\n"
        "orion-like report loss=$2 gain=$2\n"
        'echo "{\\"objectives\\": {\\"loss\\": $2, \\"gain\\": $2}}"\n'
    )
    script.chmod(0o755)
    outcome = run(
        "hunt", "-n", "demo", "--max-trials", 3, "--seed", 1, *TWO, "./two.sh", "-x~uniform(0, 1)"
    )
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_drawn_into_a_file_named_after_the_experiment(run, of_two, kind):
    outcome = run("plot", kind, "-n", "demo", "-t", "json")

    assert (outcome.code, outcome.out) == (0, f"demo-v1_{kind}.json\n")
    assert json.loads(Path(f"demo-v1_{kind}.json").read_text())["data"]


def test_the_objectives_that_are_shown_can_be_chosen(run, of_two):
    run("plot", "regret", "-n", "demo", "-t", "json", "--objective", "gain")
    run("plot", "pareto_front", "-n", "demo", "-t", "json", "--objective", "gain",
        "--objective", "loss")  # fmt: skip

    def title(kind, axis):
        return json.loads(Path(f"demo-v1_{kind}.json").read_text())["layout"][axis]["title"]["text"]

    assert title("regret", "yaxis") == "gain"
    assert title("pareto_front", "xaxis") == "gain"


@pytest.mark.parametrize(
    ("kind", "objectives", "code", "message"),
    [
        ("regret", ["gian"], 1, "did you mean 'gain'?"),
        ("regret", ["gain", "loss"], 2, "regret shows one objective"),
        ("hypervolume_history", ["gain"], 2, "shows all objectives"),
        ("pareto_front", ["gain"], 1, "two objectives or more"),
    ],
)
def test_objectives_that_cannot_be_shown_are_refused(run, of_two, kind, objectives, code, message):
    options = [word for name in objectives for word in ("--objective", name)]

    outcome = run("plot", kind, "-n", "demo", "-t", "json", *options)

    assert (outcome.code, message in outcome.err) == (code, True), outcome.err


def test_the_front_of_one_objective_is_refused(run, hunted):
    outcome = run("plot", "pareto_front", "-n", "demo", "-t", "json")

    assert outcome.code == 1
    assert "has one objective, 'objective'" in outcome.err


def test_a_page_needs_no_browser(run, hunted):
    assert run("plot", "regret", "-n", "demo", "--type", "html").code == 0

    assert "best-to-date" in Path("demo-v1_regret.html").read_text()


def test_the_extension_of_the_file_decides_its_format(run, hunted):
    outcome = run("plot", "regret", "-n", "demo", "-t", "html", "-o", "figure.JSON")

    assert (outcome.out, outcome.err) == ("figure.JSON\n", "")
    assert json.loads(Path("figure.JSON").read_text())


@pytest.mark.parametrize(("file", "warns"), [("figure", False), ("figure.1", True)])
def test_the_type_is_added_to_a_file_with_no_known_extension(run, hunted, file, warns):
    outcome = run("plot", "regret", "-n", "demo", "-t", "json", "-o", file)

    assert outcome.out == f"{file}.json\n"
    assert ("cannot be written as '1'" in outcome.err) == warns
    assert Path(f"{file}.json").exists()


def test_names_with_slashes_make_no_directories(run):
    run("hunt", "-n", "a/b", "--max-trials", 1, "./good.sh", "-x~uniform(0, 1)")

    assert run("plot", "regret", "-n", "a/b", "-t", "json").out == "a_b-v1_regret.json\n"


def test_an_image_without_a_browser_suggests_what_works(run, hunted, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", str(Path("good.sh").resolve()))

    outcome = run("plot", "regret", "-n", "demo")

    assert outcome.code == 1
    assert outcome.err.startswith("Error: a figure can be written as png only with kaleido")
    assert "--type html" in outcome.err
    assert not Path("demo-v1_regret.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["plot", "regrets", "-n", "demo"], 2, "'regret'"),
        (["plot", "regret", "-n", "demo", "-t", "bmp"], 2, "'html'"),
        (["plot", "regret", "-n", "demo", "--scale", "0"], 2, "--scale"),
        (["plot", "regret", "-n", "dem"], 1, "did you mean 'demo'?"),
        (["plot", "regret"], 2, "-n/--name"),
        (["plot", "regret", "-n", "demo", "-o", "nowhere/a.json"], 1, "nowhere/a.json"),
    ],
)
def test_wrong_words_end_in_one_paragraph(run, hunted, words, code, hint):
    outcome = run(*words)

    assert outcome.code == code
    assert outcome.err.startswith("Error: ")
    assert hint in outcome.err
    assert "Traceback" not in outcome.err


def test_the_help_of_plot_loads_nothing_heavy():
    code = (
        "import sys\nfrom orion_like.cli import main\nmain(['plot', '--help'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"numpy", "pandas", "plotly", "scipy"} & set(run.stderr.split())
