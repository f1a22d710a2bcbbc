"""What the objective does as one or two parameters change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from orion_like.analysis import PartialDependence, flatten_trials, partial_dependency
from orion_like.analysis.features import Features
from orion_like.analysis.libraries import load
from orion_like.plotting.axis import is_logarithmic
from orion_like.plotting.figure import color, empty, finished, text, translucent
from orion_like.plotting.history import History, read_history
from orion_like.plotting.hover import hover_labels
from orion_like.space import Categorical

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from orion_like.client import ExperimentClient

PANEL = 190  # pixels
N_LEVELS = 15
MAX_DOTS = 10_000  # in all panels together; a browser has to hold them with their labels
SPACING = 0.12  # pixels of space between panels, as a part of a panel


def partial_dependencies(
    experiment: ExperimentClient | None,
    with_evc_tree: bool = True,
    params: Sequence[str] | None = None,
    smoothing: float = 0.85,
    verbose_hover: bool = True,
    n_grid_points: int = 10,
    n_samples: int = 50,
    colorscale: str = "Blues",
    model: str = "RandomForestRegressor",
    model_kwargs: Mapping[str, Any] | None = None,
    objective: str | None = None,
    **layout: Any,
) -> Figure:
    """Plot how a model of the objective depends on parameters and on pairs of them.

    The diagonal shows each parameter by itself, with the standard deviation over the values of
    the others; the panels below it show pairs. Dots are the trials; of very many, a part is
    shown.

    Parameters
    ----------
    experiment
        The experiment.
    with_evc_tree
        Whether to include the trials of other versions. Default True.
    params
        Names of the parameters to show. Default: all.
    smoothing
        Smoothing of the contours of pairs, from 0 to 1.3. Default 0.85.
    verbose_hover
        Whether to show all about a trial when the pointer is on it. Default True.
    n_grid_points
        How many values of a parameter the model is asked for. Default 10.
    n_samples
        How many draws of the other parameters are averaged. Default 50.
    colorscale
        Colours of the contours, from low to high. Default ``'Blues'``.
    model
        Regressor, see :data:`orion_like.analysis.REGRESSORS`. Default
        ``'RandomForestRegressor'``.
    model_kwargs
        Parameters of the regressor.
    objective
        Name of the objective to show. Default: the first one.
    **layout
        Properties of the figure's layout, such as `title` and `height`.

    Returns
    -------
    The figure; without data when no trial is completed.

    Raises
    ------
    OrionLikeError
        If plotly, pandas or scikit-learn is not installed.
    ValueError
        If there is no experiment, or an argument is not one of those above.
    """
    history = read_history(experiment, with_evc_tree, objective=objective)
    found = partial_dependency(
        history.trials,
        history.space,
        params=params,
        model=model,
        n_grid_points=n_grid_points,
        n_samples=n_samples,
        **(model_kwargs or {}),
    )
    title = f"Partial dependencies for experiment '{text(history.name)}'"
    if not found:
        return empty(title, layout)
    surface = _surface(history, found, colorscale)
    history = _thinned(history, MAX_DOTS // len(found))
    labels = hover_labels(history, verbose_hover)
    features = Features(history.space)
    figure = _Matrix(history, features, found, surface, smoothing, labels).draw()
    count = sum(isinstance(name, str) for name in found)
    figure.update_layout(
        showlegend=False,
        height=max(450, PANEL * count + 120),
        width=max(600, PANEL * count + 220),
    )
    return finished(figure, title, layout)


def _thinned(history: History, most: int) -> History:
    """Keep at most so many trials, evenly spread over the search."""
    count = len(history.trials)
    if count <= most:
        return history
    kept = np.unique(np.linspace(0, count - 1, max(most, 2)).astype(int))
    return replace(history, trials=history.trials.iloc[kept])


def _surface(
    history: History, found: Mapping[Any, PartialDependence], colorscale: str
) -> dict[str, Any]:
    """Return what all surfaces have in common, so that equal colours are equal objectives."""
    return {
        "zmin": min(float(dependence.averages.min()) for dependence in found.values()),
        "zmax": max(float(dependence.averages.max()) for dependence in found.values()),
        "colorscale": colorscale,
        "colorbar": {"title": {"text": text(history.objective)}},
        "hovertemplate": "%{x}<br>%{y}<br>%{z}<extra></extra>",
    }


@dataclass(frozen=True)
class _Matrix:
    """Panels of all parameters and all pairs."""

    history: History
    features: Features
    found: Mapping[str | tuple[str, str], PartialDependence]
    surface: Mapping[str, Any]
    smoothing: float
    labels: list[str]

    @property
    def names(self) -> list[str]:
        return [name for name in self.found if isinstance(name, str)]

    @property
    def _first_pair(self) -> Any:
        return next(key for key in self.found if not isinstance(key, str))

    def draw(self) -> Figure:
        count = len(self.names)
        figure = load("plotly.subplots", "plotting").make_subplots(
            rows=count,
            cols=count,
            specs=[
                [{} if column <= row else None for column in range(count)] for row in range(count)
            ],
            shared_xaxes="columns",
            horizontal_spacing=SPACING / count,
            vertical_spacing=SPACING / count,
        )
        values = flatten_trials(self.history.trials, self.history.space)
        for index, name in enumerate(self.names, 1):
            self._draw_single(figure, index, name, values[name])
        for (i, first), (j, second) in combinations(enumerate(self.names, 1), 2):
            dependence = self.found.get((first, second))
            if dependence is not None:
                self._draw_pair(figure, j, i, dependence, values[first], values[second])
        self._label(figure)
        return figure

    def _draw_single(self, figure: Figure, index: int, name: str, values: list[Any]) -> None:
        dependence = self.found[name]
        x = self._shown(name, dependence.grid[name])
        mean, std = dependence.averages, dependence.stds
        place = {"row": index, "col": index}
        if self._is_categorical(name):
            error = {"type": "data", "array": std.tolist(), "color": translucent(color(0), 0.5)}
            figure.add_scatter(
                x=x, y=mean.tolist(), error_y=error, mode="markers",
                marker={"color": color(0), "size": 9, "symbol": "line-ew-open"},
                hovertemplate="%{x}: %{y}<extra></extra>", **place,
            )  # fmt: skip
        else:
            figure.add_scatter(
                x=[*x, *reversed(x)],
                y=[*(mean + std).tolist(), *reversed((mean - std).tolist())],
                fill="toself", fillcolor=translucent(color(0), 0.2), line={"width": 0},
                hoverinfo="skip", mode="lines", **place,
            )  # fmt: skip
            figure.add_scatter(
                x=x, y=mean.tolist(), mode="lines", line={"color": color(0)},
                hovertemplate="%{x}: %{y}<extra></extra>", **place,
            )  # fmt: skip
        objective = self.history.trials["objective"].astype(float).tolist()
        self._add_trials(figure, place, self._shown(name, values), objective)

    def _draw_pair(
        self,
        figure: Figure,
        row: int,
        column: int,
        dependence: PartialDependence,
        first_values: list[Any],
        second_values: list[Any],
    ) -> None:
        first, second = dependence.grid
        place = {"row": row, "col": column}
        x = self._shown(first, dependence.grid[first])
        y = self._shown(second, dependence.grid[second])
        surface = {
            **self.surface,
            "x": x,
            "y": y,
            "z": dependence.averages.T.tolist(),
            "showscale": (first, second) == self._first_pair,  # one scale for all
        }
        if any(self._is_categorical(name) for name in (first, second)):
            figure.add_heatmap(**surface, **place)
        else:
            low, high = surface["zmin"], surface["zmax"]
            levels = {"start": low, "end": high, "size": (high - low) / N_LEVELS or 1.0}
            line = {"smoothing": self.smoothing, "width": 0.5}
            figure.add_contour(**surface, contours=levels, line=line, **place)
        shown = self._shown(first, first_values), self._shown(second, second_values)
        self._add_trials(figure, place, *shown)

    def _add_trials(
        self, figure: Figure, place: Mapping[str, int], x: list[Any], y: list[Any]
    ) -> None:
        """Add the trials in which both are there."""
        both = [i for i in range(len(x)) if x[i] is not None and y[i] is not None]
        figure.add_scatter(
            x=[x[i] for i in both],
            y=[y[i] for i in both],
            mode="markers",
            marker={
                "color": translucent(color(1), 0.75),
                "size": 4,
                "line": {"width": 0.5, "color": "white"},
            },
            hovertext=[self.labels[i] for i in both],
            hoverinfo="text",
            **place,
        )

    def _label(self, figure: Figure) -> None:
        last = len(self.names)
        for column, first in enumerate(self.names, 1):
            for row in range(column, last + 1):
                title = text(first) if row == last else None
                figure.update_xaxes(
                    **self._axis(first),
                    showticklabels=row == last,
                    title=title,
                    row=row,
                    col=column,
                )
                self._label_height(figure, row, column)

    def _label_height(self, figure: Figure, row: int, column: int) -> None:
        """Let the panels of the diagonal share their heights, and those of a row beside it."""
        single = row == column
        settings = {} if single else self._axis(self.names[row - 1])
        shared = (1, 1) if single else (row, 1)
        if (row, column) != shared:
            name = figure.get_subplot(*shared).yaxis.plotly_name
            settings["matches"] = name.replace("axis", "")
        if column == 1:
            settings["title"] = text(self.history.objective if single else self.names[row - 1])
        figure.update_yaxes(
            **settings,
            showticklabels=column == 1 or single,
            side="right" if single and column > 1 else "left",
            row=row,
            col=column,
        )

    def _axis(self, name: str) -> dict[str, Any]:
        if self._is_categorical(name):
            order = self._shown(name, self.found[name].grid[name])
            return {"type": "category", "categoryorder": "array", "categoryarray": order}
        return {"type": "log" if is_logarithmic(self._dimension(name)) else "linear"}

    def _is_categorical(self, name: str) -> bool:
        return isinstance(self._dimension(name), Categorical)

    def _dimension(self, name: str) -> Any:
        return self.features.dimension(name)

    def _shown(self, name: str, values: list[Any]) -> list[Any]:
        """Return numbers as they are, and categories as texts."""
        dimension = self._dimension(name)
        if not isinstance(dimension, Categorical):
            return values
        # A None is a category where there is one of that name, else it is inactive.
        inactive = None not in dimension
        return [None if value is None and inactive else text(value) for value in values]
