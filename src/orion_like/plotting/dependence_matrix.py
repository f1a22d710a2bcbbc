"""What the objective does as one or two parameters change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

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
    **layout: Any,
) -> Figure:
    """Plot how a model of the objective depends on parameters and on pairs of them.

    The diagonal shows each parameter by itself, with the standard deviation over the values of
    the others; the panels below it show pairs. Dots are the trials.

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
    history = read_history(experiment, with_evc_tree)
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
    matrix = _Matrix(history, found, smoothing, hover_labels(history, verbose_hover))
    figure = matrix.draw()
    low, high = _objective_range(found)
    figure.update_layout(
        coloraxis={
            "colorscale": colorscale,
            "cmin": low,
            "cmax": high,
            "colorbar": {"title": {"text": text(history.objective)}},
        },
        showlegend=False,
        height=max(450, PANEL * len(matrix.names) + 120),
        width=max(600, PANEL * len(matrix.names) + 220),
    )
    return finished(figure, title, layout)


def _objective_range(found: Mapping[Any, PartialDependence]) -> tuple[float, float]:
    return (
        min(float(dependence.averages.min()) for dependence in found.values()),
        max(float(dependence.averages.max()) for dependence in found.values()),
    )


@dataclass(frozen=True)
class _Matrix:
    """Panels of all parameters and all pairs."""

    history: History
    found: Mapping[str | tuple[str, str], PartialDependence]
    smoothing: float
    labels: list[str]

    @property
    def names(self) -> list[str]:
        return [name for name in self.found if isinstance(name, str)]

    def draw(self) -> Figure:
        count = len(self.names)
        figure = load("plotly.subplots", "plotting").make_subplots(
            rows=count,
            cols=count,
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
        categorical = isinstance(self._dimension(name), Categorical)
        if categorical:
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
        categorical = any(
            isinstance(self._dimension(name), Categorical) for name in (first, second)
        )
        surface: dict[str, Any] = {
            "x": x,
            "y": y,
            "z": dependence.averages.T.tolist(),
            "coloraxis": "coloraxis",
            "hovertemplate": "%{x}<br>%{y}<br>%{z}<extra></extra>",
        }
        if categorical:
            figure.add_heatmap(**surface, **place)
        else:
            figure.add_contour(**surface, line={"smoothing": self.smoothing, "width": 0.5}, **place)
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
        count = len(self.names)
        for column, first in enumerate(self.names, 1):
            for row in range(column, count + 1):
                second = self.names[row - 1]
                place = {"row": row, "col": column}
                figure.update_xaxes(
                    **self._axis(first), showticklabels=row == count,
                    title=text(first) if row == count else None, **place,
                )  # fmt: skip
                if row == column:
                    figure.update_yaxes(
                        title=text(self.history.objective), title_standoff=2,
                        side="left" if column == 1 else "right", **place,
                    )  # fmt: skip
                else:
                    figure.update_yaxes(
                        **self._axis(second), showticklabels=column == 1,
                        title=text(second) if column == 1 else None, **place,
                    )  # fmt: skip

    def _axis(self, name: str) -> dict[str, Any]:
        dimension = self._dimension(name)
        if isinstance(dimension, Categorical):
            order = self._shown(name, self.found[name].grid[name])
            return {"type": "category", "categoryorder": "array", "categoryarray": order}
        return {"type": "log" if is_logarithmic(dimension) else "linear"}

    def _dimension(self, name: str) -> Any:
        return Features(self.history.space).dimension(name)

    def _shown(self, name: str, values: list[Any]) -> list[Any]:
        """Return numbers as they are, and categories as texts."""
        dimension = self._dimension(name)
        if not isinstance(dimension, Categorical):
            return values
        # A None is a category where there is one of that name, else it is inactive.
        inactive = None not in dimension
        return [None if value is None and inactive else text(value) for value in values]
