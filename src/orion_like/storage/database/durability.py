"""Sharing of fsync between the processes that append to one file.

An fsync makes durable whatever was appended before it started. So one process at a time
does it for all who wait, and says in a few bytes of shared memory how far it got; those
whose record lies before that need not do their own.

The shared bytes are only ever a way to save work: without them, or when they are in doubt,
everybody does his own fsync. They hold the host's boot, since they mean nothing on
another host; an *epoch*, which changes whenever the end of the file moves backwards or the
file is replaced, so that positions of different epochs are never compared; and the epoch
and position of the last fsync, in one word so that no reader sees half of a change.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Final

_BOOT, _EPOCH, _SYNCED = range(3)  # positions of 64-bit words
_END_BITS: Final = 44
_EPOCHS: Final = 1 << (64 - _END_BITS)
_SIZE: Final = 4096
_PATIENCE: Final = 0.05  # seconds to wait for another's fsync before doing one's own
_PAUSE: Final = 0.00005  # seconds before the first look whether it is done
_GROWTH: Final = 0.4  # the next look comes after this part of the time waited so far


class SharedSync:
    """Where the processes that write one file tell each other what is durable.

    Parameters
    ----------
    descriptor
        An open file that all of them share and whose content is nobody else's, here the
        lock file; its lock must be held.
    """

    def __init__(self, descriptor: int) -> None:
        self._turn = threading.Lock()
        self._words: memoryview | None = None
        try:
            missing = _SIZE - os.fstat(descriptor).st_size
            # Written and not left as a hole: to touch one on a full disk is fatal (SIGBUS).
            if missing > 0 and os.pwrite(descriptor, bytes(missing), _SIZE - missing) < missing:
                return
            self._words = memoryview(mmap.mmap(descriptor, _SIZE)).cast("Q")
        except (OSError, ValueError):  # a file system without shared mappings, or a full disk
            return
        if self._words[_BOOT] != _boot():
            self.start_epoch()
            self._words[_SYNCED] = 0
            self._words[_BOOT] = _boot()

    @property
    def epoch(self) -> int:
        """The epoch of what is appended now; to be read while the write lock is held."""
        return self._words[_EPOCH] if self._words else 0

    def start_epoch(self) -> None:
        """Make positions up to now incomparable with later ones; the write lock is held."""
        if self._words:
            self._words[_EPOCH] = self._words[_EPOCH] % (_EPOCHS - 1) + 1

    def make_durable(self, descriptor: int, epoch: int, end: int) -> None:
        """Return when everything up to a position of the file is on the disk.

        Parameters
        ----------
        descriptor
            The file.
        epoch
            The epoch in which the position was reached.
        end
            The position.
        """
        started = 0.0
        while not self._covers(epoch, end):
            if self._turn.acquire(blocking=False):
                try:
                    if self._sync_for_all(descriptor, epoch, end):
                        return
                finally:
                    self._turn.release()
            instant = time.monotonic()
            started = started or instant
            waited = instant - started
            if waited > _PATIENCE:  # whose turn it is may have been stopped
                os.fsync(descriptor)
                return
            time.sleep(max(_PAUSE, waited * _GROWTH))

    def _covers(self, epoch: int, end: int) -> bool:
        if not self._words:
            return False
        synced = self._words[_SYNCED]
        return synced >> _END_BITS == epoch and synced & ((1 << _END_BITS) - 1) >= end

    def _sync_for_all(self, descriptor: int, epoch: int, end: int) -> bool:
        """Do the fsync if it is nobody else's turn; False otherwise."""
        try:
            # A lock on the data file itself, which is free for this: writers lock another.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        try:
            if not self._covers(epoch, end):
                size = os.fstat(descriptor).st_size
                os.fsync(descriptor)
                if self._words:
                    self._words[_SYNCED] = epoch << _END_BITS | size
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        return True


class DiskThread:
    """Waits for the disk in place of a thread that has something better to do."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        thread = threading.Thread(
            target=_carry_out, args=[self._orders], name="orion-like-disk", daemon=True
        )
        thread.start()

    def begin(self, work: Callable[[], None]) -> Callable[[], None]:
        """Have some work done, and return what waits for its end and raises what it raised."""
        order = _Order(work)
        self._orders.put(order)
        return order.wait

    def stop(self) -> None:
        """End the thread when all work is done."""
        self._orders.put(None)


class _Order:
    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: Exception | None = None
        self._unfinished = threading.Lock()
        self._unfinished.acquire()

    def carry_out(self) -> None:
        try:
            self._work()
        except Exception as error:
            self._error = error
        self._unfinished.release()

    def wait(self) -> None:
        with self._unfinished:
            if self._error is not None:
                raise self._error


def _carry_out(orders: SimpleQueue[_Order | None]) -> None:
    while (order := orders.get()) is not None:
        order.carry_out()
        del order  # what it holds may be let go


def _boot() -> int:
    """Return a number that tells this run of this machine from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        boot = f"{os.uname().nodename} {time.time() - time.monotonic():.0f}".encode()
    return zlib.crc32(boot) << 32 | zlib.adler32(boot) or 1


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
