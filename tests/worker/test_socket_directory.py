"""Directories with the sockets of workers: the dead leave none, and the living keep theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion_like.worker.socket_directory import SocketDirectory

KILLED = """
import os, signal
from orion_like.worker.socket_directory import SocketDirectory
directory = SocketDirectory()
print(directory.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Those of pytest can have paths that are too long for sockets.
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        monkeypatch.setattr("tempfile.tempdir", directory)
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory)


def left_by_a_killed_worker() -> str:
    ended = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    return ended.stdout.strip()


def test_what_a_killed_worker_left_is_removed_by_the_next_one(place: Path) -> None:
    left = left_by_a_killed_worker()
    assert os.path.isdir(left)

    made = SocketDirectory()

    assert os.listdir(place) == [os.path.basename(made.path)]


def test_that_of_a_living_worker_stays(place: Path) -> None:
    one, two = SocketDirectory(), SocketDirectory()

    assert {os.path.basename(one.path), os.path.basename(two.path)} == set(os.listdir(place))


def test_one_that_is_being_made_stays(place: Path) -> None:
    (place / "orion-like-sockets-begun").mkdir()
    (place / "orion-like-sockets-begun" / "starting").touch()

    SocketDirectory().remove()

    assert os.listdir(place) == ["orion-like-sockets-begun"]


def test_what_only_looks_like_one_stays(place: Path) -> None:
    (place / "precious").mkdir()
    (place / "precious" / "alive").touch()
    (place / "orion-like-sockets-link").symlink_to(place / "precious")
    (place / "orion-like-sockets-file").touch()

    SocketDirectory().remove()

    assert (place / "precious" / "alive").exists()
    assert sorted(os.listdir(place))[:2] == ["orion-like-sockets-file", "orion-like-sockets-link"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory somebody else's")
def test_that_of_another_user_stays(place: Path) -> None:
    left = left_by_a_killed_worker()
    os.chown(left, 12345, 12345)

    SocketDirectory().remove()

    assert os.path.isdir(left)


def test_nobody_else_may_enter_one() -> None:
    assert os.stat(SocketDirectory().path).st_mode & 0o777 == 0o700
