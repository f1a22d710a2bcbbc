"""What data looks like when it is printed."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone

import pytest
import yaml

from orion_like.cli.output import plain, print_table, printable, render

ROWS = [
    {"name": "a", "best": 0.1 + 0.2, "params": {"x": [1, 2], "ok": True}},
    {"name": "b", "best": None, "extra": 1},
]


def test_json_keeps_numbers_to_the_last_digit():
    assert json.loads(render(ROWS, "json"))[0]["best"] == 0.1 + 0.2


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_has_null_for_numbers_that_are_not_finite(number):
    assert json.loads(render({"best": number}, "json")) == {"best": None}


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=timezone.utc),
        datetime(2026, 1, 2, 5, 4, 5, 678900, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 2, 3, 4, 5, 678900),
    ],
)
def test_times_are_iso_8601_in_utc(moment):
    assert plain(moment) == "2026-01-02T03:04:05.678Z"


def test_time_spans_are_seconds():
    assert plain(timedelta(minutes=1, milliseconds=500)) == 60.5


def test_yaml_reads_back_as_what_json_says():
    assert yaml.safe_load(render(ROWS, "yaml")) == json.loads(render(ROWS, "json"))


def test_yaml_keeps_the_order_of_fields():
    assert render({"b": 1, "a": 2}, "yaml") == "b: 1\na: 2\n"


def test_csv_has_a_column_for_every_field_of_any_row():
    rows = list(csv.reader(io.StringIO(render(ROWS, "csv"))))

    assert rows[0] == ["name", "best", "params.x", "params.ok", "extra"]
    assert rows[1] == ["a", "0.30000000000000004", "[1, 2]", "true", ""]
    assert rows[2] == ["b", "", "", "", "1"]


def test_csv_quotes_what_would_break_a_row():
    text = render([{"name": 'a,"b"\nc', "n": 1}], "csv")

    assert list(csv.reader(io.StringIO(text)))[1] == ['a,"b"\nc', "1"]


def test_csv_of_nothing_is_empty():
    assert render([], "csv") == ""


def test_other_objects_become_text():
    class Identity:
        def __str__(self):
            return "65f0"

    assert plain({"_id": Identity(), "tags": ("a", "b")}) == {"_id": "65f0", "tags": ["a", "b"]}


def test_characters_that_drive_a_terminal_are_shown_not_sent():
    assert printable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"


def test_a_table_that_is_piped_has_no_colours_and_no_line_breaks_in_cells(capsys):
    print_table(("id", "quantity"), [("x" * 300, 1), ("y", 12)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "quantity"]
    assert lines[2].split() == ["x" * 300, "1"]
    assert lines[3].split() == ["y", "12"]
    assert "\x1b" not in "".join(lines)


def test_a_table_does_not_take_names_for_markup(capsys):
    print_table(("name",), [("[red]demo[/red]",)])

    assert "[red]demo[/red]" in capsys.readouterr().out


def test_columns_are_aligned_also_with_wide_letters(capsys):
    print_table(("name", "n"), [("日本", 1), ("ab", 22)], indent=2)

    assert capsys.readouterr().out.splitlines() == [
        "  name    n",
        "  ─────────",
        "  日本    1",
        "  ab     22",
    ]


def test_free_text_is_wrapped_on_a_terminal_only(capsys, monkeypatch):
    rows = [("x" * 10, "word " * 20)]
    print_table(("id", "reason"), rows)
    assert len(capsys.readouterr().out.splitlines()) == 3

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    print_table(("id", "reason"), rows)
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 5
    assert max(map(len, lines)) <= 50
