"""Every exception that the package raises on purpose, as one tree.

The command line prints these in one short paragraph; anything else is a defect
and keeps its traceback.
"""

from __future__ import annotations

from typing import Any


class OrionLikeError(Exception):
    """Root of all errors that a user can cause or meet."""


# --- settings and usage -----------------------------------------------------------------------


class ConfigurationError(OrionLikeError):
    """A setting has an unknown name or an impossible value."""


class NoConfigurationError(OrionLikeError):
    """An experiment does not exist and too little is known to create it."""


class ExperimentDeleted(NoConfigurationError):
    """The experiment was deleted while it was used."""


class NoNameError(NoConfigurationError):
    """An experiment is asked for without its name."""


class UnsupportedOperation(OrionLikeError):
    """The operation needs more rights than the object was opened with."""


class MissingArguments(OrionLikeError):
    """Too few arguments to know what is meant."""


# --- search space and algorithms --------------------------------------------------------------


class SpaceError(OrionLikeError, ValueError):
    """A search space, or a point in it, is not valid."""


class PriorError(SpaceError, TypeError):
    """The text of a prior cannot be understood."""


class AlgorithmError(OrionLikeError, ValueError):
    """An algorithm is unknown, wrongly configured, or unfit for the search space."""


class ObjectiveError(OrionLikeError, ValueError):
    """What is asked of objectives does not fit those that the experiment has."""


# --- storage ----------------------------------------------------------------------------------


class DatabaseError(OrionLikeError, RuntimeError):
    """The database cannot be used."""


class DuplicateKeyError(DatabaseError):
    """A document with the same unique key exists already.

    Parameters
    ----------
    message
        What was refused.
    keys
        Names of the fields of the unique index that refused it.
    """

    def __init__(self, message: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


class DatabaseTimeout(DatabaseError):
    """The database did not answer in time."""


class OutdatedDatabaseError(DatabaseError):
    """The database was written in a format that must be upgraded first."""


class CorruptedDatabaseError(DatabaseError):
    """A database file holds something that it should not."""


class FailedUpdate(OrionLikeError, RuntimeError):
    """A document was not in the state that the update requires."""


class TrialNotFound(OrionLikeError, ValueError):
    """The trial is not in the database."""


class LeaseLost(FailedUpdate):
    """The trial is reserved by another worker now; its result was kept beside it."""


class AlreadyReleased(FailedUpdate):
    """The trial is not reserved any more."""


class RaceCondition(OrionLikeError):
    """Another process did the same at the same time, and won."""


class ReservationRaceCondition(RaceCondition):
    """Another worker reserved the trial first."""


# --- running ----------------------------------------------------------------------------------


class WaitingForTrials(OrionLikeError):
    """Nothing can be suggested until running trials finish."""


class PausedExperiment(WaitingForTrials):
    """The experiment is paused: no trial is started until somebody resumes it."""


class ReservationTimeout(WaitingForTrials):
    """No trial could be reserved within the time allowed."""


class CompletedExperiment(OrionLikeError):
    """The experiment has all its trials."""


class StoppedExperiment(CompletedExperiment):
    """The experiment was stopped: no trial is started unless somebody resumes it."""


class BrokenExperiment(OrionLikeError):
    """Too many trials of the experiment broke."""


class LazyWorkers(OrionLikeError):
    """Workers had nothing to do for longer than the idle timeout."""


class BranchingEvent(OrionLikeError):
    """The settings differ from those of the stored experiment, which has trials."""


class ExecutorClosed(OrionLikeError):
    """The executor takes no more work."""


class ExecutionError(OrionLikeError):
    """A user script failed.

    Parameters
    ----------
    message
        Why it failed.
    return_code
        Exit code of the script, or the negative number of the signal that ended it.
    """

    def __init__(self, message: str = "", return_code: int | None = None) -> None:
        super().__init__(message)
        self.return_code = return_code

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (*self.args, self.return_code))


class ExecutorWorkerLost(ExecutionError):
    """What was to run a trial died or went away, perhaps through no fault of the trial."""


class TrialTimeout(ExecutionError):
    """A trial ran longer than it may."""


class TrialInterrupted(OrionLikeError):
    """A user script asked to stop the worker and to leave its trial to another time."""


class TrialStopped(OrionLikeError):
    """An evaluation ends early since going on is no use: its reports count as its result."""


TrialPruned = TrialStopped
"""The same; the name that Optuna uses."""


class WorkerOutOfReach(OrionLikeError):
    """What runs a trial, on another machine than its worker, has no way to report to it."""


class CheckpointError(OrionLikeError):
    """A checkpoint is not there, or cannot be used or deleted."""


class InexecutableUserScript(OrionLikeError, PermissionError):
    """The user's command cannot be run at all."""


class MissingResultFile(OrionLikeError):
    """The user script ended well but reported nothing."""


class InvalidResult(OrionLikeError, ValueError):
    """A result is not what it should be."""


class NonFiniteResult(InvalidResult):
    """A result is NaN or infinite."""


class AlreadyReported(OrionLikeError, RuntimeWarning):
    """A script reported its results a second time."""
