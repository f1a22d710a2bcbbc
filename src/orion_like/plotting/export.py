"""Figures as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from orion_like.errors import OrionLikeError
from orion_like.spelling import did_you_mean

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

IMAGE_FORMATS = ("png", "jpg", "jpeg", "webp", "svg", "pdf")
FORMATS = (*IMAGE_FORMATS, "html", "json")
"""Formats of figures. A page or JSON can always be written, images need kaleido and Chrome."""


def save(
    figure: Figure,
    path: str | os.PathLike[str],
    format_: str | None = None,
    scale: float = 1.0,
) -> None:
    """Write a figure into a file.

    Parameters
    ----------
    figure
        The figure.
    path
        The file.
    format_
        One of :data:`FORMATS`. Default: the extension of the file.
    scale
        Factor on the resolution of images. Default 1.

    Raises
    ------
    OrionLikeError
        If an image cannot be made; the message says what is missing.
    OSError
        If the file cannot be written.
    ValueError
        If the format is unknown.
    """
    file = Path(path)
    chosen = (format_ or file.suffix.removeprefix(".")).lower()
    if chosen not in FORMATS:
        raise ValueError(
            f"figures cannot be written as {chosen or 'a file without extension'!r}; a format is "
            f"one of {', '.join(FORMATS)}{did_you_mean(chosen, FORMATS)}"
        )
    file.write_bytes(_content(figure, chosen, scale))


def _content(figure: Figure, format_: str, scale: float) -> bytes:
    if format_ == "html":
        return str(figure.to_html()).encode()
    if format_ == "json":
        return str(figure.to_json()).encode()
    try:
        image: bytes = figure.to_image(format=format_, scale=scale)
    except Exception as error:  # what a browser that does not start raises is not documented
        raise OrionLikeError(_why_no_image(error, format_)) from error
    return image


def _why_no_image(error: Exception, format_: str) -> str:
    from importlib.util import find_spec

    remedy = "html and json need neither of them: --type html"
    if find_spec("kaleido") is None:
        return (
            f"a figure can be written as {format_} only with kaleido, which is not installed: "
            f"pip install 'orion_like[plot]' ({remedy})"
        )
    said = str(error.args[0] if error.args else "").strip().splitlines()
    reason = said[0].rstrip(".") if said else type(error).__name__
    return (
        f"a figure can be written as {format_} only with kaleido and the browser Chrome or "
        f"Chromium, which failed: {reason} ({remedy})"
    )
