"""A chaos kit: what goes wrong where many processes share a database, on purpose.

Workers of a `Crew` note in a `Journal` what the database acknowledged, while disasters strike
them, their disk, their clock, the network and the database server. `assert_sound` then checks
that the database kept every promise. See ``tests/faults`` for its use.
"""

from orion_like.testing.chaos.clock import skew_clock, skewed_clock
from orion_like.testing.chaos.crew import Crew, Disaster, Worker, paused
from orion_like.testing.chaos.disk import fill, limit_file_size, read_only, slow_fsync, small_disk
from orion_like.testing.chaos.journal import Delivery, Journal, WitnessedStorage
from orion_like.testing.chaos.outages import make_unreliable
from orion_like.testing.chaos.proxy import FlakyProxy
from orion_like.testing.chaos.servers import ReplicaSet, crash, stall
from orion_like.testing.chaos.soundness import Unsound, assert_sound
from orion_like.testing.chaos.tails import (
    blanked_at_every_block,
    put,
    torn_at_every_byte,
    with_flipped_bit,
)

__all__ = [
    "Crew",
    "Delivery",
    "Disaster",
    "FlakyProxy",
    "Journal",
    "ReplicaSet",
    "Unsound",
    "WitnessedStorage",
    "Worker",
    "assert_sound",
    "blanked_at_every_block",
    "crash",
    "fill",
    "limit_file_size",
    "make_unreliable",
    "paused",
    "put",
    "read_only",
    "skew_clock",
    "skewed_clock",
    "slow_fsync",
    "small_disk",
    "stall",
    "torn_at_every_byte",
    "with_flipped_bit",
]
