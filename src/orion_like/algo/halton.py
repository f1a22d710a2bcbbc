"""Halton search: points of a scrambled low-discrepancy sequence.

J. H. Halton, On the efficiency of certain quasi-random sequences of points in evaluating
multi-dimensional integrals, Numerische Mathematik 2 (1960); scrambled as by A. B. Owen, A
randomized Halton algorithm in R, arXiv 1706.02808 (2017): every digit, leading zeros included,
goes through a random permutation of its own.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.problem import Problem
from orion_like.algo.sequence_search import SequenceSearch

BITS = 52  # of precision: with as many digits as fit in, coordinates are below 1 in floats too


class HaltonSequence:
    """Scrambled Halton points in the unit cube, each computed directly from its number.

    Parameters
    ----------
    width
        Number of dimensions. Each has a prime number as its base.
    seed
        Seed of the scrambling.

    Examples
    --------
    >>> points = HaltonSequence(2, seed=1)
    >>> points[0].shape
    (2,)
    """

    def __init__(self, width: int, seed: int) -> None:
        self._permutations = [
            _permutations(base, np.random.default_rng([seed, base])) for base in first_primes(width)
        ]

    def __getitem__(self, number: int) -> NDArray[np.float64]:
        return np.array([_radical_inverse(number, digits) for digits in self._permutations])


def first_primes(n: int) -> list[int]:
    """Return the first `n` prime numbers.

    Examples
    --------
    >>> first_primes(6)
    [2, 3, 5, 7, 11, 13]
    """
    primes: list[int] = []
    candidate = 2
    while len(primes) < n:
        if all(candidate % prime for prime in primes if prime * prime <= candidate):
            primes.append(candidate)
        candidate += 1
    return primes


def _permutations(base: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return one permutation of the digits 0 … base - 1 a row, for each digit that matters."""
    n_digits = math.floor(BITS / math.log2(base))
    return rng.permuted(np.tile(np.arange(base), (n_digits, 1)), axis=1)


def _radical_inverse(number: int, permutations: NDArray[np.int64]) -> float:
    """Mirror the permuted digits of a number at the point: …d2 d1 d0 becomes 0.d0 d1 d2…."""
    n_digits, base = permutations.shape
    mirrored = 0
    for digit in range(n_digits):
        number, remainder = divmod(number, base)
        mirrored = mirrored * base + int(permutations[digit, remainder])
    return float((mirrored + 0.5) / base**n_digits)


class Halton(SequenceSearch):
    """Visit the points of a scrambled Halton sequence; the seed scrambles it.

    Parameters
    ----------
    problem
        The space and the seed.
    """

    name = "halton"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, HaltonSequence(problem.space.unit_width, problem.seed))
