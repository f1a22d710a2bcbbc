"""Lets ``python -m orion_like`` run the program."""

from __future__ import annotations

import sys

from orion_like.cli import main

if __name__ == "__main__":
    sys.exit(main())
