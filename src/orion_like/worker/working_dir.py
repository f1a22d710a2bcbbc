"""Directories in which trials work."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile

from orion_like.trial import Trial
from orion_like.worker.checkpoint import superseded
from orion_like.worker.copying import copy_directory

logger = logging.getLogger(__name__)


class WorkingDirectory:
    """The working directory of an experiment, for the time of one run.

    Parameters
    ----------
    path
        Directory that is made if need be, and kept. An empty one stands for a temporary
        directory outside of the current one, made when it is first needed and deleted at
        the end, unless it was asked to stay.
    label
        What the name of a temporary directory starts with.
    """

    def __init__(self, path: str, label: str) -> None:
        self._path = os.path.abspath(os.path.expanduser(path)) if path else ""
        self._label = re.sub(r"[^\w.-]", "_", label)
        self._is_temporary = not path
        self._exists = False
        self.keep = False

    @property
    def path(self) -> str:
        """The directory; it is made when this is first asked for."""
        if not self._exists:
            if self._is_temporary:
                self._path = tempfile.mkdtemp(prefix=f"{self._label}-")
            os.makedirs(self._path, exist_ok=True)
            self._exists = True
        return self._path

    @property
    def is_temporary(self) -> bool:
        """Whether the directory goes away at the end."""
        return self._is_temporary and not self.keep

    def close(self) -> None:
        """Delete the directory if it is temporary."""
        if self.is_temporary and self._exists:
            shutil.rmtree(self._path, ignore_errors=True)
            self._exists = False


def prepare_trial_directory(trial: Trial) -> str:
    """Make the working directory of a trial, from a copy of its parent's if it has one.

    Of the checkpoints of the parent the latest is copied: others may be deleted at any time.

    Returns
    -------
    Its path.
    """
    path = trial.working_dir
    if os.path.isdir(path):
        return path
    if trial.parent:
        parent = os.path.join(trial.exp_working_dir or "", trial.parent)
        if os.path.isdir(parent):
            copy_directory(parent, path, superseded)
            return path
        if trial.in_population:
            logger.warning(
                "trial %s starts anew: the working directory of its parent, %s, is not on this "
                "machine; give the experiment a working directory that all workers reach",
                trial.id,
                parent,
            )
    os.makedirs(path, exist_ok=True)
    return path
