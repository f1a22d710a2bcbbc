"""A trial that runs, and can report to its worker."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from orion_like.errors import WorkerOutOfReach
from orion_like.storage.worker_id import is_elsewhere
from orion_like.trial import Trial
from orion_like.worker.channel import GROUP, Channel, checked_group, checked_step, checked_values
from orion_like.worker.checkpoint import CheckpointPlace, Saved

LiveT = TypeVar("LiveT", bound="LiveTrial")


class LiveTrial(Trial):
    """A trial as the function that evaluates it gets it, in whatever process.

    Examples
    --------
    >>> from orion_like.client import build_experiment
    >>> def train(x, trial):
    ...     for epoch in range(10):
    ...         loss = x + 1 / (1 + epoch)
    ...         trial.report(loss, epoch)
    ...         if trial.should_stop():
    ...             break
    ...     return loss
    >>> client = build_experiment("doc", space={"x": "uniform(0, 1)"}, algorithm="random",
    ...                           max_trials=10, stopping={"median": {"min_trials": 3}},
    ...                           storage="memory://", seed=1)
    >>> client.workon(train, trial_arg="trial")
    10
    >>> client.stats.trials_completed, client.stats.trials_stopped
    (8, 2)
    """

    # Also in the process of the worker itself, reports go through the channel: a signal may
    # interrupt the function at any place, but must not interrupt what uses the database.
    __slots__ = ("_channel", "_storage_url")

    _channel: Channel
    _storage_url: str

    @classmethod
    def wrap(
        cls: type[LiveT],
        trial: Trial,
        address: str | Callable[[], str],
        experiment_uuid: str | None,
        storage_url: str = "",
    ) -> LiveT:
        """Return `trial` with a way to report, and a place for its checkpoints.

        Parameters
        ----------
        trial
            The trial.
        address
            The path of a socket, or what tells it.
        experiment_uuid
            Identity of its experiment.
        storage_url
            Where the experiment stores checkpoints. Default: in directories.
        """
        wrapped = cls.__new__(cls)
        for name in Trial.__slots__:
            setattr(wrapped, name, getattr(trial, name))
        wrapped.experiment_uuid = experiment_uuid
        wrapped._channel = Channel(address)
        wrapped._storage_url = storage_url
        return wrapped

    def __reduce__(self) -> tuple[Any, ...]:
        if self.status != "reserved":  # it has nothing to report any more
            return (_finished, (self.to_dict(), self.experiment_uuid))
        way = self.report_address, self.experiment_uuid, self._storage_url
        return (_elsewhere, (self.to_dict(), *way))

    @property
    def report_address(self) -> str:
        """Path of the socket by which any process of this machine reports for the trial."""
        return self._channel.address

    def report(self, value: Any, step: int | None = None, group: str = GROUP) -> None:
        """Report how the trial is doing.

        Parameters
        ----------
        value
            A number, the objective so far; or numbers by name.
        step
            How far the trial is, from 0 on: epochs, batches, folds… Default: the step after
            the last one. The first report of a step counts; values with other names join it.
        group
            ``'validation'`` (the default), ``'training'``, or a name of your own.

        Raises
        ------
        InvalidResult
            If one of them isn't what it must be.
        WorkerOutOfReach
            If this is another machine than that of the worker, and has no way to it.
        """
        self._channel.report(checked_values(value), checked_step(step), checked_group(group))
        self._refuse_silence()

    @property
    def latest_checkpoint(self) -> Saved | None:
        """The checkpoint of the latest step in :attr:`checkpoint_dir`, or None.

        It has a ``step`` and a ``path``, and may be of an earlier attempt at the trial, or of one
        with another fidelity.
        """
        return self.checkpoint_place.latest()

    @property
    def checkpoint_place(self) -> CheckpointPlace:
        """Where its checkpoints are."""
        if not self._storage_url:
            return CheckpointPlace(self.checkpoint_dir)
        top = f"{self._storage_url}/{self.experiment_uuid}"
        parent = f"{top}/{self.parent}" if self.in_population and self.parent else ""
        return CheckpointPlace(self.checkpoint_dir, f"{top}/{self.lineage}", parent)

    @contextmanager
    def save_checkpoint(
        self, step: int, metadata: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """Save a checkpoint: ``with trial.save_checkpoint(step) as path:``.

        It comes into being as a whole when the block ends: after an exception, or when the process
        is killed, there is none.

        Parameters
        ----------
        step
            How far the trial is, a whole number from 0 on.
        metadata
            What to store about it in the database, as JSON. Default: nothing.

        Yields
        ------
        str
            A new directory to write into.
        """
        with self.checkpoint_place.saving(step, metadata) as (path, saved):
            yield path
        self._channel.checkpoint(step, saved.url or saved.path, saved.sizes(), metadata or {})
        self._refuse_silence()

    def should_stop(self) -> bool:
        """Whether a stopping rule says, after all that was reported, that going on is no use.

        Who was told so ends the evaluation as soon as possible, by returning what it has or by
        raising :class:`~orion_like.errors.TrialStopped`. The trial becomes suspended and its
        last report counts as its result, unless the function returned one.
        """
        reason = self._channel.reason_to_stop()
        self._refuse_silence()
        return reason is not None

    def _refuse_silence(self) -> None:
        if self._channel.is_out_of_reach and is_elsewhere(self.worker):
            raise WorkerOutOfReach(
                f"trial {self.id} runs on {socket.gethostname()}, and has no way to report to its "
                f"worker {self.worker}: set worker.report_host there (ORION_LIKE_REPORT_HOST, "
                "--report-host) to a name or address of the worker's machine that the cluster "
                "reaches"
            )

    def should_prune(self) -> bool:
        """Do the same as :meth:`should_stop`; the name that Optuna uses."""
        return self.should_stop()


def _elsewhere(
    document: dict[str, Any], address: str, experiment_uuid: str | None, storage_url: str
) -> LiveTrial:
    trial = Trial.from_document(document)
    return LiveTrial.wrap(trial, address, experiment_uuid, storage_url)


def _finished(document: dict[str, Any], experiment_uuid: str | None) -> Trial:
    trial = Trial.from_document(document)
    trial.experiment_uuid = experiment_uuid
    return trial
