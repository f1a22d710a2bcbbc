"""Standard streams that are there, whoever starts the program."""

from __future__ import annotations

import os
import sys

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_missing_streams() -> None:
    """Put the null device where a standard stream is closed.

    Some daemons start programs like that. The next file to be opened, such as the database,
    would take the number of the stream, and whatever a script prints would go into it.
    """
    for name, mode in STREAMS:
        if getattr(sys, name) is None:
            # The lowest number that is free is that of the stream.
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)
            setattr(sys, name, open(nowhere, mode))  # noqa: SIM115
