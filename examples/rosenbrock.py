"""Rosenbrock's valley, as a script that ``orion-like hunt`` tunes.

Run it with::

    orion-like hunt -n rosenbrock --max-trials 20 python examples/rosenbrock.py \
        -x~'uniform(-2, 2)' -y~'uniform(-1, 3)'
"""

from __future__ import annotations

import argparse

from orion_like.client import report_objective


def rosenbrock(x: float, y: float) -> float:
    """Value of the function, which is 0 at (1, 1) and more elsewhere."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def main() -> None:
    """Read the point from the command line, and report its value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-x", type=float, required=True)
    parser.add_argument("-y", type=float, required=True)
    arguments = parser.parse_args()
    report_objective(rosenbrock(arguments.x, arguments.y))


if __name__ == "__main__":
    main()
