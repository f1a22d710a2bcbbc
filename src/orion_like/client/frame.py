"""Rows as a frame of pandas, which may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orion_like.errors import OrionLikeError

if TYPE_CHECKING:
    import pandas


def data_frame(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], purpose: str
) -> pandas.DataFrame:
    """Return rows as a frame.

    Parameters
    ----------
    rows
        Values by column.
    columns
        All columns, in order.
    purpose
        What needs the frame, for the message.

    Raises
    ------
    OrionLikeError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise OrionLikeError(
            f"{purpose} needs pandas, which is not installed: pip install 'orion_like[pandas]'"
        ) from None
    return pandas.DataFrame(rows, columns=list(columns))
