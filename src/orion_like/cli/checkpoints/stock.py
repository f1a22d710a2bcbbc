"""The checkpoints of one experiment, as the commands see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from orion_like.cli.output import counted, printable
from orion_like.cli.session import (
    Selection,
    Session,
    find_experiment,
    open_existing_storage,
    required_name,
)
from orion_like.errors import CheckpointError, TrialNotFound
from orion_like.storage.checkpoints import COMPLETED, STATES, Checkpoint, fetch_checkpoints

if TYPE_CHECKING:
    from orion_like.client import ExperimentClient
    from orion_like.worker.checkpoint_keeper import CheckpointKeeper

SHORT = 8  # digits of an id that are shown


@dataclass(frozen=True)
class Stock:
    """What the trials of an experiment have saved.

    Parameters
    ----------
    client
        The experiment.
    """

    client: ExperimentClient

    @cached_property
    def keeper(self) -> CheckpointKeeper:
        """What knows which are needed, and deletes."""
        from orion_like.worker.checkpoint_keeper import CheckpointKeeper

        return CheckpointKeeper(self.client.experiment)

    @cached_property
    def recorded(self) -> list[Checkpoint]:
        """All, also those of which only the record is left."""
        return fetch_checkpoints(self.client.storage.database, self.client.id, states=STATES)

    @cached_property
    def there(self) -> list[Checkpoint]:
        """Those that were not deleted."""
        return [checkpoint for checkpoint in self.recorded if checkpoint.state == COMPLETED]

    @cached_property
    def objectives(self) -> Mapping[str, float]:
        """What was reported of them, by their ids."""
        return self.keeper.objectives(self.there)

    @cached_property
    def trial_ids(self) -> Mapping[Any, str]:
        """Ids of the trials, by their ``_id``."""
        return {trial._id: trial.id for trial in self.client.fetch_trials()}

    def best_first(self) -> list[Checkpoint]:
        """Return those of which something was reported, the best first."""
        sign = self.client.experiment.declared_objectives[0].sign
        rated = [c for c in self.there if c.id in self.objectives]
        return sorted(rated, key=lambda c: (sign * self.objectives[c.id], -c.step))

    def of_trial(self, checkpoints: Sequence[Checkpoint], prefix: str) -> list[Checkpoint]:
        """Return those of the trial whose id begins so.

        Raises
        ------
        TrialNotFound
            If there is no such trial, or several.
        """
        found = [uid for uid, trial in self.trial_ids.items() if trial.startswith(prefix)]
        if len(found) != 1:
            how = "no trial has" if not found else f"{len(found)} trials have"
            raise TrialNotFound(f"{how} an id that begins with {prefix!r}")
        return [checkpoint for checkpoint in checkpoints if checkpoint.trial == found[0]]

    def named(self, prefixes: Sequence[str]) -> list[Checkpoint]:
        """Return the checkpoints whose ids begin so.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint, or several, or its files were deleted.
        """
        return [self._named(prefix) for prefix in dict.fromkeys(prefixes)]

    def _named(self, prefix: str) -> Checkpoint:
        found = [c for c in self.recorded if c.id and c.id.startswith(prefix)]
        if len(found) != 1:
            how = "no checkpoint has" if not found else f"{len(found)} checkpoints have"
            raise CheckpointError(
                f"{how} an id that begins with {prefix!r}; 'orion-like checkpoints list -n "
                f"{printable(self.client.name)}' shows them"
            )
        if found[0].state != COMPLETED:
            raise CheckpointError(f"the files of checkpoint {found[0].id} were deleted")
        return found[0]


@contextmanager
def open_stock(session: Session, selection: Selection) -> Iterator[Stock]:
    """Open the storage, and find the experiment that is meant."""
    from orion_like.client import get_experiment

    settings = selection.load_settings(session)
    name = required_name(settings)
    with open_existing_storage(settings) as storage:
        document = find_experiment(storage, name, settings["experiment.version"])
        yield Stock(get_experiment(name, document.get("version", 1), storage=storage))


def size_of(checkpoints: Sequence[Checkpoint]) -> str:
    """Return how many there are and how large they are, for people."""
    return (
        f"{counted(len(checkpoints), 'checkpoint')} ({readable(sum(c.size for c in checkpoints))})"
    )


def readable(size: int) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> readable(999), readable(1500), readable(2_000_000_000)
    ('999 B', '1.5 kB', '2.0 GB')
    """
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def refuse_nothing(prefixes: Sequence[str], trial: str | None) -> None:
    """Raise `click.UsageError` if nothing says which checkpoints are meant."""
    if not prefixes and trial is None:
        raise click.UsageError("give the ids of checkpoints, or --trial ID for all of a trial")
