"""Which checkpoints are kept, and which may go: counts chosen by the user, and what is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.spelling import did_you_mean
from orion_like.storage.checkpoints import Checkpoint
from orion_like.trial import Trial

COUNTS = ("experiment_best", "experiment_latest", "trial_best", "trial_latest")
KEYS = ("storage", *COUNTS)
_SYNONYMS = {f"save_{name}": name for name in COUNTS}  # as Determined calls them


def checked_checkpoints(settings: Any) -> dict[str, Any]:
    """Return what was said of checkpoints: where they are stored, and how many are kept.

    Parameters
    ----------
    settings
        ``{"storage": URL, "experiment_best": n, "experiment_latest": n, "trial_best": n,
        "trial_latest": n}``, each of which may be missing; None takes back what was said before.

    Raises
    ------
    ConfigurationError
        If a key is unknown, or a value is not a URL or a whole number from 0 on.

    Examples
    --------
    >>> checked_checkpoints({"trial_latest": 2})
    {'trial_latest': 2}
    """
    if not isinstance(settings, Mapping):
        raise ConfigurationError(
            f"checkpoints must be a mapping such as {{'trial_latest': 2}}, not {settings!r}"
        )
    named = {_SYNONYMS.get(str(key), str(key)): value for key, value in settings.items()}
    for key, value in named.items():
        if key not in KEYS:
            raise ConfigurationError(
                f"checkpoints have no {key!r}; there are {', '.join(KEYS)}"
                + did_you_mean(key, KEYS)
            )
        if value is None:
            continue
        if key == "storage":
            named[key] = _checked_url(value)
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ConfigurationError(
                f"checkpoints: {key} must be a whole number from 0 on, not {value!r}"
            )
    return named


def _checked_url(value: Any) -> str:
    if not isinstance(value, str) or "://" not in value:
        raise ConfigurationError(
            "checkpoints: storage must be a URL such as s3://bucket/path or file:///path, "
            f"not {value!r}"
        )
    return value.rstrip("/")


def with_checkpoints(stored: Mapping[str, Any], asked: Any) -> dict[str, Any]:
    """Return what is stored of checkpoints once it was changed as asked, after checking that.

    Examples
    --------
    >>> with_checkpoints({"trial_best": 1, "trial_latest": 2}, {"trial_best": None})
    {'trial_latest': 2}
    """
    changed = {**stored, **checked_checkpoints(asked)}
    return {key: value for key, value in changed.items() if value is not None}


@dataclass(frozen=True)
class RetentionPolicy:
    """How many checkpoints are kept; all of them, if no number is given.

    Parameters
    ----------
    experiment_best, experiment_latest
        Of the whole experiment, those with the best reports, and those saved last. Default 0.
    trial_best, trial_latest
        Of each trial, those with the best reports, and those of the latest steps. Default 0.
    """

    experiment_best: int | None = None
    experiment_latest: int | None = None
    trial_best: int | None = None
    trial_latest: int | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RetentionPolicy:
        """Return the policy among the settings of checkpoints."""
        return cls(**{key: settings.get(key) for key in COUNTS})

    def __bool__(self) -> bool:
        return any(getattr(self, key) is not None for key in COUNTS)

    def kept(
        self,
        checkpoints: Iterable[Checkpoint],
        losses: Mapping[str, float],
        lineages: Mapping[Any, str],
    ) -> set[str]:
        """Return the ids of the checkpoints that the numbers say are kept.

        Parameters
        ----------
        checkpoints
            All that there are.
        losses
            What is minimized, by the id of each checkpoint for which it was reported.
        lineages
            By ``_id`` of each trial what it shares with those that go on from it, which count
            as one trial.

        Examples
        --------
        >>> saved = [Checkpoint(1, 1, step, "", id=f"at {step}") for step in (1, 2, 3)]
        >>> policy = RetentionPolicy(trial_best=1, trial_latest=1)
        >>> sorted(policy.kept(saved, {"at 1": 0.5, "at 2": 0.4}, {1: "a"}))
        ['at 2', 'at 3']
        """
        by_lineage: dict[Any, list[Checkpoint]] = {}
        for checkpoint in checkpoints:
            lineage = lineages.get(checkpoint.trial, checkpoint.trial)
            by_lineage.setdefault(lineage, []).append(checkpoint)
        everything = [member for members in by_lineage.values() for member in members]
        everything.sort(key=lambda c: c.time.timestamp() if c.time is not None else 0.0)
        kept = [*_best(everything, losses, self.experiment_best or 0)]
        kept += everything[max(0, len(everything) - (self.experiment_latest or 0)) :]
        for members in by_lineage.values():
            members.sort(key=lambda checkpoint: checkpoint.step)
            kept += _best(members, losses, self.trial_best or 0)
            kept += members[max(0, len(members) - (self.trial_latest or 0)) :]
        return {checkpoint.id for checkpoint in kept}


def _best(
    checkpoints: Iterable[Checkpoint], losses: Mapping[str, float], count: int
) -> list[Checkpoint]:
    rated = [checkpoint for checkpoint in checkpoints if checkpoint.id in losses]
    rated.sort(key=lambda checkpoint: (losses[checkpoint.id], -checkpoint.step))
    return rated[:count]


def needed(
    checkpoints: Iterable[Checkpoint],
    trials: Collection[Trial],
    lineages: Mapping[Any, str],
    *,
    top: float | None,
    is_done: bool,
) -> set[str]:
    """Return the ids of the checkpoints from which trials may still go on.

    These are the latest of a trial that is open; or that is the parent of one; or that is below
    the highest fidelity and may be promoted, or be retried, as long as the experiment is not done.

    Parameters
    ----------
    checkpoints
        All that there are.
    trials
        All trials of the experiment.
    lineages
        See :meth:`RetentionPolicy.kept`.
    top
        The highest fidelity; None if there is none.
    is_done
        Whether there will be no more trials.
    """
    wanted, parents = set(), set()
    for trial in trials:
        if _is_open(trial):
            wanted.add(lineages[trial._id])
            parents.add(trial.parent)
        elif not is_done and (trial.status == "broken" or _is_below(trial, top)):
            wanted.add(lineages[trial._id])
    if parents - {None}:
        wanted |= {lineages[trial._id] for trial in trials if trial.id in parents}
    latest: dict[str, int] = {}
    of_wanted = [c for c in checkpoints if lineages.get(c.trial) in wanted]
    for checkpoint in of_wanted:
        lineage = lineages[checkpoint.trial]
        latest[lineage] = max(checkpoint.step, latest.get(lineage, 0))
    return {c.id for c in of_wanted if c.step == latest[lineages[c.trial]]}


def _is_open(trial: Trial) -> bool:
    return trial.status in ("new", "reserved", "interrupted") or (
        trial.status == "suspended" and not trial.stopped
    )


def _is_below(trial: Trial, top: float | None) -> bool:
    """Whether a trial ended at a lower fidelity than the highest one."""
    fidelity = next((p.value for p in trial._params if p.type == "fidelity"), None)
    return fidelity is not None and top is not None and fidelity < top and not trial.stopped
