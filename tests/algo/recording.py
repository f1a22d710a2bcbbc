"""Suggestions of every algorithm for a fixed seed, as checked in beside this file.

After an intended change of behaviour, record them again with ``python tests/algo/recording.py``
and look at the difference.
"""

import json
from pathlib import Path

from orion_like.algo import available_algorithms, create_algorithm, find_algorithm
from orion_like.space import build_space
from orion_like.testing.algorithms import SPACES, drive, smooth_loss

DIRECTORY = Path(__file__).parent / "recordings"
N_TRIALS = 25
RECORDED_SPACES = ("mixed", "conditional", "constrained", "shaped")


def path_of(algorithm):
    return DIRECTORY / f"{algorithm}.json"


def record(algorithm):
    """Return the points that an algorithm visits in each of the recorded spaces."""
    return {name: _visited(algorithm, SPACES[name]()) for name in RECORDED_SPACES}


def _visited(algorithm, space):
    if find_algorithm(algorithm).requires.fidelity:
        priors = {**space.configuration, "epochs": "fidelity(1, 9, base=3)"}
        space = build_space(priors, constraints=space.constraints)
    running = create_algorithm(algorithm, space, seed=2026)
    trials = drive(running, smooth_loss(space), N_TRIALS, workers=2)
    return [trial.flat_params for trial in trials]


def write(algorithm):
    lines = []
    for name, points in record(algorithm).items():
        rows = ",\n".join(f"  {json.dumps(point)}" for point in points)
        lines.append(f"{json.dumps(name)}: [\n{rows}\n]")
    path_of(algorithm).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for each in available_algorithms():
        write(each)
        print(path_of(each).relative_to(Path.cwd()))
