"""Time spans as people write them: seconds, or a number with a unit."""

from __future__ import annotations

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float:
    """Return the seconds of a time span, a whole number if they are.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> seconds_of("90"), seconds_of("1.5 s"), seconds_of("2h")
    (90, 1.5, 7200)
    """
    text = text.strip().lower()
    number = text.rstrip("".join(UNITS))
    unit = text[len(number) :]
    if unit not in UNITS:
        raise ValueError(f"{text!r} is not a time span such as 90, 90s, 15m or 2h")
    seconds = float(number) * UNITS[unit]
    return int(seconds) if seconds.is_integer() else seconds
