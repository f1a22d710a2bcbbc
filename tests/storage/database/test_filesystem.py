"""What the table of mounts tells about locks on a database file."""

from __future__ import annotations

import logging
import pickle
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


def test_a_mongodb_has_no_use_for_the_setting() -> None:
    configuration = {"type": "mongodb", "host": "db1", "trust_locks": True}

    assert isinstance(open_database(configuration), MongoDB)
