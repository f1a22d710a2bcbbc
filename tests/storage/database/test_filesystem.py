"""What the table of mounts tells about locks on a database file."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from orion_like.storage import setup_storage
from orion_like.storage.database import MongoDB, PickledDB, filesystem
from orion_like.storage.database.filesystem import Mount, Reach, mount_of, reach_of_locks
from orion_like.storage.setup import open_database

TABLE = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:20 / /proc rw,nosuid - proc proc rw
30 21 0:40 / /home rw,relatime shared:7 master:2 - nfs4 server:/home rw,vers=4.2,local_lock=none
31 30 0:41 / /home/ann/remote rw,nosuid - fuse.sshfs ann@host:/data rw,user_id=1000
32 21 0:42 / /mnt/with\040space rw - cifs //nas/team rw,vers=3.1.1
33 21 0:43 / /scratch rw - lustre 10.0.0.1@tcp:/scratch rw,localflock,lazystatfs
34 21 8:2 / /covered/below rw - xfs /dev/sdb1 rw
35 21 0:44 / /covered rw - 9p share rw,trans=virtio
36 35 0:45 / /covered rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/db.pkl", "ext4"),
        ("/home/ann/db.pkl", "nfs4"),
        ("/home", "nfs4"),
        ("/homes/db.pkl", "ext4"),
        ("/home/ann/remote/a/db.pkl", "fuse.sshfs"),
        ("/mnt/with space/db.pkl", "cifs"),
        ("/scratch/db.pkl", "lustre"),
        ("/covered/db.pkl", "tmpfs"),
        ("/covered/below/db.pkl", "tmpfs"),
    ],
)
def test_a_path_is_on_the_mount_that_the_kernel_would_reach(path: str, kind: str) -> None:
    mount = mount_of(path, TABLE)

    assert mount is not None
    assert mount.kind == kind


def test_a_mount_has_the_options_of_the_mount_and_of_its_file_system() -> None:
    mount = mount_of("/home/ann", TABLE)

    assert mount == Mount(
        point="/home",
        kind="nfs4",
        source="server:/home",
        options={"rw": "", "relatime": "", "vers": "4.2", "local_lock": "none"},
    )


def test_where_no_mount_is_visible_nothing_is_said() -> None:
    """As in a changed root directory that is no mount itself."""
    below = "30 21 0:40 / /home rw - nfs4 server:/home rw"

    assert mount_of("/var/db.pkl", below) is None
    assert mount_of("/var/db.pkl", "") is None


@pytest.mark.parametrize(
    ("kind", "source", "options", "reach"),
    [
        ("ext4", "/dev/sda1", "rw", Reach.LOCAL),
        ("overlay", "overlay", "rw,lowerdir=/l,upperdir=/u", Reach.LOCAL),
        ("tmpfs", "tmpfs", "rw", Reach.LOCAL),
        ("newfs", "/dev/nvme0n1p2", "rw", Reach.LOCAL),
        ("nfs4", "server:/export", "rw,vers=4.2,local_lock=none", Reach.SHARED),
        ("nfs4", "server:/export", "rw,vers=4.0,nolock", Reach.SHARED),
        ("nfs4", "server:/export", "rw,vers=4.1,local_lock=flock", Reach.HOST),
        ("nfs", "server:/export", "rw,vers=4.1,nolock", Reach.SHARED),
        ("nfs", "server:/export", "rw,vers=3,local_lock=none", Reach.SHARED),
        ("nfs", "server:/export", "rw,vers=3,local_lock=posix", Reach.SHARED),
        ("nfs", "server:/export", "rw,vers=3,nolock,local_lock=all", Reach.HOST),
        ("nfs", "server:/export", "rw,vers=2,nolock", Reach.HOST),
        ("nfs4", "server:/export", "rw,vers=4.2,nocto,local_lock=none", Reach.HOST),
        ("lustre", "mgs@tcp:/l", "rw,flock,lazystatfs", Reach.SHARED),
        ("lustre", "mgs@tcp:/l", "rw,localflock", Reach.HOST),
        ("lustre", "mgs@tcp:/l", "rw,lazystatfs", Reach.NONE),
        ("ceph", "mon:/", "rw", Reach.SHARED),
        ("gfs2", "/dev/mapper/shared", "rw", Reach.SHARED),
        ("gfs2", "/dev/mapper/shared", "rw,localflocks", Reach.HOST),
        ("virtiofs", "share", "rw", Reach.HOST),
        ("cifs", "//nas/team", "rw,vers=3.1.1", Reach.UNCERTAIN),
        ("smb3", "//nas/team", "rw", Reach.UNCERTAIN),
        ("9p", "drvfs", "rw", Reach.UNCERTAIN),
        ("vboxsf", "share", "rw", Reach.UNCERTAIN),
        ("fuse.sshfs", "ann@host:/", "rw", Reach.UNCERTAIN),
        ("fuse.rclone", "/dev/fuse", "rw", Reach.UNCERTAIN),
        ("beegfs", "beegfs_nodev", "rw", Reach.UNCERTAIN),
    ],
)
def test_kind_and_options_tell_how_far_locks_reach(
    kind: str, source: str, options: str, reach: Reach
) -> None:
    mount = mount_of("/data/db.pkl", f"21 1 0:1 / / rw - {kind} {source} {options}")

    assert mount is not None
    assert reach_of_locks(mount) is reach


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Pretend that all files are on another file system."""

    def pretend(kind: str, options: str = "rw") -> None:
        table = tmp_path / "mountinfo"
        table.write_text(f"21 1 0:1 / / rw - {kind} server:/team {options}\n")
        monkeypatch.setattr(filesystem, "MOUNTS", table)

    return pretend


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nfs", "vers=3,nolock", "only between the processes of one machine"),
        ("fuse.sshfs", "rw", "nothing tells whether locks hold"),
        ("lustre", "rw", "mounted without locks"),
    ],
)
def test_doubtful_locks_are_told_once_before_the_first_write(
    on, kind: str, options: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    on(kind, options)
    path = tmp_path / "db.pkl"

    for _ in range(2):
        with PickledDB(path) as database:
            database.insert("things", {"x": 1})
            pickle.loads(pickle.dumps(database)).insert("things", {"x": 2})

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    for part in (str(path), kind, said, "MongoDB", "storage.trust_locks"):
        assert part in record.getMessage()


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_nothing_is_said_where_locks_hold(
    on, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    on(kind)

    PickledDB(tmp_path / "db.pkl").insert("things", {"x": 1})

    assert not caplog.records


def test_reading_and_backups_need_no_lock_and_no_warning(
    on, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    PickledDB(tmp_path / "db.pkl").insert("things", {"x": 1})
    on("cifs")

    assert PickledDB(tmp_path / "db.pkl").count("things") == 1
    assert not caplog.records


@pytest.mark.parametrize("form", ["parameter", "path", "oríon", "url", "setting"])
def test_who_knows_better_can_silence_the_warning(
    on,
    form: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on("9p")
    path = str(tmp_path / "db.pkl")
    monkeypatch.setenv("ORION_LIKE_STORAGE", path)
    monkeypatch.setenv("ORION_LIKE_TRUST_LOCKS", "yes")
    storages = {
        "parameter": lambda: PickledDB(path, trust_locks=True),
        "path": lambda: {"path": path, "trust_locks": True},
        "oríon": lambda: {"type": "legacy", "database": {"host": path, "trust_locks": True}},
        "url": lambda: {"url": f"pickleddb://{path}", "trust_locks": True},
        "setting": lambda: None,
    }

    setup_storage(storages[form]()).create_experiment({"name": "demo", "version": 1})

    assert Path(path).exists()
    assert not caplog.records


class Client:
    """Looks at files as the machines of a network do: by what they remember of them.

    A machine forgets what it knows of a file when it opens it, and learns by what it does itself.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.machine = ""
        self.events: list[str] = []
        self._path = path
        self._known: dict[tuple[str, int], os.stat_result] = {}
        self._real = {name: getattr(os, name) for name in ("fstat", "open", "pwrite", "fsync")}
        self._flock = fcntl.flock
        for name in self._real:
            monkeypatch.setattr(os, name, getattr(self, name))
        monkeypatch.setattr(fcntl, "flock", self.flock)

    def _forget(self, descriptor: int) -> None:
        self._known.pop((self.machine, self._real["fstat"](descriptor).st_ino), None)

    def fstat(self, descriptor: int) -> os.stat_result:
        status = self._real["fstat"](descriptor)
        return self._known.setdefault((self.machine, status.st_ino), status)

    def open(self, path: Path, *arguments: int) -> int:
        descriptor: int = self._real["open"](path, *arguments)
        self._forget(descriptor)
        if path == self._path:
            self.events.append("open")
        return descriptor

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        written: int = self._real["pwrite"](descriptor, data, offset)
        self._forget(descriptor)
        self.events.append("write")
        return written

    def fsync(self, descriptor: int) -> None:
        self._real["fsync"](descriptor)
        self.events.append("flush")

    def flock(self, descriptor: int, how: int) -> None:
        self._flock(descriptor, how)
        self.events.append("unlock" if how == fcntl.LOCK_UN else "lock")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    return Client(monkeypatch, tmp_path / "db.pkl")


def test_on_a_network_nothing_is_done_by_what_a_machine_remembers(
    on: Callable[[str], None], client: Client, tmp_path: Path
) -> None:
    on("nfs4")
    databases = {name: PickledDB(tmp_path / "db.pkl") for name in ("one", "two")}

    for n in range(10):
        for client.machine, database in databases.items():
            database.insert("things", {"n": n}, durable=False)
            assert database.count("things", {"n": n}) == ("one", "two").index(client.machine) + 1
        if n == 5:
            databases["two"].compact()

    for client.machine, database in databases.items():
        assert [thing["_id"] for thing in database.find("things")] == list(range(1, 21))


@pytest.mark.parametrize("durable", [True, False])
def test_on_a_network_what_is_written_has_left_the_machine_before_others_may_write(
    on: Callable[[str], None], client: Client, durable: bool, tmp_path: Path
) -> None:
    on("nfs4")
    database = PickledDB(tmp_path / "db.pkl", fsync=durable)
    database.insert("things", {"n": 1})
    client.events.clear()

    database.insert("things", {"n": 2}, durable=durable)

    assert client.events == ["lock", "open", "write", "flush", "unlock"]


def test_on_a_local_disk_the_lock_is_free_while_the_disk_works(
    on: Callable[[str], None], client: Client, tmp_path: Path
) -> None:
    on("ext4")
    database = PickledDB(tmp_path / "db.pkl")
    database.insert("things", {"n": 1})
    client.events.clear()

    database.insert("things", {"n": 2})

    assert client.events[:3] == ["lock", "write", "unlock"]
    assert "flush" in client.events


@pytest.mark.parametrize(("kind", "shares"), [("ext4", True), ("nfs4", False), ("9p", False)])
def test_only_a_local_disk_loses_power_with_all_its_users(
    on: Callable[[str], None], kind: str, shares: bool, tmp_path: Path
) -> None:
    on(kind)

    assert PickledDB(tmp_path / "db.pkl").shares_fate is shares


def test_a_file_that_a_server_has_no_more_is_read_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database, other = PickledDB(tmp_path / "db.pkl"), PickledDB(tmp_path / "db.pkl")
    database.insert("things", {"n": 1})
    log = database._log
    assert log is not None
    other.compact()
    other.insert("things", {"n": 2})
    fstat = os.fstat

    def stale(descriptor: int) -> os.stat_result:
        if descriptor == log.descriptor:
            raise OSError(errno.ESTALE, "Stale file handle")
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", stale)

    assert database.count("things") == 2
    database.insert("things", {"n": 3})
    assert other.count("things") == 3


def test_a_mongodb_has_no_use_for_the_setting() -> None:
    configuration = {"type": "mongodb", "host": "db1", "trust_locks": True}

    assert isinstance(open_database(configuration), MongoDB)
