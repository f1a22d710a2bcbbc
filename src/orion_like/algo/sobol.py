"""Sobol' search: points of a scrambled low-discrepancy sequence.

I. M. Sobol', On the distribution of points in a cube and the approximate evaluation of
integrals, USSR Computational Mathematics and Mathematical Physics 7 (1967); direction
numbers of Joe and Kuo (2008); random linear scrambling with a digital shift after
J. Matoušek, On the L2-discrepancy for anchored boxes, Journal of Complexity 14 (1998).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.direction_numbers import JOE_KUO
from orion_like.algo.problem import Problem
from orion_like.algo.sequence_search import SequenceSearch

BITS = 30
MAX_DIMENSIONS = len(JOE_KUO) + 1


class SobolSequence:
    """Scrambled Sobol' points in the unit cube, each computed directly from its number.

    Beyond 64 dimensions, where the sequence has nothing left over plain random points at any
    affordable number of them, the further coordinates are random.

    Parameters
    ----------
    width
        Number of dimensions.
    seed
        Seed of the scrambling.

    Examples
    --------
    >>> points = SobolSequence(2, seed=1)
    >>> points[0].shape
    (2,)
    """

    def __init__(self, width: int, seed: int) -> None:
        self._width = width
        self._seed = seed
        rng = np.random.default_rng([seed, width])
        directions = direction_numbers(min(width, MAX_DIMENSIONS))
        self._directions = _scramble(directions, rng)
        self._shift = rng.integers(0, 1 << BITS, size=len(directions), dtype=np.int64)

    def __getitem__(self, number: int) -> NDArray[np.float64]:
        digits = [bit for bit in range(BITS) if number >> bit & 1]
        mixed = np.bitwise_xor.reduce(self._directions[:, digits], axis=1) ^ self._shift
        point: NDArray[np.float64] = (mixed + 0.5) / (1 << BITS)
        if self._width > MAX_DIMENSIONS:
            rng = np.random.default_rng([self._seed, self._width, number])
            point = np.concatenate([point, rng.random(self._width - MAX_DIMENSIONS)])
        return point


def direction_numbers(width: int) -> NDArray[np.int64]:
    """Return V with V[j, i] = v_{i+1} of dimension j, as integers of ``BITS`` bits."""
    directions = np.empty((width, BITS), dtype=np.int64)
    directions[:1] = [1 << (BITS - 1 - i) for i in range(BITS)]
    for row, (polynomial, initial) in zip(directions[1:], JOE_KUO, strict=False):
        row[:] = _recurrence(polynomial, initial)
    return directions


def _recurrence(polynomial: int, initial: tuple[int, ...]) -> list[int]:
    """Continue m_1, m_2, … by the recurrence of the polynomial; v_i = m_i / 2^i."""
    degree = len(initial)
    m = list(initial)
    for i in range(degree, BITS):
        new = m[i - degree] ^ (m[i - degree] << degree)
        for k in range(1, degree):
            if polynomial >> (degree - k) & 1:
                new ^= m[i - k] << k
        m.append(new)
    return [value << (BITS - 1 - i) for i, value in enumerate(m[:BITS])]


def _scramble(directions: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Multiply each dimension's generator matrix by a random lower triangular one over GF(2)."""
    scrambled = np.zeros_like(directions)
    for digit in range(BITS):
        # Row `digit` of the triangular matrix: a one on the diagonal, random bits before it.
        mask = rng.integers(0, 1 << digit, size=len(directions), dtype=np.int64)
        rows = ((mask << 1) | 1) << (BITS - 1 - digit)
        parity = _parity(directions & rows[:, None])
        scrambled |= parity << (BITS - 1 - digit)
    return scrambled


def _parity(values: NDArray[np.int64]) -> NDArray[np.int64]:
    for shift in (32, 16, 8, 4, 2, 1):
        values = values ^ (values >> shift)
    return values & 1


class Sobol(SequenceSearch):
    """Visit the points of a scrambled Sobol' sequence; the seed scrambles it.

    Parameters
    ----------
    problem
        The space and the seed.
    """

    name = "sobol"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, SobolSequence(problem.space.unit_width, problem.seed))
