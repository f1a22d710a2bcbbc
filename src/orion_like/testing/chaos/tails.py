"""What a crash, or a bad disk, may leave of a file that was being written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path


def torn_at_every_byte(whole: bytes, sound: int) -> Iterator[bytes]:
    """Yield what a crash may leave of the last write: each beginning of it.

    Parameters
    ----------
    whole
        The file after the write.
    sound
        How long the file was before it.
    """
    for end in range(sound, len(whole) + 1):
        yield whole[:end]


def blanked_at_every_block(whole: bytes, sound: int, block: int = 64) -> Iterator[bytes]:
    """Yield what a power cut may leave: the right size, but zeros where data had not arrived.

    Parameters
    ----------
    whole
        The file after the write.
    sound
        How long the file was before it.
    block
        Bytes that arrive at once. Default 64.
    """
    for end in range(sound, len(whole), block):
        yield whole[:end] + bytes(len(whole) - end)


def with_flipped_bit(whole: bytes, dice: random.Random, first: int = 0) -> tuple[bytes, int]:
    """Return the content with one bit changed, at `first` or later, and the byte it is in."""
    position = dice.randrange(first, len(whole))
    damaged = bytearray(whole)
    damaged[position] ^= 1 << dice.randrange(8)
    return bytes(damaged), position


def put(path: Path, content: bytes) -> None:
    """Make `content` the content of the file, in place, as if the disk had it so."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(content)
        file.truncate()
