"""Nobody but its owner reads a database file, nor anything that is made from it or for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion_like.storage import Storage, setup_storage
from orion_like.storage.backup import backup
from orion_like.storage.database import PickledDB
from orion_like.storage.orion_transfer import dump_for_orion
from orion_like.storage.salvage import salvage
from orion_like.storage.transfer import dump


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    """As if the user let everybody read and write what he makes."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    (tmp_path / "home").mkdir()
    with PickledDB(tmp_path / "home" / "hunts.pkl") as database:
        storage = setup_storage(database)
        storage.create_experiment({"name": "demo", "version": 1})
        yield storage


@pytest.fixture
def replacements(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """The files that took the place of others so far, each with its mode just before."""
    seen: list[tuple[Path, int]] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        seen.append((Path(source), mode(source)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    return seen


def mode(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_database_and_its_lock(storage: Storage, tmp_path: Path) -> None:
    modes = {path.name: mode(path) for path in (tmp_path / "home").iterdir()}

    assert modes == {"hunts.pkl": 0o600, "hunts.pkl.lock": 0o600}


def test_its_next_generation_while_it_is_written(
    storage: Storage, replacements: list[tuple[Path, int]]
) -> None:
    storage.database.compact()  # type: ignore[attr-defined]

    assert [(path.name, mode) for path, mode in replacements] == [("hunts.pkl.new", 0o600)]


@pytest.mark.parametrize(
    "make",
    [
        lambda storage, path: backup(storage, path),
        lambda storage, path: dump(storage, path),
        lambda storage, path: dump_for_orion(storage, path),
        lambda storage, path: salvage(storage.database.path, path),
        lambda storage, path: setup_storage(path).create_experiment({"name": "x", "version": 1}),
    ],
    ids=["backup", "dump", "dump for Orion", "salvage", "new database"],
)
def test_its_copies(make, storage: Storage, replacements, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy.pkl"
    target.parent.mkdir()

    make(storage, target)

    assert mode(target) == 0o600
    assert {mode for _, mode in replacements} <= {0o600}
    assert {mode(path) for path in target.parent.iterdir()} == {0o600}


def test_whoever_may_write_the_file_may_lock_it(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "home" / "hunts.pkl"
    path.chmod(0o660)

    with PickledDB(path) as database:
        database.insert("things", {"x": 1})

    assert mode(path.with_name("hunts.pkl.lock")) == 0o660


def test_a_backup_does_not_lock_others_out(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "home" / "hunts.pkl"
    path.chmod(0o660)
    PickledDB(path).insert("things", {"x": 1})

    backup(storage, tmp_path / "backup.pkl")

    assert mode(path.with_name("hunts.pkl.lock")) == 0o660


def test_a_link_to_the_file_has_the_same_lock(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "home" / "hunts.pkl"
    link = tmp_path / "link.pkl"
    link.symlink_to(path)

    with PickledDB(link) as database:
        database.insert("things", {"x": 1})
        database.compact()

    assert link.is_symlink()
    assert not (tmp_path / "link.pkl.lock").exists()
    assert storage.database.count("things") == 1
