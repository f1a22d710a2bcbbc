"""Documents packed together: what they have in common once, and the rest by columns.

A hundred thousand trials say the same names, types and statuses again and again. A *pack*
holds documents of one shape: a template, which has the constants in it, and for every value
that differs a column of plain bytes. It is a tenth of the documents in memory and in the file,
takes microseconds to read, and gives one document back in the time that it takes to build it.
"""

from __future__ import annotations

import datetime
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from orion_like.storage.database.base import Document
from orion_like.storage.database.values import MISSING, milliseconds, time_after

SIZE: Final = 500  # documents that are packed at once: no more can be lost with a damaged byte
_MOST_CHOICES: Final = 255

Template: TypeAlias = Any
"""A document with a place for each value: the number of its column, or ``(constant,)``."""

Column: TypeAlias = tuple[str, Any]
"""A kind, and its data: plain values, which are what is written to files. See `_READERS`."""

Packed: TypeAlias = tuple[int, Template, list[Column]]
"""How many documents, their template, and the columns."""


class Pack:
    """Documents of one shape.

    Parameters
    ----------
    packed
        What `packed` made.
    """

    __slots__ = ("_columns", "packed", "template")

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        _, self.template, columns = packed
        self._columns = [_READERS[kind](data) for kind, data in columns]

    def __len__(self) -> int:
        return self.packed[0]

    def document(self, row: int, names: Iterable[str] | None = None) -> Document:
        """Build a document anew, or only some fields of it; nobody else has it."""
        template = self.template
        if names is not None:
            template = {name: template[name] for name in names if name in template}
        return _build(template, self._columns, row)  # type: ignore[no-any-return]

    def value(self, row: int, name: str) -> Any:
        """Build the value of one field of a document; `MISSING` if it is not there."""
        part = self.template.get(name, MISSING)
        return MISSING if part is MISSING else _build(part, self._columns, row)

    def values(self, name: str) -> Sequence[Any]:
        """Return the values of one field of all documents, in order."""
        part = self.template.get(name, MISSING)
        if type(part) is int:
            return list(map(self._columns[part].__getitem__, range(len(self))))
        if type(part) is tuple:
            return [part[0]] * len(self)
        if part is MISSING:
            return [MISSING] * len(self)
        return [_build(part, self._columns, row) for row in range(len(self))]


def _build(part: Template, columns: Sequence[Any], row: int) -> Any:
    kind = type(part)
    if kind is int:
        return columns[part][row]
    if kind is tuple:
        return part[0]
    if kind is dict:
        return {
            name: columns[below][row]
            if type(below) is int
            else below[0]
            if type(below) is tuple
            else _build(below, columns, row)
            for name, below in part.items()
        }
    return [_build(below, columns, row) for below in part]


# --- packing ------------------------------------------------------------------------------------


def packed(documents: Sequence[Document]) -> tuple[list[Packed], list[int]]:
    """Pack documents, those of each shape together.

    Returns
    -------
    tuple
        The packs, and for each document in order the number of its pack; in its pack, it comes
        after those that come before it.
    """
    groups: dict[Any, tuple[int, list[list[Any]]]] = {}
    order = []
    for document in documents:
        leaves: list[Any] = []
        shape = _flatten(document, leaves)
        number, rows = groups.setdefault(shape, (len(groups), []))
        rows.append(leaves)
        order.append(number)
    return [_pack(shape, rows) for shape, (_, rows) in groups.items()], order


def _flatten(value: Any, leaves: list[Any]) -> Any:
    """Append the scalars in a value to `leaves`; return its shape, which is hashable."""
    kind = type(value)
    if kind is dict:
        return (dict, *[(name, _flatten(item, leaves)) for name, item in value.items()])
    if kind is list:
        return (list, *[_flatten(item, leaves) for item in value])
    leaves.append(value)
    return None


def _pack(shape: Any, rows: list[list[Any]]) -> Packed:
    columns: list[Column] = []
    template = _template(shape, iter(list(zip(*rows, strict=True))), columns)
    return len(rows), template, columns


def _template(shape: Any, leaves: Iterator[tuple[Any, ...]], columns: list[Column]) -> Template:
    if shape is None:
        values = next(leaves)
        if _are_equal(values):
            return (values[0],)
        columns.append(_column(values))
        return len(columns) - 1
    if shape[0] is dict:
        return {name: _template(below, leaves, columns) for name, below in shape[1:]}
    return [_template(below, leaves, columns) for below in shape[1:]]


def _are_equal(values: Sequence[Any]) -> bool:
    if len(values) == 1:
        return True
    kinds = set(map(type, values))
    return len(kinds) == 1 and kinds <= _EXACT and values.count(values[0]) == len(values)


_EXACT: Final = {type(None), bool, int, str}  # of these, equal ones look alike: not so 0.0 and -0.0


def _column(values: Sequence[Any]) -> Column:
    kinds = set(map(type, values))
    if kinds == {float}:
        return "float", _little_endian(array("d", values))
    if kinds == {int}:
        return "int", _little_endian(array("q", values))
    if kinds == {datetime.datetime}:
        return "time", _little_endian(array("q", map(milliseconds, values)))
    if kinds <= _EXACT:
        choices = {(type(value), value): value for value in values}
        if len(choices) <= min(_MOST_CHOICES, len(values) // 2):
            numbers = {key: number for number, key in enumerate(choices)}
            codes = bytes(numbers[type(value), value] for value in values)
            return "choice", (list(choices.values()), codes)
    if kinds == {str} and len(set(map(len, values))) == 1 and all(map(str.isascii, values)):
        return "text", (len(values[0]), "".join(values).encode())
    return "any", list(values)


def _little_endian(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


# --- columns ------------------------------------------------------------------------------------


def _numbers(code: str, data: bytes) -> Sequence[Any]:
    if sys.byteorder == "big":
        swapped = array(code, data)
        swapped.byteswap()
        return swapped
    return memoryview(data).cast(code)  # type: ignore[call-overload, no-any-return]


class _Times:
    __slots__ = ("_numbers",)

    def __init__(self, data: bytes) -> None:
        self._numbers = _numbers("q", data)

    def __getitem__(self, row: int) -> datetime.datetime:
        return time_after(self._numbers[row])


class _Choices:
    __slots__ = ("_choices", "_codes")

    def __init__(self, data: tuple[list[Any], bytes]) -> None:
        self._choices, self._codes = data

    def __getitem__(self, row: int) -> Any:
        return self._choices[self._codes[row]]


class _Texts:
    __slots__ = ("_text", "_width")

    def __init__(self, data: tuple[int, bytes]) -> None:
        self._width, self._text = data

    def __getitem__(self, row: int) -> str:
        start = row * self._width
        return self._text[start : start + self._width].decode()


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "float": partial(_numbers, "d"),
    "int": partial(_numbers, "q"),
    "time": _Times,
    "choice": _Choices,
    "text": _Texts,
    "any": list,
}
