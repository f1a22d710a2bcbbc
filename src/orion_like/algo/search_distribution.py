"""The distribution that an evolution strategy samples: a Gaussian, and chances of categories.

The Gaussian over the numbers is that of the ``cmaes`` library:

- N. Hansen, The CMA evolution strategy: a tutorial, arXiv 1604.00772;
- with a margin, below which the probability of other integers never falls: R. Hamano, S. Saito,
  M. Nomura and S. Shirakawa, CMA-ES with margin, arXiv 2205.13482;
- with learning rates that adapt to noise and multimodality: M. Nomura, Y. Akimoto and I. Ono,
  CMA-ES with learning rate adaptation, arXiv 2304.03473;
- with a diagonal covariance matrix: R. Ros and N. Hansen, A simple modification in CMA-ES
  achieving linear time and space complexity, PPSN 2008.

Categories are drawn independently of each other, with chances that follow the natural gradient
and that keep a margin: R. Hamano, S. Saito, M. Nomura, K. Uchida and S. Shirakawa, CatCMA,
arXiv 2405.09962.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.box import Box

Floats = NDArray[np.float64]

MAX_REDRAWS = 8
"""Draws in search of one that rounds to a trial's values."""

SAME = 1e-6
"""Distance below which coordinates of grids and bounds are the same."""

PULL = 0.2
"""How much closer to a bound coordinates beyond it are learned. The mean may lie outside, so that
a minimum at a bound is hit exactly; without a pull it would be lost there."""

CATEGORY_RATE = 0.3
"""Share of the chances of categories that a generation replaces."""


class SearchDistribution:
    """Draws points, and learns from how they rank; learning gives a new distribution.

    Parameters
    ----------
    box
        The numbers.
    optimizer
        Of the ``cmaes`` library; None if there are no numbers.
    chances
        Column and chances of each category.
    population_size
        How many points are learned from at a time.
    """

    def __init__(
        self,
        box: Box,
        optimizer: Any,
        chances: Sequence[tuple[int, Floats]],
        population_size: int,
    ) -> None:
        self._box = box
        self._optimizer = optimizer
        self._chances = tuple(chances)
        self.population_size = population_size

    @property
    def is_worn_out(self) -> bool:
        """Whether the Gaussian has become too small or too flat to go on."""
        if self._optimizer is None:
            return False
        try:
            with np.errstate(all="ignore"):
                return bool(self._optimizer.should_stop())
        except np.linalg.LinAlgError:
            return True

    def draws(self, rng: np.random.Generator, width: int) -> Iterator[Floats]:
        """Yield encoded points without end.

        Parameters
        ----------
        rng
            Random stream of a suggestion. From its start it gives the draws that
            :meth:`learn` tries to find again.
        width
            Number of columns.
        """
        self._reseed(rng)
        while True:
            vector = np.zeros(width)
            if self._optimizer is not None:
                vector[self._box.columns] = self._box.values(self._ask()[0])
            for column, chances in self._chances:
                vector[column] = rng.choice(len(chances), p=chances)
            yield vector

    def learn(
        self, ranked: Sequence[Floats], streams: Sequence[np.random.Generator]
    ) -> SearchDistribution:
        """Return the distribution after a generation.

        Parameters
        ----------
        ranked
            Encoded points, `population_size` of them, best first.
        streams
            The random stream of each one's suggestion, from its start.
        """
        optimizer = copy.deepcopy(self._optimizer)
        if optimizer is not None:
            drawn = [self._as_drawn(*pair) for pair in zip(ranked, streams, strict=True)]
            with np.errstate(all="ignore"):
                optimizer.tell([(point, float(rank)) for rank, point in enumerate(drawn)])
        weights = recombination_weights(self.population_size)
        parents = np.array(ranked[: len(weights)])
        chances = [
            (column, self._shifted(old, parents[:, column], weights))
            for column, old in self._chances
        ]
        return SearchDistribution(self._box, optimizer, chances, self.population_size)

    def _reseed(self, rng: np.random.Generator) -> None:
        if self._optimizer is not None:
            self._optimizer.reseed_rng(int(rng.integers(1 << 32)))

    def _ask(self) -> tuple[Floats, Floats]:
        """Return the coordinates of a point, and the same before they were rounded and clipped."""
        asked = self._optimizer.ask()
        rounded, drawn = asked if isinstance(asked, tuple) else (asked, asked)
        return self._box.snap(rounded), drawn

    def _as_drawn(self, vector: Floats, stream: np.random.Generator) -> Floats:
        """Return coordinates of a trial as they may have been before they were rounded.

        What was lost, by rounding, at a bound, or because it is inactive, is drawn again until
        it is the same. The stream of the trial comes first: it repeats the draw itself if the
        distribution has not changed since.
        """
        known = self._box.coordinates(vector)
        inactive = np.isnan(known)
        beyond = ~self._box.is_grid & (np.abs(known - 0.5) > 0.5 - SAME)
        lost = inactive | self._box.is_grid | beyond
        if lost.any():
            self._reseed(stream)
        found = np.where(inactive, 0.5, known)
        for _ in range(MAX_REDRAWS):
            if not lost.any():
                break
            snapped, drawn = self._ask()
            hit = lost & (inactive | (np.abs(snapped - known) < SAME))
            found[hit] = drawn[hit]
            lost &= ~hit
        found[beyond] += PULL * (known - found)[beyond]
        return found

    def _shifted(self, chances: Floats, categories: Floats, weights: Floats) -> Floats:
        """Return chances of categories after a step along the natural gradient."""
        active = ~np.isnan(categories)
        chosen = categories[active].astype(int)
        gradient = np.bincount(chosen, weights[active], minlength=len(chances))
        moved = chances + CATEGORY_RATE * (gradient - weights[active].sum() * chances)
        possible = np.count_nonzero(chances)
        # CatCMA, eq. (20): the margin keeps 27 % of the points from all being the same in
        # every category.
        least = (1 - 0.73 ** (1 / len(self._chances))) / max(1, possible - 1)
        least = np.where(chances > 0, min(least, 1 / possible), 0.0)
        raised = np.maximum(moved, least)
        spare = raised - least
        total = spare.sum()
        if total > 0:
            raised = least + spare * (1 - least.sum()) / total
        shifted: Floats = raised / raised.sum()
        return shifted


def recombination_weights(population_size: int) -> Floats:
    """Return the weights of the better half, which sum to one (Hansen 2016, eq. 49)."""
    half = max(1, population_size // 2)
    weights = math.log((population_size + 1) / 2) - np.log(np.arange(1, half + 1))
    weights = np.maximum(weights, 1e-12)
    scaled: Floats = weights / weights.sum()
    return scaled
