"""What ends the scripts of a worker that was killed itself.

A worker killed by SIGKILL cannot end its script. So a tiny process in a session of its own
reads from a pipe which process groups are running; when the worker is gone, however it went,
the pipe closes and the guard kills the groups that are left. Unlike a parent-death signal this
reaches all processes of a script, works on every POSIX system, and needs no Python code
between fork and exec, which would be unsafe in a program with threads.
"""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress

MARK = "ORION_LIKE_GUARD"

# A worker may die after its script started and before it told the group. Then, and only then,
# the script is looked for by the mark in its environment (on Linux).
_PROGRAM = """
trap '' INT TERM HUP QUIT
groups=' '
starting=0
while read -r change group; do
  case $change in
    '?') starting=$((starting + 1)) ;;
    +) starting=$((starting - 1)); groups="$groups$group " ;;
    '!') starting=$((starting - 1)) ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
for attempt in 1 2 3 4 5; do
  [ $starting -gt 0 ] || exit
  for file in $(grep -lzxF "$1" /proc/[0-9]*/environ); do
    process=${file#/proc/}
    kill -s KILL "${process%/environ}"
  done
  sleep 0.1
done
"""


class Guard:
    """The guard of this process; started with the first script, and anew after a fork."""

    def __init__(self) -> None:
        self._pipe: int | None = None
        self._mark = ""
        self._lock = threading.Lock()

    def expect(self) -> dict[str, str]:
        """Prepare for a new script, and return what must be added to its environment."""
        with self._lock:
            if self._pipe is None:
                self._mark = f"{os.getpid()}-{os.urandom(8).hex()}"
                self._pipe = _start(f"{MARK}={self._mark}")
        self._tell("? 0\n")
        return {MARK: self._mark}

    def watch(self, group: int) -> None:
        """Kill the process group of the script that was expected if this process dies."""
        self._tell(f"+ {group}\n")

    def expect_no_more(self) -> None:
        """Forget the script that was expected: it could not be started."""
        self._tell("! 0\n")

    def forget(self, group: int) -> None:
        """Leave the process group alone from now on; to be called before its leader is reaped."""
        self._tell(f"- {group}\n")

    def _tell(self, line: str) -> None:
        # A guard that somebody killed is no reason to fail a trial.
        with suppress(OSError):
            if self._pipe is not None:
                os.write(self._pipe, line.encode())

    def after_fork(self) -> None:
        """Let go of the parent's guard, which must see the pipe close when the parent dies."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None
        self._lock = threading.Lock()


def _start(mark: str) -> int:
    """Start the process and return the end of the pipe that it listens to."""
    reader, writer = os.pipe()
    process = subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _PROGRAM, "orion-like-guard", mark],
        stdin=reader,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    os.close(reader)
    process.returncode = 0  # it outlives this process, so nobody will wait for it
    return writer


GUARD = Guard()
os.register_at_fork(after_in_child=GUARD.after_fork)
