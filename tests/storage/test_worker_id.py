"""Whether a worker can still be alive, as its id tells."""

import os
from pathlib import Path

import pytest

from orion_like.storage import new_worker_id, worker_id
from orion_like.storage.worker_id import is_certainly_dead


@pytest.fixture(autouse=True)
def _place_is_looked_up_anew():
    worker_id._place.cache_clear()
    yield
    worker_id._place.cache_clear()


def worker_id_of_a_gone_process(monkeypatch):
    nobody = 2**22 + 1  # beyond any process id of Linux
    monkeypatch.setattr(os, "getpid", lambda: nobody)
    gone = new_worker_id()
    monkeypatch.undo()
    worker_id._place.cache_clear()
    return gone


def test_a_worker_whose_process_is_gone_from_this_host_is_dead(monkeypatch):
    assert is_certainly_dead(worker_id_of_a_gone_process(monkeypatch))


def test_a_worker_of_another_host_with_the_same_name_is_not_taken_for_dead(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: "the boot of another host")

    there = worker_id_of_a_gone_process(monkeypatch)

    assert not is_certainly_dead(there)
