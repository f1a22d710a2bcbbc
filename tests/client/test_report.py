"""What scripts may call to report their results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("ORION_LIKE_", "ORION_"))
}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**PLAIN, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def report(call: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(f"from orion_like.client.report import *\n{call}", **environment)


@pytest.mark.parametrize("variable", ["ORION_LIKE_RESULTS_PATH", "ORION_RESULTS_PATH"])
def test_an_objective_is_written_to_the_file_that_the_worker_names(
    tmp_path: Path, variable: str
) -> None:
    results = tmp_path / "results.json"

    done = report("report_objective(0.25, name='loss')", **{variable: str(results)})

    assert done.returncode == 0
    assert done.stdout == ""
    assert json.loads(results.read_text()) == [{"name": "loss", "type": "objective", "value": 0.25}]
    assert os.listdir(tmp_path) == ["results.json"]


def test_a_script_run_by_hand_prints_its_results() -> None:
    done = report("report_objective(1)")

    assert json.loads(done.stdout) == [{"name": "objective", "type": "objective", "value": 1}]


def test_constants_tell_whether_a_worker_listens(tmp_path: Path) -> None:
    show = "print(IS_ORION_LIKE_ON, RESULTS_FILENAME)"

    alone = report(show)
    listened_to = report(show, ORION_LIKE_RESULTS_PATH="/x.json")

    assert alone.stdout == "False None\n"
    assert listened_to.stdout == "True /x.json\n"


def test_all_kinds_of_results_are_reported_with_numpy_values() -> None:
    done = run(
        "import numpy as np\n"
        "from orion_like.client.report import report_results\n"
        "report_results([\n"
        "  {'name': 'a', 'type': 'objective', 'value': np.float32(0.5)},\n"
        "  {'name': 'c', 'type': 'constraint', 'value': np.int64(-1)},\n"
        "  {'name': 'g', 'type': 'gradient', 'value': np.array([1.0, 2.0])},\n"
        "  {'name': 's', 'type': 'statistic', 'value': {'epochs': np.arange(2)}},\n"
        "])"
    )

    values = {result["name"]: result["value"] for result in json.loads(done.stdout)}
    assert values == {"a": 0.5, "c": -1, "g": [1.0, 2.0], "s": {"epochs": [0, 1]}}


def test_a_bad_trial_gets_a_bad_objective_and_other_results() -> None:
    extra = "{'name': 'why', 'type': 'statistic', 'value': 'diverged'}"

    done = report(f"report_bad_trial(data=[{extra}])")

    bad, why = json.loads(done.stdout)
    assert bad == {"name": "objective", "type": "objective", "value": 1e10}
    assert why["value"] == "diverged"


def test_a_second_report_is_an_error_that_is_also_a_runtime_warning() -> None:
    done = report(
        "report_objective(1)\n"
        "try: report_objective(2)\n"
        "except RuntimeWarning as error: print('refused:', error)"
    )

    first, refused = done.stdout.splitlines()
    assert json.loads(first)[0]["value"] == 1
    assert refused.startswith("refused: results can be reported only once")


def test_after_a_refused_report_a_right_one_is_possible() -> None:
    done = report(
        "try: report_objective(float('nan'))\nexcept ValueError: report_bad_trial(objective=9.0)"
    )

    assert json.loads(done.stdout)[0]["value"] == 9.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("report_objective(float('nan'))", "nan"),
        ("report_objective(float('inf'))", "inf"),
        ("report_objective(True)", "must be a number, not bool"),
        ("report_objective('0.5')", "must be a number, not str"),
        ("report_objective(None)", "must be a number"),
        ("report_results([])", "no objective"),
        ("report_results([{'name': 'x', 'type': 'loss', 'value': 1}])", "loss"),
        ("report_results({'name': 'x', 'type': 'objective', 'value': 1})", "list of results"),
        ("report_results(3)", "list of results"),
        ("report_results([3])", "a result must be"),
        ("report_bad_trial(data=[{'name': 'x', 'type': 'lie', 'value': 1}])", "is not a result"),
        (
            "report_bad_trial(data=[{'name': 'x', 'type': 'statistic', 'value': {1, 2}}])",
            "not JSON serializable",
        ),
    ],
)
def test_bad_data_is_refused_where_it_is_reported(call: str, message: str) -> None:
    done = report(call)

    assert done.returncode == 1
    assert done.stdout == ""
    assert "InvalidResult" in done.stderr or "NonFiniteResult" in done.stderr
    assert message in done.stderr


def test_a_vanished_directory_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "gone" / "results.json")

    done = report("report_objective(1)", ORION_LIKE_RESULTS_PATH=path)

    assert done.returncode == 1
    assert path in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("environment", "code"),
    [({}, 130), ({"ORION_LIKE_INTERRUPT_CODE": "7"}, 7), ({"ORION_INTERRUPT_CODE": "8"}, 8)],
)
def test_interrupting_a_trial_exits_with_the_code_of_the_worker(
    environment: dict[str, str], code: int
) -> None:
    assert report("interrupt_trial()", **environment).returncode == code


def test_importing_and_reporting_loads_only_the_standard_library() -> None:
    done = run(
        "import sys\n"
        "before = set(sys.modules)\n"
        "import orion_like.client.report as report\n"
        "imported = set(sys.modules) - before\n"
        "report.report_objective(1)\n"
        "loaded = set(sys.modules) - before\n"
        "roots = {name.partition('.')[0] for name in loaded} - {'orion_like'}\n"
        "print(sorted(roots - set(sys.stdlib_module_names)))\n"
        "heavy = {'dataclasses', 'inspect', 'json', 'logging', 'subprocess', 'tempfile'}\n"
        "print(sorted(heavy & imported))"
    )

    third_party, heavy = done.stdout.splitlines()[1:]
    assert third_party == "[]"
    assert heavy == "[]"
