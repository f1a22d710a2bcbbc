"""What all figures have in common: their style, their texts, and the figure of nothing."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orion_like.analysis.libraries import load

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TEMPLATE = "plotly_white"
GOOD_TO_BAD = "Viridis"  # dark is good

PALETTE = (  # Okabe and Ito: distinct for colour-blind readers
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5D5D5D", "#B8A800",
)  # fmt: skip


def graph_objects() -> Any:
    """Return the module of plotly that figures are made of.

    Raises
    ------
    OrionLikeError
        If plotly is not installed.
    """
    return load("plotly.graph_objects", "plotting")


def color(index: int) -> str:
    """Return a colour for the series of an index."""
    return PALETTE[index % len(PALETTE)]


def translucent(hexadecimal: str, opacity: float) -> str:
    """Return a colour through which one can see.

    Examples
    --------
    >>> translucent("#0072B2", 0.2)
    'rgba(0, 114, 178, 0.2)'
    """
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def text(value: Any) -> str:
    """Return a value as text in which nothing is taken for markup.

    Examples
    --------
    >>> text("a<b>"), text(0.1 + 0.2), text(None)
    ('a&lt;b&gt;', '0.3', 'None')
    """
    return html.escape(f"{value:.6g}" if isinstance(value, float) else str(value), quote=False)


def lines(facts: Mapping[str, Any]) -> str:
    """Return facts as lines of a label that appears under the pointer."""
    return "<br>".join(f"{text(name)}: {text(value)}" for name, value in facts.items())


def finished(figure: Figure, title: str, layout: Mapping[str, Any]) -> Figure:
    """Give a figure its style, its title, and what the caller wants of its layout."""
    figure.update_layout(template=TEMPLATE, title={"text": title})
    figure.update_layout(**layout)
    return figure


def empty(title: str, layout: Mapping[str, Any], note: str = "No trial is completed yet") -> Figure:
    """Return a figure without data, which says why."""
    figure = graph_objects().Figure()
    figure.add_annotation(
        text=note, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 16}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return finished(figure, title, layout)
