"""How the results of a script are found and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orion_like.errors import InvalidResult, MissingResultFile
from orion_like.worker.results import collect_results


def objective(value: Any, name: str = "objective") -> dict[str, Any]:
    return {"name": name, "type": "objective", "value": value}


def collect(tmp_path: Path, stdout: str = "", reported: str = "", start: int = 0) -> Any:
    (tmp_path / "results.json").write_text(reported)
    (tmp_path / "stdout.log").write_text(stdout)
    return collect_results(str(tmp_path / "results.json"), str(tmp_path / "stdout.log"), start)


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        ("0.25\n", [objective(0.25)]),
        ("-1e-3", [objective(-0.001)]),
        (".5", [objective(0.5)]),
        ("+5.", [objective(5.0)]),
        ("epoch 1\n7\nDone.\n\n", [objective(7)]),
        ("1\n2\n", [objective(2)]),
        ('{"objective": 0.3}', [objective(0.3)]),
        (json.dumps(objective(2, "loss")), [objective(2, "loss")]),
        (
            json.dumps([objective(1, "a"), objective(2, "b")]),
            [objective(1, "a"), objective(2, "b")],
        ),
        (
            '{"objectives": {"loss": 1, "size": 2}, "constraints": {"ram": -0.5}, '
            '"gradient": {"/x": 1.5}, "statistics": {"epochs": 9, "note": "ok"}}',
            [
                objective(1, "loss"),
                objective(2, "size"),
                {"name": "ram", "type": "constraint", "value": -0.5},
                {"name": "gradient", "type": "gradient", "value": {"/x": 1.5}},
                {"name": "epochs", "type": "statistic", "value": 9},
                {"name": "note", "type": "statistic", "value": "ok"},
            ],
        ),
        (
            '{"objective": 1, "constraint": 0, "gradient": [1, 2]}',
            [
                objective(1),
                {"name": "constraint", "type": "constraint", "value": 0},
                {"name": "gradient", "type": "gradient", "value": [1, 2]},
            ],
        ),
        (
            '{"objectives": {"loss": 1, "size": 2}, "gradients": {"loss": {"x": 3}, "size": [4]}}',
            [
                objective(1, "loss"),
                objective(2, "size"),
                {"name": "loss", "type": "gradient", "value": {"x": 3}},
                {"name": "size", "type": "gradient", "value": [4]},
            ],
        ),
    ],
)
def test_the_last_json_line_of_stdout_is_the_result(
    tmp_path: Path, stdout: str, expected: list[dict[str, Any]]
) -> None:
    assert collect(tmp_path, stdout) == expected


def test_the_results_file_goes_before_stdout(tmp_path: Path) -> None:
    assert collect(tmp_path, "1\n", json.dumps([objective(2)])) == [objective(2)]
    assert collect(tmp_path, "1\n", " \n") == [objective(1)]


def test_output_of_an_earlier_attempt_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(MissingResultFile):
        collect(tmp_path, "0.5\nnow\n", start=4)


def test_a_number_is_never_cut_in_a_huge_output(tmp_path: Path) -> None:
    filler = "x" * 99 + "\n"

    assert collect(tmp_path, filler * 20_000 + "12345.5\n") == [objective(12345.5)]
    with pytest.raises(MissingResultFile):
        collect(tmp_path, "1" * (1 << 21))


@pytest.mark.parametrize(
    ("stdout", "message"),
    [
        ("", "reported no results"),
        ("all done\nbye\n", "Call report_objective"),
        ('{"level": "info", "message": "bye"}', "has no objective"),
        ("[broken\n", "reported no results"),
    ],
)
def test_a_script_that_reports_nothing_is_told_how(
    tmp_path: Path, stdout: str, message: str
) -> None:
    with pytest.raises(MissingResultFile, match=message):
        collect(tmp_path, stdout)


@pytest.mark.parametrize(
    ("stdout", "message"),
    [
        ("nan", "is nan"),
        ("NaN", "is nan"),
        ("-inf", "is -inf"),
        ("Infinity", "is inf"),
        ('{"objective": NaN}', "is nan"),
        ("1" + "0" * 400, "is inf"),
        ("true", "must be a number, not bool"),
        ("null", "must be a number, not null"),
        ('"0.5"', "must be a number, not str '0.5'"),
        ('{"objective": true}', "not bool"),
        ('{"objective": "0.5"}', "not str"),
        ('{"objective": null}', "not NoneType"),
        ('{"objective": 1, "statistic": 2, "accuracy": 3}', "unknown key 'accuracy'"),
        ('{"objective": 1, "statistiks": {}}', "did you mean 'statistics'"),
        ("[]", "no objective"),
        ("[1, 2]", "a result must be"),
        ('[{"name": "a", "type": "loss", "value": 1}]', "loss"),
        ('[{"name": "a", "type": "lie", "value": 1}, {"type": "objective", "value": 1}]', "lie"),
        ('{"objective": 1, "constraint": "x"}', "constraint 'constraint' must be a number"),
    ],
)
def test_what_is_no_result_is_refused_with_the_reason(
    tmp_path: Path, stdout: str, message: str
) -> None:
    with pytest.raises(InvalidResult, match=message):
        collect(tmp_path, stdout)


def test_a_results_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidResult, match=r"results\.json is not JSON"):
        collect(tmp_path, "1\n", "oops")
