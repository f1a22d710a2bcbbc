"""The state of the version control of a user's script."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import Any

_TIMEOUT = 10.0  # seconds


def vcs_state(path: str) -> dict[str, Any]:
    """Return the state of the git repository around a file; empty if there is none, or no git.

    Parameters
    ----------
    path
        A script, or a directory.

    Returns
    -------
    dict
        ``type`` (``'git'``), ``is_dirty`` (whether files under version control have changes),
        ``HEAD_sha``, ``active_branch`` (None if detached), ``diff_sha`` (SHA-256 of the changes).
    """
    directory = path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))
    git = shutil.which("git")
    if git is None or not os.path.isdir(directory):
        return {}
    status = _git(git, directory, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return {}
    lines = status.decode("utf-8", "replace").splitlines()
    headers = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    head, branch = headers.get("branch.oid"), headers.get("branch.head")
    diff = _git(git, directory, "diff", "--no-ext-diff", "--no-color", "HEAD") or b""
    return {
        "type": "git",
        "is_dirty": any(not line.startswith("#") for line in lines),
        "HEAD_sha": None if head == "(initial)" else head,
        "active_branch": None if branch == "(detached)" else branch,
        "diff_sha": hashlib.sha256(diff.removesuffix(b"\n")).hexdigest(),  # as Oríon has it
    }


def _git(git: str, directory: str, *arguments: str) -> bytes | None:
    """Return what a git command prints, None if it fails."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603
            [git, "-C", directory, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
