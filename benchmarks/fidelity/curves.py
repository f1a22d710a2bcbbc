"""Simulated learning curves, which need numpy alone, so that peers can use them too.

Each seed has an instance of its own: the best configuration is somewhere else.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

DIMENSIONS = 4
EPOCHS = 27
BASE = 3
NAMES = ("aligned", "crossing")
NOISE = 0.01
SALT = 20210517
SHARE = 0.01  # of random configurations that are good enough

N_SAMPLES = 4000


class Curves:
    """Losses by configuration and epoch.

    Parameters
    ----------
    name
        ``aligned``: those that end best are best early, but for the noise. ``crossing``: those that
        end best learn slowly.
    seed
        Of the instance.
    """

    def __init__(self, name: str, seed: int) -> None:
        # Not the streams of suggestions, which would begin next to the best.
        rng = np.random.default_rng([SALT, seed, NAMES.index(name)])
        self.name = name
        self.seed = seed
        self._best = rng.uniform(0.15, 0.85, DIMENSIONS)
        self._weights = rng.permutation([2.0, 1.0, 0.5, 0.25])
        losses = sorted(self.final(x) for x in rng.random((N_SAMPLES, DIMENSIONS)).tolist())
        self.target = losses[int(SHARE * N_SAMPLES)]

    def loss(self, x: Sequence[float], epoch: int) -> float:
        """Return the loss that a training reports after an epoch."""
        return self._without_noise(x, epoch) + NOISE * self._draw(x, epoch)

    def final(self, x: Sequence[float]) -> float:
        """Return the loss after all epochs, without noise."""
        return self._without_noise(x, EPOCHS)

    def seconds_per_epoch(self, x: Sequence[float]) -> float:
        """Return how long an epoch takes; 1 in the middle."""
        return math.exp(0.3 * self._draw(x, 0))

    def _without_noise(self, x: Sequence[float], epoch: int) -> float:
        away = np.array(x) - self._best
        end = float(self._weights @ away**2)
        slowness = 1.0
        if self.name == "crossing":
            slowness = math.exp(2 * (self._best[0] - x[0])) * 1.5
        return end + (2.0 - end) * math.exp(-epoch / (EPOCHS / 9 * slowness))

    def _draw(self, x: Sequence[float], epoch: int) -> float:
        """Return a standard normal number that depends on nothing else."""
        text = f"{self.name} {self.seed} {epoch} {[round(value, 9) for value in x]}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return float(np.random.default_rng(int.from_bytes(digest, "big")).standard_normal())
