"""The checkpoints of what `orion-like db rm` deletes: their files may go or stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from orion_like.cli.checkpoints.stock import size_of
from orion_like.storage.checkpoints import Checkpoint, fetch_checkpoints, is_used_elsewhere
from orion_like.storage.storage import Storage


@dataclass(frozen=True)
class SavedFiles:
    """Checkpoints of experiments or trials that are about to be deleted.

    Parameters
    ----------
    storage
        Where they are recorded.
    saved
        Those of each experiment, by its ``_id``.
    """

    storage: Storage
    saved: Mapping[Any, Sequence[Checkpoint]]

    @classmethod
    def of_experiments(cls, storage: Storage, uids: Iterable[Any]) -> SavedFiles:
        """Return all that experiments have saved."""
        return cls(storage, {uid: fetch_checkpoints(storage.database, uid) for uid in uids})

    @classmethod
    def of_trials(
        cls, storage: Storage, uids: Iterable[Any], where: Mapping[str, Any]
    ) -> SavedFiles:
        """Return what some trials have saved, except what others may go on from."""
        from orion_like.experiment import Experiment
        from orion_like.worker.checkpoint_keeper import CheckpointKeeper

        saved = {}
        for uid in uids:
            there = fetch_checkpoints(storage.database, uid)
            if not there:
                continue
            trials = {t._id for t in storage.fetch_trials(uid, where) if t.status != "reserved"}
            (document,) = storage.fetch_experiments({"_id": uid})
            keeper = CheckpointKeeper(Experiment(storage, document, "r"))
            needed = keeper.needed(there, without=trials)
            saved[uid] = [c for c in there if c.trial in trials and c.id not in needed]
        return cls(storage, saved)

    @property
    def _all(self) -> list[Checkpoint]:
        return [checkpoint for checkpoints in self.saved.values() for checkpoint in checkpoints]

    def shall_go(self, answer: bool | None, force: bool) -> bool:
        """Return whether the files are deleted too; ask, if nothing was said of it."""
        if answer is None and self._all and not force:
            return click.confirm(f"Delete the files of {size_of(self._all)} too?", default=False)
        if answer is None and self._all:
            click.echo(f"The files of {size_of(self._all)} are left (see --with-checkpoints)")
        return bool(answer)

    def delete(self) -> None:
        """Delete the files that this machine reaches, unless a copy of the experiment has them."""
        from orion_like.worker.checkpoint import discard

        for uid, checkpoints in self.saved.items():
            for checkpoint in checkpoints:
                if not is_used_elsewhere(self.storage.database, uid, checkpoint):
                    discard(checkpoint.path)
        if self._all:
            click.echo(f"{size_of(self._all)} deleted")


def delete_directory(experiment: Mapping[str, Any]) -> None:
    """Delete the directory in which an experiment has its checkpoints, with what scripts put there.

    Parameters
    ----------
    experiment
        Its document.
    """
    working_dir, uuid = experiment.get("working_dir"), experiment.get("uuid")
    if working_dir and uuid:
        shutil.rmtree(os.path.join(working_dir, "checkpoints", uuid), ignore_errors=True)
