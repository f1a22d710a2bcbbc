"""What must hold for the documents of one experiment, and what to do where it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from orion_like.errors import OrionLikeError
from orion_like.space import build_space
from orion_like.storage.adoption import is_adopted
from orion_like.storage.worker_id import is_certainly_dead
from orion_like.trial import ALLOWED_STATUSES, Trial

if TYPE_CHECKING:
    from orion_like.storage.storage import Storage

Document = Mapping[str, Any]
Repair = Callable[["Storage"], Any]

_EXPERIMENTS, _TRIALS = "experiments", "trials"
_TIMES: Final = ("submit_time", "start_time", "end_time", "heartbeat")
_NAMED: Final = 3  # trials that a finding names
BY_HAND: Final = "restore it from a backup, or delete it ('orion-like db rm NAME --id ID')"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Parameters
    ----------
    severity
        ``wrong``; or ``note`` for what comes right by itself.
    place
        Where: the file, an index, or an experiment.
    problem
        What is wrong.
    remedy
        What to do about it.
    repair
        What `repair` does about it; None if that takes a person.
    """

    severity: Literal["wrong", "note"]
    place: str
    problem: str
    remedy: str
    repair: Repair | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Rule:
    """What no trial may be like.

    Parameters
    ----------
    what
        Describes those that are, after "2 trials".
    broken
        Tells of a document whether it is.
    remedy
        What to do.
    changes
        What a repair sets in them.
    """

    what: str
    broken: Callable[[Document], bool]
    remedy: str
    changes: Mapping[str, Any] | None = None


def _has_no_objective(trial: Document) -> bool:
    if trial.get("status") != "completed":
        return False
    values = [
        result.get("value")
        for result in trial.get("results") or ()
        if isinstance(result, Mapping) and result.get("type") == "objective"
    ]
    return not values or any(type(value) not in (int, float) for value in values)


def _has_another_id(trial: Document) -> bool:
    try:
        known = Trial.from_document(trial)
        return trial.get("id") not in (known.id, known.legacy_id)
    except Exception:  # what is no document of a trial may raise anything
        return True


def _has_a_wrong_time(trial: Document) -> bool:
    return any(not isinstance(trial.get(name), (datetime, type(None))) for name in _TIMES)


def _has_no_owner(trial: Document) -> bool:
    return trial.get("status") == "reserved" and not trial.get("worker")


TRIAL_RULES: Final = (
    Rule(
        f"whose status is none of {', '.join(ALLOWED_STATUSES)}",
        lambda trial: trial.get("status") not in ALLOWED_STATUSES,
        "let it be run again: --repair makes it interrupted",
        {"status": "interrupted", "reason": "had an unknown status"},
    ),
    Rule(
        "completed without an objective",
        _has_no_objective,
        "--repair makes it broken; 'orion-like db set NAME id=ID status=new' runs it again then",
        {"status": "broken", "reason": "was completed without an objective"},
    ),
    Rule("whose id does not belong to its parameters", _has_another_id, BY_HAND),
    Rule(
        "with a time that is none",
        _has_a_wrong_time,
        "if Oríon wrote it, 'orion-like db upgrade' corrects it; else " + BY_HAND,
    ),
    Rule(
        "reserved by nobody",
        _has_no_owner,
        "--repair releases it; so do the next worker, after a time, and 'orion-like db release'",
        {"status": "interrupted", "reason": "was reserved by nobody"},
    ),
)


def title_of(experiment: Document) -> str:
    """Return ``name-vN``."""
    return f"{experiment.get('name')}-v{experiment.get('version', 1)}"


def check_experiment(
    experiment: Document,
    trials: Sequence[Document],
    known: Mapping[Any, Any],
    lost: Collection[Any],
) -> Iterator[Finding]:
    """Find what is wrong with an experiment and its trials.

    Parameters
    ----------
    experiment
        Its document.
    trials
        The documents of its trials.
    known
        The ``_id`` of all experiments, with those of their parents.
    lost
        The ``_id`` of the reserved trials whose worker gave no sign of life for too long.
    """
    if not is_adopted(experiment):
        yield Finding(
            "note",
            title_of(experiment),
            "it was made by Oríon and not taken over yet",
            "the next hunt does that, and so does 'orion-like db upgrade'",
        )
        return
    yield from _settings(experiment, known)
    yield from _counters(experiment, trials)
    yield from _unique(experiment, trials)
    for rule in TRIAL_RULES:
        yield from _apply(rule, experiment, trials)
    yield from _strangers(experiment, trials)
    yield from _leases(experiment, trials, lost)


# --- the experiment -----------------------------------------------------------------------------


def _settings(experiment: Document, known: Mapping[Any, Any]) -> Iterator[Finding]:
    place = title_of(experiment)
    name, version = experiment.get("name"), experiment.get("version", 1)
    if not isinstance(name, str) or not name or type(version) is not int or version < 1:
        problem = f"its name {name!r} or its version {version!r} is not valid"
        yield Finding("wrong", place, problem, BY_HAND)
    for limit in ("max_trials", "max_broken"):
        value = experiment.get(limit)
        if value is not None and (type(value) not in (int, float) or not value >= 0):
            yield Finding(
                "wrong",
                place,
                f"its {limit} is {value!r}",
                f"set it: 'orion-like db set {name} {limit}=N'",
            )
    refers = experiment.get("refers") or {}
    for link in ("parent_id", "root_id"):
        if refers.get(link) is not None and refers[link] not in known:
            yield Finding(
                "wrong",
                place,
                f"its {link.removesuffix('_id')} ({refers[link]}) is gone",
                "--repair makes it stand by itself",
                _cut_links(experiment),
            )
    circle = _circle(experiment["_id"], known)
    if circle and experiment["_id"] == min(circle, key=lambda uid: (len(str(uid)), str(uid))):
        yield Finding(
            "wrong",
            place,
            f"its parents lead back to it, past {len(circle) - 1} others",
            "--repair makes it stand by itself, as the root of the others",
            _cut_links(experiment),
        )
    problem = _space_error(experiment)
    if problem:
        yield Finding("wrong", place, f"its search space cannot be read: {problem}", BY_HAND)


def _circle(uid: Any, parents: Mapping[Any, Any]) -> list[Any]:
    """Return the experiments on the way from one to itself, by their parents; none if none."""
    line = [uid]
    while (parent := parents.get(line[-1])) is not None and parent not in line:
        line.append(parent)
    return line if parent == uid else []


def _cut_links(experiment: Document) -> Repair:
    refers = {"root_id": experiment["_id"], "parent_id": None, "adapter": []}
    return lambda storage: storage.update_experiment(experiment["_id"], refers=refers)


def _space_error(experiment: Document) -> str:
    texts = [text for text in experiment.get("constraints") or () if isinstance(text, str)]
    try:
        build_space(experiment.get("space") or {}, constraints=texts)
    except OrionLikeError as error:
        return str(error)
    return ""


def _counters(experiment: Document, trials: Sequence[Document]) -> Iterator[Finding]:
    place, counter = title_of(experiment), experiment.get("next_number")
    stored = experiment.get("free_numbers")
    free: list[Any] = stored if isinstance(stored, list) else []
    used = {trial["number"] for trial in trials if type(trial.get("number")) is int}
    beyond = max(used, default=-1) + 1
    if type(counter) is not int or counter < beyond:
        yield Finding(
            "wrong",
            place,
            f"its next number is {counter!r}, but its trials have numbers up to {beyond - 1}",
            "--repair corrects it",
            lambda storage: storage.update_experiment(experiment["_id"], next_number=beyond),
        )
        counter = beyond
    proper = [number for number in free if type(number) is int and 0 <= number < counter]
    unused = sorted(set(proper) - used)
    if stored is not free or len(unused) < len(free):
        yield Finding(
            "wrong",
            place,
            "its numbers to be used again are in use, doubled or impossible",
            "--repair corrects them",
            lambda storage: storage.update_experiment(experiment["_id"], free_numbers=unused),
        )
    gaps = counter - len(used | set(unused))
    if gaps > 0:
        yield Finding(
            "note",
            place,
            f"{gaps} of its numbers were taken and have no trial",
            "workers are thinking, or died doing so; whoever hunts next uses the numbers again",
        )


# --- its trials ---------------------------------------------------------------------------------


def _unique(experiment: Document, trials: Sequence[Document]) -> Iterator[Finding]:
    for name in ("id", "number"):
        counts = Counter(str(t[name]) for t in trials if t.get(name) is not None)
        doubled = [value for value, count in counts.items() if count > 1]
        if doubled:
            yield Finding(
                "wrong",
                title_of(experiment),
                f"more than one trial has the {name} {_some(doubled)}",
                "look at them in the database and delete all but one of each",
            )


def _apply(rule: Rule, experiment: Document, trials: Iterable[Document]) -> Iterator[Finding]:
    broken = [trial for trial in trials if rule.broken(trial)]
    if broken:
        repair = None if rule.changes is None else _change(broken, rule.changes)
        yield Finding("wrong", title_of(experiment), _these(broken, rule.what), rule.remedy, repair)


def _change(trials: Sequence[Document], changes: Mapping[str, Any]) -> Repair:
    identities = [trial["_id"] for trial in trials]
    statuses = list({trial.get("status") for trial in trials})
    query = {"_id": {"$in": identities}, "status": {"$in": statuses}}
    return lambda storage: storage.database.update(_TRIALS, query, {"$set": changes})


def _strangers(experiment: Document, trials: Iterable[Document]) -> Iterator[Finding]:
    """Find trials with parameters that the space does not have."""
    names = set(experiment.get("space") or {})
    strangers = [
        trial
        for trial in trials
        if not {
            str(param.get("name", "")).lstrip("/")
            for param in trial.get("params") or ()
            if isinstance(param, Mapping)
        }
        <= {name.lstrip("/") for name in names}
    ]
    if strangers:
        what = "with parameters that are not in its search space"
        yield Finding("wrong", title_of(experiment), _these(strangers, what), BY_HAND)


def _leases(
    experiment: Document, trials: Iterable[Document], lost: Collection[Any]
) -> Iterator[Finding]:
    gone = [
        trial
        for trial in trials
        if trial.get("status") == "reserved"
        and trial.get("worker")
        and (trial["_id"] in lost or is_certainly_dead(trial["worker"]))
    ]
    if gone:
        yield Finding(
            "wrong",
            title_of(experiment),
            _these(gone, "reserved by workers that are gone"),
            f"'orion-like db release {experiment.get('name')}' releases them; a hunt takes them"
            " over by itself",
            _release(gone),
        )


def _release(trials: Sequence[Document]) -> Repair:
    def release(storage: Storage) -> None:
        for trial in trials:
            query = {name: trial.get(name) for name in ("_id", "status", "worker", "attempt")}
            changes = {"status": "interrupted", "reason": "its worker was gone"}
            storage.database.update(_TRIALS, query, {"$set": changes})

    return release


def _these(trials: Sequence[Document], what: str) -> str:
    noun = "1 trial" if len(trials) == 1 else f"{len(trials)} trials"
    return f"{noun} {what}: {_some([str(trial.get('id')) for trial in trials])}"


def _some(words: Sequence[str]) -> str:
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {more} more" if more > 0 else "")
