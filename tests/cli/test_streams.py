"""Standard streams that are closed, as some daemons leave them."""

from __future__ import annotations

import os

import pytest


@pytest.mark.parametrize("closed", [(1,), (1, 2), (0, 1, 2)])
def test_a_hunt_runs_with_standard_streams_closed(run, start, closed):
    def close():
        for number in closed:
            os.close(number)

    words = ("hunt", "-n", "demo", "--max-trials", 2, "./chatty.sh", "-x~uniform(0, 1)")
    process = start(*words, stdout=None, stderr=None, preexec_fn=close)

    assert process.wait(60) == 0
    counts = run("status", "-n", "demo", "--format", "csv").out
    assert counts.splitlines()[1].startswith("demo,1,completed,2")
