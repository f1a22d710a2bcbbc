"""How far the lock on a file reaches, judged by the file system that it is on.

A lock that two machines can both hold at once keeps nobody out, and nothing in the lock itself
tells. So the table of mounts is read (`/proc/self/mountinfo`, Linux only), and what is known of
each kind of file system and its mount options decides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
_MOUNT_OPTIONS, _POINT, _PARENT, _ID = 5, 4, 1, 0  # fields before the separator
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


class Reach(Enum):
    """Between which processes a lock holds."""

    LOCAL = "the file system belongs to this machine, and so does the lock"
    SHARED = "all machines that mount the file system"
    HOST = "only the processes of each single machine"
    UNCERTAIN = "nobody knows, or it depends on what cannot be seen from here"
    NONE = "no processes: locks are refused"


@dataclass(frozen=True)
class Mount:
    """One line of the table of mounts.

    Parameters
    ----------
    point
        Directory where the file system is mounted.
    kind
        Its type, as in ``/proc/filesystems`` (``nfs4``, ``fuse.sshfs``).
    source
        What is mounted: a device, ``server:/export``.
    options
        Names and values of the options of this mount and of its file system.
    """

    point: str
    kind: str
    source: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Locking:
    """What is known about locks where a file is.

    Parameters
    ----------
    reach
        Between which processes they hold.
    mount
        The mount that the file is on.
    """

    reach: Reach
    mount: Mount

    @property
    def is_trusted(self) -> bool:
        """Whether every process that can reach the file is kept out by the lock."""
        return self.reach in (Reach.LOCAL, Reach.SHARED)

    @property
    def is_remote(self) -> bool:
        """Whether other machines may use the file, and this one may keep what it knows of it."""
        return self.reach is not Reach.LOCAL

    @property
    def advice(self) -> str:
        """What is wrong and what to do, for people; empty if nothing is."""
        return _ADVICE.get(self.reach, "").format(mount=self.mount)


_ADVICE: Final = {
    Reach.HOST: (
        "on {mount.point} ({mount.kind}) locks hold only between the processes of one machine."
        " Let no other machine use this file; for workers on several machines, use MongoDB"
    ),
    Reach.UNCERTAIN: (
        "on {mount.point} ({mount.kind}) nothing tells whether locks hold between machines, or at"
        " all, and without them writers destroy each other's work. Keep the file on a local disk,"
        " or use MongoDB for workers on several machines"
    ),
    Reach.NONE: (
        "{mount.point} ({mount.kind}) is mounted without locks, so nothing can be written. Have it"
        " mounted with the option flock, keep the file on a local disk, or use MongoDB"
    ),
}


def locking_at(path: str | os.PathLike[str]) -> Locking | None:
    """Return what is known about locks on a file, or None where the system does not tell.

    Parameters
    ----------
    path
        The file; it need not exist.
    """
    # Resolved first: to look at a path is what makes the system mount it on demand.
    resolved = os.path.realpath(path)
    try:
        table = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    mount = mount_of(resolved, table)
    return None if mount is None else Locking(reach_of_locks(mount), mount)


def mount_of(path: str, mountinfo: str) -> Mount | None:
    """Return the mount that a path is on.

    Parameters
    ----------
    path
        Absolute, and without symbolic links.
    mountinfo
        The table, in the format of ``/proc/self/mountinfo``.

    Examples
    --------
    >>> table = '''21 1 8:1 / / rw - ext4 /dev/sda1 rw
    ... 30 21 0:40 / /data rw - nfs4 server:/data rw,vers=4.2'''
    >>> mount_of("/data/hunts.pkl", table).kind
    'nfs4'
    """
    lines = [line.split(" ") for line in mountinfo.split("\n") if " - " in line]
    known = {line[_ID] for line in lines}
    # As the kernel walks: from a mount into those made on it, never into what they cover.
    below = [line for line in lines if line[_PARENT] not in known or line[_PARENT] == line[_ID]]
    found: list[str] | None = None
    while reached := [line for line in below if _holds(_point(line), path)]:
        shortest = min(len(_point(line)) for line in reached)
        found = [line for line in reached if len(_point(line)) == shortest][-1]
        below = [line for line in lines if line[_PARENT] == found[_ID] and line[_ID] != found[_ID]]
    return None if found is None else _mount(found)


def _mount(line: list[str]) -> Mount:
    separator = line.index("-", _MOUNT_OPTIONS + 1)
    kind, source, *rest = line[separator + 1 :]
    pairs = (
        option.partition("=")
        for options in (line[_MOUNT_OPTIONS], *rest)
        for option in options.split(",")
    )
    return Mount(_point(line), kind, _unescaped(source), {k: value for k, _, value in pairs})


def _point(line: list[str]) -> str:
    return _unescaped(line[_POINT])


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda code: chr(int(code[1], 8)), text)


def _holds(point: str, path: str) -> bool:
    return point == "/" or path == point or path.startswith(point + "/")


# --- what is known of file systems --------------------------------------------------------------

_ON_DISKS: Final = """
    aufs bcachefs btrfs ecryptfs erofs exfat ext2 ext3 ext4 f2fs fuseblk hfs hfsplus iso9660 jfs
    msdos nilfs2 ntfs ntfs3 overlay ramfs reiserfs rootfs squashfs tmpfs ubifs udf vfat xfs zfs
    fuse.encfs fuse.fuse-overlayfs fuse.gocryptfs fuse.ntfs-3g
"""
_LOCAL: Final = frozenset(_ON_DISKS.split())
_SHARED: Final = frozenset({"ceph", "fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs"})
_CLUSTER: Final = frozenset({"gfs2", "ocfs2"})
_NFS: Final = frozenset({"nfs", "nfs4"})
_OF_THIS_HOST: Final = frozenset({"virtiofs"})  # its server takes part in locks only if told to


def reach_of_locks(mount: Mount) -> Reach:
    """Return between which processes `flock` on a file of this mount holds.

    Parameters
    ----------
    mount
        The mount.

    Examples
    --------
    >>> reach_of_locks(Mount("/scratch", "lustre", "mgs:/lustre", {"localflock": ""})).name
    'HOST'
    """
    if mount.kind in _LOCAL:
        return Reach.LOCAL
    if mount.kind in _NFS:
        return _reach_on_nfs(mount)
    if mount.kind == "lustre":
        return _reach_on_lustre(mount)
    if mount.kind in _CLUSTER:
        return Reach.HOST if "localflocks" in mount.options else Reach.SHARED
    if mount.kind in _SHARED:
        return Reach.SHARED
    if mount.kind in _OF_THIS_HOST:
        return Reach.HOST
    if mount.source.startswith("/dev/") and not mount.kind.startswith("fuse"):
        return Reach.LOCAL  # a disk, whatever is on it
    return Reach.UNCERTAIN


def _reach_on_nfs(mount: Mount) -> Reach:
    options = mount.options
    kept_here = options.get("local_lock", "none") in ("all", "flock")
    version_4 = mount.kind == "nfs4" or options.get("vers", "").startswith("4")
    # With `nocto` a machine does not ask the server how a file is, so a lock on it is no use.
    # Versions 2 and 3 lock by a service of their own (lockd), which `nolock` leaves out.
    if kept_here or "nocto" in options or ("nolock" in options and not version_4):
        return Reach.HOST
    return Reach.SHARED


def _reach_on_lustre(mount: Mount) -> Reach:
    if "localflock" in mount.options:
        return Reach.HOST
    return Reach.SHARED if "flock" in mount.options else Reach.NONE
