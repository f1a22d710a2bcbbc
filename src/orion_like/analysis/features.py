"""Trials as rows of numbers, which regressors can learn from.

The numbers are those of the encoding of the search space, one column per element of each
dimension: quantiles of numbers, indices of categories. What is inactive stands left of every
value, where a tree can split it off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orion_like.analysis.trials import Numbers, objectives, with_objective
from orion_like.space import Categorical, Column, Dimension, Fidelity, Space
from orion_like.space.numeric import Numeric
from orion_like.spelling import did_you_mean

if TYPE_CHECKING:
    import pandas

INACTIVE = -1.0
TAIL = 0.01  # share of a prior without an end that grids leave out there
MAX_DRAWS = 50  # times the wanted number of samples before a condition counts as impossible


def flatten_params(space: Space, params: Sequence[str] | None = None) -> list[str]:
    """Return the names of single values: ``x``, and ``y[0]``, ``y[1]`` of arrays.

    Parameters
    ----------
    space
        The search space.
    params
        Names of dimensions or of their elements. Default: all.

    Raises
    ------
    ValueError
        If there is no such dimension.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> flatten_params(build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1, shape=2)"}))
    ['x', 'y[0]', 'y[1]']
    """
    return Features(space).select(params)


def flatten_trials(trials: pandas.DataFrame, space: Space) -> dict[str, list[Any]]:
    """Return the values of each name of `flatten_params`, None where inactive.

    Parameters
    ----------
    trials
        Frame of trials.
    space
        Their search space.
    """
    flat: dict[str, list[Any]] = {name: [] for name in flatten_params(space)}
    for point in points_of(trials, space):
        for name, dimension in space.items():
            size = dimension.size
            elements = dimension.flatten(point[name]) if name in point else [None] * size
            for position, element in enumerate(elements):
                flat[_flat_name(dimension, position)].append(element)
    return flat


def to_numpy(trials: pandas.DataFrame, space: Space) -> Numbers:
    """Return one row per trial that has an objective: its encoded values, then the objective.

    Parameters
    ----------
    trials
        Frame of trials.
    space
        Their search space.
    """
    finished = with_objective(trials)
    if finished.empty:
        return np.empty((0, len(Features(space).names) + 1))
    return np.column_stack([Features(space).encode(finished), objectives(finished)])


def points_of(trials: pandas.DataFrame, space: Space) -> list[dict[str, Any]]:
    """Return the values of each row by name, without those that a row does not have."""
    known = [name for name in space if name in trials.columns]
    return [_point(space, row) for row in trials[known].to_dict("records")]


def _point(space: Space, row: Mapping[str, Any]) -> dict[str, Any]:
    point = {name: value for name, value in row.items() if not _is_missing(value)}
    for name in row.keys() - point.keys():
        dimension = space[name]
        # Frames write the category None as they write what is missing.
        if isinstance(dimension, Categorical) and None in dimension and name in space.active(point):
            point[name] = None
    for name, value in point.items():
        if isinstance(value, float) and space[name].type in ("integer", "fidelity"):
            point[name] = int(value)  # columns with missing values are of floats
    return point


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _flat_name(dimension: Dimension, element: int) -> str:
    if not dimension.shape:
        return dimension.name
    index = np.unravel_index(element, dimension.shape)
    return f"{dimension.name}[{','.join(str(int(i)) for i in index)}]"


@dataclass(frozen=True)
class Grid:
    """Values along one column.

    Parameters
    ----------
    values
        As users know them.
    codes
        As regressors see them.
    """

    values: list[Any]
    codes: Numbers


class Features:
    """The columns that regressors see of a search space.

    Parameters
    ----------
    space
        The search space. Fidelities get a column too.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.encoding = space.encoding(fidelity=True)
        self.columns: dict[str, Column] = {
            _flat_name(space[column.name], column.element): column
            for column in self.encoding.columns
        }
        self.names = list(self.columns)
        self._positions = {name: position for position, name in enumerate(self.names)}
        self._deciding: set[str] = set()
        for dimension in space.values():
            if dimension.condition is not None:
                self._deciding |= dimension.condition.names

    def position(self, name: str) -> int:
        """Return the number of a column."""
        return self._positions[name]

    def dimension(self, name: str) -> Dimension:
        """Return the dimension that a column is of."""
        return self.space[self.columns[name].name]

    def decides(self, name: str) -> bool:
        """Tell whether the activity of other columns depends on a column."""
        return self.columns[name].name in self._deciding

    def select(self, params: Sequence[str] | None) -> list[str]:
        """Return the columns of dimensions, or of elements of them.

        Raises
        ------
        ValueError
            If there is no such dimension.
        """
        if params is None:
            return list(self.names)
        selected: dict[str, None] = {}
        for name in [params] if isinstance(params, str) else params:
            found = [n for n, column in self.columns.items() if name in (n, column.name)]
            if not found:
                known = [*self.space, *self.names]
                raise ValueError(
                    f"there is no dimension {name!r}; there are {', '.join(self.names)}"
                    f"{did_you_mean(str(name), known)}"
                )
            selected.update(dict.fromkeys(found))
        return list(selected)

    def encode(self, trials: pandas.DataFrame) -> Numbers:
        """Return a row of numbers for each trial."""
        return _marked(self.encoding.encode_many(points_of(trials, self.space)))

    def grid(self, name: str, size: int) -> Grid:
        """Return values spread over a column: all categories, or up to `size` numbers."""
        dimension = self.dimension(name)
        if isinstance(dimension, Categorical):
            categories = [dimension.category(i) for i in range(len(dimension.categories))]
            return Grid(categories, np.arange(len(categories), dtype=float))
        assert isinstance(dimension, (Numeric, Fidelity))  # noqa: S101
        low, high = dimension.interval()
        quantiles = np.linspace(
            TAIL if math.isinf(low) else 0.0, 1.0 - TAIL if math.isinf(high) else 1.0, size
        )
        values = sorted({dimension.element_from_unit(float(u)) for u in quantiles})
        codes = dimension.elements_to_unit(np.array(values, dtype=float))
        return Grid(values, np.asarray(codes, dtype=float))

    def complete(self, rows: Numbers) -> Numbers:
        """Give what is inactive the value in the middle, for when it becomes active."""
        middle = [0.0 if column.kind == "category" else 0.5 for column in self.encoding.columns]
        return np.where(rows == INACTIVE, middle, rows)

    def deactivate(self, rows: Numbers) -> Numbers:
        """Mark in complete rows what is inactive given the other values."""
        if not self.space.is_conditional:
            return rows
        active = self.encoding.encode_many(self.encoding.decode_many(rows))
        return np.where(np.isnan(active), INACTIVE, rows)

    def sample(self, rng: np.random.Generator, number: int, active: Sequence[str]) -> Numbers:
        """Draw complete rows from the priors.

        Parameters
        ----------
        rng
            Source of randomness.
        number
            How many rows.
        active
            Columns that are active in each of them.

        Returns
        -------
        Fewer rows when the columns are hardly ever active together, none if never.
        """
        wanted = {self.columns[name].name for name in active}
        kept: list[Numbers] = []
        for _ in range(MAX_DRAWS):
            rows = self._draw(rng, number)
            kept += [row for row in rows if self._is_possible(row, wanted)]
            if len(kept) >= number:
                break
        return np.array(kept[:number]).reshape(-1, len(self.names))

    def _is_possible(self, row: Numbers, wanted: set[str]) -> bool:
        if not (self.space.is_conditional or self.space.constraints):
            return True
        point = self.encoding.decode(row)
        return wanted <= point.keys() and self.space.satisfies(point)

    def _draw(self, rng: np.random.Generator, number: int) -> Numbers:
        rows = rng.random((number, len(self.names)))
        for position, name in enumerate(self.names):
            dimension = self.dimension(name)
            if isinstance(dimension, Categorical):
                drawn = [dimension.element_from_unit(u) for u in rows[:, position].tolist()]
                rows[:, position] = [dimension.index(category) for category in drawn]
        return rows


def _marked(rows: Numbers) -> Numbers:
    return np.where(np.isnan(rows), INACTIVE, rows)
