"""Whether an experiment is what it should be after everything that happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from orion_like.storage import Storage
from orion_like.storage.worker_id import is_certainly_dead
from orion_like.testing.chaos.journal import ACKNOWLEDGED, Delivery, Journal
from orion_like.trial import Trial

_SHOWN = 20  # violations that a message lists


class Unsound(AssertionError):
    """The database broke a promise; the message lists all violations found."""


def assert_sound(
    storage: Storage,
    experiment: str,
    acknowledged: Journal | Iterable[Delivery],
    *,
    finished: bool = True,
) -> list[Trial]:
    """Check an experiment against what its workers were told, and return its trials.

    - Every acknowledged result is there, in one completed trial, exactly as it was handed in
      and under the lease under which it was: nothing was lost or overwritten.
    - Every result that came too late was kept beside the trial of its new owner.
    - Ids and numbers are unique.
    - No trial is reserved by a worker that is dead and, if the experiment is `finished`, none
      is open at all and exactly ``max_trials`` are completed.

    Parameters
    ----------
    storage
        Where the experiment is; best opened anew, to see what is really stored.
    experiment
        Its name.
    acknowledged
        What the workers were told.
    finished
        Whether all workers ended by themselves. Otherwise the experiment may be anywhere on
        its way. Default True.

    Raises
    ------
    Unsound
        If any of this does not hold.
    """
    document = storage.fetch_experiment(experiment)
    if document is None:
        raise Unsound(f"experiment {experiment!r} is gone from {storage.url}")
    trials = storage.fetch_trials(document["_id"])
    deliveries = acknowledged.read() if isinstance(acknowledged, Journal) else list(acknowledged)
    violations = [
        *_duplicates(trials),
        *_broken_promises(trials, deliveries),
        *(_unfinished(trials, document.get("max_trials")) if finished else ()),
    ]
    if violations:
        more = len(violations) - _SHOWN
        lines = violations[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise Unsound(f"{storage.url}, experiment {experiment!r}:\n  " + "\n  ".join(lines))
    return trials


def _duplicates(trials: Sequence[Trial]) -> Iterator[str]:
    for what in ("_id", "id", "number"):
        counts = Counter(getattr(trial, what) for trial in trials)
        for value, count in counts.items():
            if count > 1:
                yield f"{count} trials have the {what} {value}"


def _broken_promises(trials: Sequence[Trial], deliveries: Iterable[Delivery]) -> Iterator[str]:
    by_id = {trial.id: trial for trial in trials}
    seen: set[str] = set()
    for delivery in deliveries:
        trial = by_id.get(delivery.trial)
        whose = f"trial {delivery.trial} ({delivery.outcome}, attempt {delivery.attempt})"
        if trial is None:
            yield f"{whose} is gone"
        elif delivery.outcome == ACKNOWLEDGED:
            if delivery.trial in seen:
                yield f"{whose} was acknowledged twice"
            seen.add(delivery.trial)
            yield from _differences(whose, trial, delivery)
        elif not _is_kept_beside(trial, delivery):
            yield f"{whose} came too late and was not kept"


def _differences(whose: str, trial: Trial, delivery: Delivery) -> Iterator[str]:
    if trial.status != "completed":
        yield f"{whose} is {trial.status}"
        return
    if [result.to_dict() for result in trial.results] != delivery.results:
        yield f"{whose} has other results: {trial.results}, not {delivery.results}"
    if (trial.worker, trial.attempt) != (delivery.worker, delivery.attempt):
        yield f"{whose} belongs to {trial.worker} (attempt {trial.attempt})"


def _is_kept_beside(trial: Trial, delivery: Delivery) -> bool:
    kept = [
        late["results"]
        for late in trial.late_results
        if (late["worker"], late["attempt"]) == (delivery.worker, delivery.attempt)
    ]
    return kept == [delivery.results]


def _unfinished(trials: Sequence[Trial], max_trials: int | None) -> Iterator[str]:
    completed = sum(trial.status == "completed" for trial in trials)
    if max_trials is not None and completed != max_trials:
        yield f"{completed} trials are completed, not {max_trials}"
    for trial in trials:
        if trial.status not in ("completed", "broken"):
            dead = " which is dead" if is_certainly_dead(trial.worker) else ""
            yield f"trial {trial.id} is stuck: {trial.status}, last of {trial.worker}{dead}"
