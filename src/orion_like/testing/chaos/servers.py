"""MongoDB servers that crash, stall, and hand over to each other."""

from __future__ import annotations

import random
import time
from typing import Any, Final

from orion_like.testing.chaos.crew import Disaster, paused
from orion_like.testing.mongod import Mongod

_PATIENCE: Final = 60.0  # seconds for an election
_ELECTION: Final = 1000  # milliseconds without a sign of the primary until another is elected


def crash(server: Mongod) -> Disaster:
    """Make the disaster that kills a server (SIGKILL) and starts it again on its data."""

    def crash_server(dice: random.Random) -> None:
        server.kill()
        time.sleep(dice.uniform(0, 0.5))
        server.start()

    return crash_server


def stall(server: Mongod, longest: float = 1.0) -> Disaster:
    """Make the disaster that stops a server (SIGSTOP) for up to `longest` seconds."""

    def stall_server(dice: random.Random) -> None:
        with paused(server.pid):
            time.sleep(dice.uniform(0, longest))

    return stall_server


class ReplicaSet:
    """MongoDB servers on the loopback that replicate each other.

    Parameters
    ----------
    size
        How many servers. Default 3.
    name
        Name of the replica set.

    Examples
    --------
    >>> with ReplicaSet() as servers:  # doctest: +SKIP
    ...     servers.crash_primary(random.Random(1))
    """

    def __init__(self, size: int = 3, name: str = "chaos") -> None:
        self.name = name
        options = ["--replSet", name, "--oplogSize", "50"]
        self.members = [Mongod(replica_set=None, options=options) for _ in range(size)]

    @property
    def uri(self) -> str:
        """How to connect to whichever server is primary."""
        hosts = ",".join(_host(member) for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={self.name}"

    def start(self) -> ReplicaSet:
        """Start the servers and return when one of them takes writes."""
        for member in self.members:
            member.start()
        configuration = {
            "_id": self.name,
            "members": [{"_id": n, "host": _host(m)} for n, m in enumerate(self.members)],
            "settings": {"electionTimeoutMillis": _ELECTION, "heartbeatIntervalMillis": 200},
        }
        _ask(self.members[0], {"replSetInitiate": configuration})
        self.wait_for_primary()
        return self

    def wait_for_primary(self) -> Mongod:
        """Return the primary as soon as there is one that all running members agree on."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            running = [member for member in self.members if member.is_running]
            answers = [_ask(member, {"hello": 1}) for member in running]
            primaries = {answer.get("primary") for answer in answers}
            for member, answer in zip(running, answers, strict=True):
                if answer.get("isWritablePrimary") and primaries == {_host(member)}:
                    return member
            time.sleep(0.02)
        raise AssertionError(f"replica set {self.name} elected no primary in {_PATIENCE:g} s")

    @property
    def secondaries(self) -> list[Mongod]:
        """The servers that are not primary now."""
        primary = self.wait_for_primary()
        return [member for member in self.members if member is not primary]

    def be_patient(self, seconds: float) -> None:
        """Let the servers wait so long for a silent primary, or it for them, until they elect."""
        primary = self.wait_for_primary()
        configuration = _ask(primary, {"replSetGetConfig": 1})["config"]
        configuration["version"] += 1
        configuration["settings"]["electionTimeoutMillis"] = round(1000 * seconds)
        _ask(primary, {"replSetReconfig": configuration})

    # --- disasters ------------------------------------------------------------------------------

    def step_down(self, dice: random.Random) -> None:
        """Have the primary hand over to another server."""
        del dice
        primary = self.wait_for_primary()
        _ask(primary, {"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 1, "force": True})

    def crash_primary(self, dice: random.Random) -> None:
        """Kill the primary (SIGKILL); start it again when another has taken over."""
        primary = self.wait_for_primary()
        primary.kill()
        self.wait_for_primary()
        time.sleep(dice.uniform(0, 0.2))
        primary.start()

    # --- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """End all servers and remove their data."""
        for member in self.members:
            member.close()

    def __enter__(self) -> ReplicaSet:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exc: object) -> None:
        self.close()


def _host(member: Mongod) -> str:
    return f"127.0.0.1:{member.port}"


def _ask(member: Mongod, command: dict[str, Any]) -> dict[str, Any]:
    from pymongo import MongoClient
    from pymongo.errors import AutoReconnect

    client: MongoClient[dict[str, Any]] = MongoClient(member.uri)
    with client:
        try:
            return dict(client.admin.command(command))
        except AutoReconnect:  # a primary that steps down may close its connections
            return {}
