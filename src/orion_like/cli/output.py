"""Printing data: as tables for people, and as JSON, YAML or CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import click

Row = Mapping[str, Any]


def render(data: Any, format_: str, rows: Iterable[Row] | None = None) -> str:
    """Return data as text for programs.

    Parameters
    ----------
    data
        Mappings, lists and values. Times become ISO 8601 in UTC, time spans seconds, and
        numbers that are not finite null.
    format_
        ``json``, ``yaml`` or ``csv``.
    rows
        The same data as flat rows, for CSV. Default: `data` itself, one row per item.

    Examples
    --------
    >>> print(render([{"name": "demo", "trials": {"new": 2}}], "csv"), end="")
    name,trials.new
    demo,2
    """
    if format_ == "json":
        return json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if format_ == "yaml":
        import yaml

        text: str = yaml.safe_dump(plain(data), sort_keys=False, allow_unicode=True)
        return text
    return _csv(data if rows is None else rows)


def write(data: Any, format_: str, rows: Iterable[Row] | None = None) -> None:
    """Print data on stdout as `render` gives it."""
    click.echo(render(data, format_, rows), nl=False)


def plain(value: Any) -> Any:
    """Return data made of dicts, lists, str, int, float, bool and None only.

    Examples
    --------
    >>> plain({"best": float("nan"), "took": timedelta(minutes=1)})
    {'best': None, 'took': 60.0}
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def _iso(time: datetime) -> str:
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flat(row: Row, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys.

    Examples
    --------
    >>> flat({"best": {"params": {"x": 1}}})
    {'best.params.x': 1}
    """
    items: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            items |= flat(value, f"{prefix}{key}.")
        else:
            items[f"{prefix}{key}"] = value
    return items


def _csv(rows: Iterable[Row]) -> str:
    flattened = [flat(plain(row)) for row in rows]
    columns = list(dict.fromkeys(key for row in flattened for key in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in flattened)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "trial"), counted(2, "trial")
    ('1 trial', '2 trials')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


# --- for people ---------------------------------------------------------------------------------

GAP = "   "  # between two columns
FREE_TEXTS = ("reason", "value")  # columns that are wrapped when the terminal is narrow
NARROWEST = 20  # characters of such a column
STATUS_STYLES = {
    "completed": "green",
    "reserved": "cyan",
    "broken": "red",
    "interrupted": "yellow",
    "suspended": "yellow",
}


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], indent: int = 0) -> None:
    """Print a table on stdout: aligned, numbers to the right, statuses in colour on a terminal.

    Columns are as wide as they need to be, except that one of `FREE_TEXTS` is wrapped to fit a
    terminal. A table with many rows is printed as quickly as it is read.
    """
    rows = [list(row) for row in rows]
    cells = [[printable(value) for value in row] for row in rows]
    columns = [
        _Column(
            header,
            max(map(_width, (header, *(row[n] for row in cells)))),
            all(isinstance(row[n], (int, float, type(None))) for row in rows),
        )
        for n, header in enumerate(headers)
    ]
    free = next((column for column in columns if column.header in FREE_TEXTS), None)
    if free is not None and sys.stdout.isatty():
        total = indent + sum(column.width + len(GAP) for column in columns) - len(GAP)
        free.width = min(free.width, max(NARROWEST, free.width - total + _terminal_width()))
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    rule = "─" * (sum(column.width + len(GAP) for column in columns) - len(GAP))
    lines = [*_table_lines(columns, list(headers)), rule]
    for row in cells:
        lines += _table_lines(columns, row)
    text = "".join(f"{'':{indent}}{line.rstrip()}\n" for line in lines)
    click.echo(text if colour else click.unstyle(text), nl=False, color=colour)


@dataclass
class _Column:
    header: str
    width: int
    numeric: bool

    def pad(self, cell: str) -> str:
        space = " " * (self.width - _width(cell))
        style = STATUS_STYLES.get(cell) if self.header == "status" else None
        shown = click.style(cell, fg=style) if style else cell
        return space + shown if self.numeric else shown + space


def _table_lines(columns: Sequence[_Column], row: list[str]) -> Iterator[str]:
    """Yield the lines of a row, more than one if its free text is wrapped."""
    place = next((n for n, c in enumerate(columns) if _width(row[n]) > c.width), None)
    if place is None:
        yield GAP.join(column.pad(cell) for column, cell in zip(columns, row, strict=True))
        return
    for text in textwrap.wrap(row[place], columns[place].width):
        row[place] = text
        yield GAP.join(column.pad(cell) for column, cell in zip(columns, row, strict=True))
        row = [""] * len(row)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns


def print_heading(title: str, indent: int = 0) -> None:
    """Print a title underlined with ``=``."""
    title = printable(title)
    click.echo(f"{'':{indent}}{title}\n{'':{indent}}{'=' * len(title)}")


def printable(value: Any) -> str:
    r"""Return a value for people: short numbers, and no characters that drive the terminal.

    Examples
    --------
    >>> printable(0.1 + 0.2), printable(None), printable("a\x1b[31mb")
    ('0.3', '', 'a\\x1b[31mb')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, timedelta):
        return str(timedelta(milliseconds=round(value / timedelta(milliseconds=1)))).removesuffix(
            "000"
        )
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
