"""The benchmark of latency."""

from __future__ import annotations

import math
import sys

import pytest

from benchmarks.latency import exponent, in_process


def test_times_that_grow_with_the_square_of_the_number_have_the_exponent_two() -> None:
    assert exponent([3.0, 300.0, 30_000.0]) == pytest.approx(2)
    assert exponent([3.0, 300.0, math.nan]) == pytest.approx(2)
    assert math.isnan(exponent([3.0, math.nan, math.nan]))


def test_a_solver_is_measured_in_a_process_of_its_own() -> None:
    measured = in_process(sys.executable, "random", 30, limit=30)

    assert 0 < measured["milliseconds"] < 1000
    assert measured["megabytes"] >= 0


def test_a_solver_that_takes_too_long_is_unknown() -> None:
    measured = in_process(sys.executable, "random", 30, limit=0.001)

    assert math.isnan(measured["milliseconds"])
