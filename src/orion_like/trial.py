"""The trial document: one point of a search space, its state and its results.

A :class:`Trial` is a view on a document of the ``trials`` collection. Its identity
is the md5 of its parameters (:attr:`Trial.id`), with the recipe of Oríon, so that
the ids of both frameworks are equal.
"""

from __future__ import annotations

import builtins
import hashlib
import math
import numbers
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias, TypeVar

from orion_like.errors import InvalidResult, NonFiniteResult

ALLOWED_STATUSES = ("new", "reserved", "suspended", "completed", "interrupted", "broken")

WORKER, OWNER, USER = "worker", "owner", "user"

TRANSITIONS: Mapping[tuple[str | None, str | None], tuple[str, ...]] = {
    # (from, to): who may do it. None is "not in the database".
    (None, "new"): (WORKER, USER),
    (None, "reserved"): (WORKER, USER),
    (None, "completed"): (USER,),  # a point inserted together with its results
    ("new", "reserved"): (WORKER,),
    ("suspended", "reserved"): (WORKER,),
    ("interrupted", "reserved"): (WORKER,),
    ("reserved", "reserved"): (WORKER,),  # only when the heartbeat is older than the lost threshold
    ("reserved", "completed"): (OWNER,),
    ("reserved", "broken"): (OWNER,),
    ("reserved", "interrupted"): (OWNER, USER),  # users release the trials of dead workers
    ("reserved", "suspended"): (OWNER,),
    ("new", "suspended"): (USER,),
    ("suspended", "new"): (USER,),
    ("suspended", "interrupted"): (USER,),
    ("interrupted", "new"): (USER,),
    ("interrupted", "suspended"): (USER,),
    ("broken", "new"): (USER,),
    ("broken", "interrupted"): (USER,),
    ("new", None): (USER,),
    ("suspended", None): (USER,),
    ("completed", None): (USER,),
    ("interrupted", None): (USER,),
    ("broken", None): (USER,),
}
"""Every change of status that there is, and who may make it."""


def sources_of(target: str | None, *actors: str) -> tuple[str, ...]:
    """Statuses from which one of `actors` may bring a stored trial to `target`.

    Examples
    --------
    >>> sources_of("completed", OWNER)
    ('reserved',)
    >>> sources_of("new", USER)
    ('suspended', 'interrupted', 'broken')
    """
    return tuple(
        str(source)
        for (source, to), allowed in TRANSITIONS.items()
        if to == target and source not in (None, to) and not set(actors).isdisjoint(allowed)
    )


WAITING_STATUSES = sources_of("reserved", WORKER)
"""Statuses of the trials that any worker may reserve."""


def is_stopped(document: Mapping[str, Any]) -> bool:
    """Whether a stored trial was given up early for good.

    It is suspended like one that waits to be gone on with, but no worker takes it up again:
    it counts as done, with the results that it had come to.
    """
    return document["status"] == "suspended" and bool(document.get("stopped"))


def validate_status(status: str | None) -> None:
    """Raise ValueError when `status` is not one that a trial can have.

    Examples
    --------
    >>> validate_status("completed")
    >>> validate_status("complete")
    Traceback (most recent call last):
    ...
    ValueError: trial status 'complete' is unknown; it must be one of new, reserved, suspended, \
completed, interrupted, broken
    """
    if status is not None and status not in ALLOWED_STATUSES:
        raise ValueError(
            f"trial status {status!r} is unknown; it must be one of {', '.join(ALLOWED_STATUSES)}"
        )


def plain_value(value: Any) -> Any:
    """Return `value` with every numpy array and scalar in it as plain Python objects."""
    if value is None or type(value) in (int, float, str, bool):
        return value
    if hasattr(value, "tolist"):
        return plain_value(value.tolist())
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    return value


ValueT = TypeVar("ValueT", bound="Value")


class Value:
    """A named and typed value.

    Parameters
    ----------
    name
        Name of the parameter or result.
    type
        One of :attr:`allowed_types`.
    value
        The value; numpy arrays and scalars become plain Python objects.

    Raises
    ------
    ValueError
        If `type` is not allowed.
    """

    __slots__ = ("_type", "name", "value")
    allowed_types: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str | None = None, type: str | None = None, value: Any = None) -> None:
        self.name = name
        self.type = type
        self.value = plain_value(value)

    @property
    def type(self) -> str | None:
        """Kind of the value, one of :attr:`allowed_types`."""
        return self._type

    @type.setter
    def type(self, type_: str | None) -> None:
        if type_ is not None and type_ not in self.allowed_types:
            raise ValueError(
                f"{type(self).__name__.lower()} {self.name!r} has the unknown type {type_!r}; "
                f"it must be one of {', '.join(self.allowed_types)}"
            )
        self._type = type_

    @classmethod
    def from_document(cls: builtins.type[ValueT], document: Mapping[str, Any]) -> ValueT:
        """Return the value that a stored sub-document describes, without checking it."""
        new = cls.__new__(cls)
        new.name = document.get("name")
        new._type = document.get("type")
        new.value = document.get("value")
        return new

    def to_dict(self) -> dict[str, Any]:
        """Return ``{name, type, value}`` as stored in the database."""
        return {"name": self.name, "type": self._type, "value": self.value}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value):
            return NotImplemented
        return (self.name, self._type, self.value) == (other.name, other._type, other.value)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self.name!r}, type={self._type!r}, value={self.value!r})"
        )

    def __str__(self) -> str:
        return f"{self.name}:{self.value}"


class Param(Value):
    """Value of one dimension of the search space."""

    __slots__ = ()
    allowed_types = ("integer", "real", "categorical", "fidelity")


class Result(Value):
    """Something that the evaluation of a trial gave; ``lie`` lives in memory only."""

    __slots__ = ()
    allowed_types = ("objective", "constraint", "gradient", "statistic", "lie")


def is_number(value: Any) -> bool:
    """Whether `value` is a real number (booleans are not)."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _check_finite(result: Value) -> None:
    if not is_number(result.value):
        raise InvalidResult(
            f"{result.type} {result.name!r} must be a number, "
            f"not {type(result.value).__name__} {result.value!r}"
        )
    result.value = _storable_number(result.value)
    if not math.isfinite(result.value):
        raise NonFiniteResult(
            f"{result.type} {result.name!r} is {result.value}; a finite number is needed "
            "(report a bad trial with a large value, or let it fail)"
        )


def _storable_number(value: Any) -> int | float:
    """Return a number as databases keep it: a float unless it is an integer of 64 bits."""
    if isinstance(value, int) and value.bit_length() < 64:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _check_gradient(result: Value) -> None:
    if not isinstance(result.value, (list, tuple, Mapping)) or not _is_made_of_numbers(
        result.value
    ):
        raise InvalidResult(
            f"gradient {result.name!r} must be a dict {{dimension: partial derivative}} or a list "
            "of numbers, in which None is what is not known and lists are those of array "
            f"dimensions, not {result.value!r}"
        )


def _is_made_of_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple, Mapping)):
        parts = value.values() if isinstance(value, Mapping) else value
        return all(map(_is_made_of_numbers, parts))
    return value is None or is_number(value)


def validate_results(results: Sequence[Value]) -> None:
    """Check results that are about to be stored.

    Raises
    ------
    InvalidResult
        If there is no objective, or an objective or constraint is not a finite number,
        or a gradient is not made of numbers.
    """
    if not any(result.type == "objective" for result in results):
        raise InvalidResult(
            "results hold no objective; at least one {'name': …, 'type': 'objective', "
            f"'value': number}} is needed, got {[result.to_dict() for result in results]}"
        )
    for result in results:
        if result.type in ("objective", "constraint"):
            _check_finite(result)
        elif result.type == "gradient":
            _check_gradient(result)


def to_results(results: Any, name: str = "objective") -> list[Result]:
    """Return checked results from what a function returned or a user observed.

    Parameters
    ----------
    results
        A number (the objective), or a list of ``{"name", "type", "value"}``.
    name
        Name of the objective when `results` is a number. Default ``'objective'``.

    Raises
    ------
    InvalidResult
        If `results` is something else, or has no valid objective.

    Examples
    --------
    >>> to_results(0.5)
    [Result(name='objective', type='objective', value=0.5)]
    """
    results = plain_value(results)
    if is_number(results):
        results = [{"name": name, "type": "objective", "value": results}]
    if isinstance(results, (dict, str)) or not isinstance(results, Sequence):
        raise InvalidResult(
            f"results must be a number or a list of {{'name', 'type', 'value'}}, not {results!r}"
        )
    checked = [_to_result(item) for item in results]
    validate_results(checked)
    return checked


def _to_result(item: Any) -> Result:
    if isinstance(item, Result):
        return item
    if not isinstance(item, Mapping):
        raise InvalidResult(f"a result must be {{'name', 'type', 'value'}}, not {item!r}")
    try:
        return Result(**item)
    except (TypeError, ValueError) as error:
        raise InvalidResult(f"a result must be {{'name', 'type', 'value'}}: {error}") from None


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict nested at the dots of the keys of `flat`.

    Examples
    --------
    >>> nest({"lr": 0.1, "model.depth": 3})
    {'lr': 0.1, 'model': {'depth': 3}}
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, leaf = name.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return nested


_FIELDS: Mapping[str, Any] = {
    "_id": None,
    "experiment": None,
    "number": None,
    "status": "new",
    "worker": None,
    "attempt": 0,
    "change": None,
    "exp_working_dir": None,
    "submit_time": None,
    "start_time": None,
    "end_time": None,
    "heartbeat": None,
    "parent": None,
    "reason": None,
}


# Inside the class the plain names are attributes, which annotations cannot use.
_Value: TypeAlias = Value
_Param: TypeAlias = Param
_Result: TypeAlias = Result


class Trial:
    """One point of the search space, with its state and its results.

    Parameters
    ----------
    params, results
        Lists of ``{"name", "type", "value"}``.
    status
        One of new, reserved, suspended, completed, interrupted, broken. Default ``'new'``.
    **fields
        Any other field of the trial document. ``id`` is derived and ignored.

    Raises
    ------
    AttributeError
        If a field is unknown.
    ValueError
        If the status or the type of a value is unknown.
    InvalidResult
        If there are results, but no valid objective among them.

    Examples
    --------
    >>> trial = Trial(params=[{"name": "x", "type": "real", "value": 0.5}])
    >>> trial.params, trial.status
    ({'x': 0.5}, 'new')
    >>> trial.id
    'c65b5c97ac43c001e2fb658a0ead5aff'
    """

    __slots__ = (
        "_id",
        "_params",
        "_results",
        "_status",
        "attempt",
        "attrs",
        "change",
        "end_time",
        "exp_working_dir",
        "experiment",
        "experiment_uuid",
        "heartbeat",
        "in_population",
        "late_results",
        "number",
        "parent",
        "reason",
        "start_time",
        "stopped",
        "submit_time",
        "worker",
    )

    Value = Value
    Param = Param
    Result = Result
    allowed_stati = ALLOWED_STATUSES
    validate_status = staticmethod(validate_status)

    _id: Any
    _params: list[_Param]
    _results: list[_Result]
    _status: str
    experiment: Any
    number: int | None
    worker: str | None
    attempt: int
    change: Any
    exp_working_dir: str | None
    submit_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    heartbeat: datetime | None
    parent: str | None
    reason: str | None
    attrs: dict[str, Any]
    in_population: bool
    late_results: list[Any]
    stopped: bool
    experiment_uuid: str | None  # of the experiment's document, for who got the trial from it

    def __init__(
        self,
        *,
        params: Iterable[Mapping[str, Any] | _Param] = (),
        results: Iterable[Mapping[str, Any] | _Result] = (),
        **fields: Any,
    ) -> None:
        for derived in ("id", "id_override", "parents"):
            fields.pop(derived, None)
        status = fields.pop("status", "new")
        for name, default in _FIELDS.items():
            if name != "status":
                setattr(self, name, fields.pop(name, default))
        self.attrs = dict(fields.pop("attrs", None) or {})
        self.late_results = list(fields.pop("late_results", None) or [])
        self.stopped = bool(fields.pop("stopped", False))
        self.in_population = bool(fields.pop("in_population", False))
        self.experiment_uuid = fields.pop("experiment_uuid", None)
        if fields:
            raise AttributeError(f"a trial has no field {', '.join(map(repr, sorted(fields)))}")
        validate_status(status)
        self._status = status
        self._params = [p if isinstance(p, Param) else Param(**p) for p in params]
        self._results = [r if isinstance(r, Result) else Result(**r) for r in results]
        if any(result.type != "lie" for result in self._results):  # lies alone are no outcome
            validate_results(self._results)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Trial:
        """Return the trial that a stored document describes, without checking it again."""
        trial = cls.__new__(cls)
        get = document.get
        trial._id = get("_id")
        trial.experiment = get("experiment")
        trial.number = get("number")
        trial._status = get("status", "new")
        trial.worker = get("worker")
        trial.attempt = get("attempt") or 0
        trial.change = get("change")
        trial.exp_working_dir = get("exp_working_dir")
        trial.submit_time = get("submit_time")
        trial.start_time = get("start_time")
        trial.end_time = get("end_time")
        trial.heartbeat = get("heartbeat")
        trial.parent = get("parent")
        trial.reason = get("reason")
        trial.attrs = dict(get("attrs") or {})
        trial.late_results = list(get("late_results") or ())
        trial.stopped = bool(get("stopped"))
        trial.in_population = bool(get("in_population"))
        trial.experiment_uuid = None
        trial._params = [Param.from_document(item) for item in get("params") or ()]
        trial._results = [Result.from_document(item) for item in get("results") or ()]
        return trial

    @classmethod
    def build(cls, trial_entries: Iterable[Mapping[str, Any]] | None) -> list[Trial]:
        """Return the trials that stored documents describe."""
        return [cls.from_document(entry) for entry in trial_entries or ()]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of the trial, as stored in the database."""
        document = {name: getattr(self, name) for name in _FIELDS if name != "status"}
        document["id"] = self.id
        document["status"] = self._status
        document["params"] = [param.to_dict() for param in self._params]
        document["results"] = [r.to_dict() for r in self._results if r.type != "lie"]
        document["attrs"] = self.attrs
        if self.late_results:
            document["late_results"] = self.late_results
        if self.stopped:
            document["stopped"] = True
        if self.in_population:
            document["in_population"] = True
        return document

    def branch(self, status: str = "new", params: Mapping[str, Any] | None = None) -> Trial:
        """Return a child: a copy with other values for `params`, whose parent is this trial.

        Raises
        ------
        ValueError
            If `params` names a parameter that the trial does not have.
        """
        changes = dict(params or {})
        new_params = [
            Param(param.name, param.type, changes.pop(str(param.name), param.value))
            for param in self._params
        ]
        if changes:
            known = ", ".join(str(param.name) for param in self._params)
            raise ValueError(f"trial {self.id} has no parameter {sorted(changes)}; it has {known}")
        return Trial(
            experiment=self.experiment,
            exp_working_dir=self.exp_working_dir,
            experiment_uuid=self.experiment_uuid,
            status=status,
            params=new_params,
            parent=self.id,
            in_population=self.in_population,
        )

    @property
    def params(self) -> dict[str, Any]:
        """Values of the active dimensions, nested at the dots of their names."""
        return nest(self.flat_params)

    @property
    def flat_params(self) -> dict[str, Any]:
        """Values of the active dimensions by their full names."""
        return {str(param.name): param.value for param in self._params}

    @property
    def results(self) -> list[_Result]:
        """Everything that the evaluation gave.

        Setting it raises InvalidResult when there is no valid objective.
        """
        return self._results

    @results.setter
    def results(self, results: Iterable[_Result]) -> None:
        results = list(results)
        validate_results(results)
        self._results = results

    @property
    def status(self) -> str:
        """State of the trial."""
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        validate_status(status)
        self._status = status

    @property
    def is_stopped(self) -> bool:
        """Whether the trial was given up early for good; its results are those until then."""
        return is_stopped({"status": self._status, "stopped": self.stopped})

    def _first_result(self, type_: str) -> _Result | None:
        return next((result for result in self._results if result.type == type_), None)

    @property
    def objective(self) -> _Result | None:
        """First objective, or None."""
        return self._first_result("objective")

    @property
    def objectives(self) -> list[_Result]:
        """All objectives."""
        return [result for result in self._results if result.type == "objective"]

    @property
    def lie(self) -> _Result | None:
        """Assumed objective of a trial that is not finished, or None."""
        return self._first_result("lie")

    @property
    def gradient(self) -> _Result | None:
        """First gradient, or None."""
        return self._first_result("gradient")

    @property
    def gradients(self) -> list[_Result]:
        """All gradients."""
        return [result for result in self._results if result.type == "gradient"]

    @property
    def constraints(self) -> list[_Result]:
        """All constraints."""
        return [result for result in self._results if result.type == "constraint"]

    @property
    def statistics(self) -> list[_Result]:
        """All statistics."""
        return [result for result in self._results if result.type == "statistic"]

    @property
    def id(self) -> str:
        """Identity of the trial: md5 of its parameters, lie and parent."""
        return self.compute_trial_hash(self)

    @property
    def hash_name(self) -> str:
        """The same as :attr:`id`."""
        return self.id

    @property
    def hash_params(self) -> str:
        """Md5 of the parameters without the fidelity: the same along a lineage."""
        return self.compute_trial_hash(
            self, ignore_fidelity=True, ignore_experiment=True, ignore_lie=True, ignore_parent=True
        )

    @property
    def lineage(self) -> str:
        """What all trials have in common that go on from each other's checkpoints."""
        return self.id if self.in_population else self.hash_params

    @property
    def legacy_id(self) -> str:
        """Identity with the id of the experiment in it, as before Oríon 0.2.5."""
        return self.compute_trial_hash(self, ignore_experiment=False)

    @property
    def full_name(self) -> str:
        """Readable name for files: parameters joined by ``-``, slashes as dots."""
        return self.format_values(self._params, sep="-").replace("/", ".")

    @property
    def working_dir(self) -> str:
        """Directory of the trial below that of its experiment."""
        return self.get_working_dir()

    @property
    def checkpoint_dir(self) -> str:
        """Directory for checkpoints, the same for all trials that differ in the fidelity alone.

        It is that of one experiment: another one in the same working directory has others. That
        of a trial in a population is in its own working directory, which starts as a copy of its
        parent's: children of one trial go different ways. Reading it raises RuntimeError if the
        experiment has no working directory, or if the trial was not got from it.
        """
        if self.experiment_uuid is None:
            raise RuntimeError(
                f"trial {self.id} has no directory for checkpoints, because `experiment_uuid` is "
                "not set; get the trial from its experiment"
            )
        working_dir = self.get_working_dir()
        if self.in_population:
            return os.path.join(working_dir, "checkpoints", self.experiment_uuid)
        top = os.path.dirname(working_dir)
        return os.path.join(top, "checkpoints", self.experiment_uuid, self.hash_params)

    def get_working_dir(
        self,
        ignore_fidelity: bool = False,
        ignore_experiment: bool | None = None,
        ignore_lie: bool = False,
        ignore_parent: bool = False,
    ) -> str:
        """Return the working directory that a hash with these parts left out names.

        Raises
        ------
        RuntimeError
            If the experiment has no working directory.
        """
        if not self.exp_working_dir:
            raise RuntimeError(
                f"trial {self.id} has no working directory, because `exp_working_dir` is not set"
            )
        name = self.compute_trial_hash(
            self, ignore_fidelity, ignore_experiment, ignore_lie, ignore_parent
        )
        return os.path.join(self.exp_working_dir, name)

    @property
    def execution_interval(self) -> tuple[datetime, datetime] | None:
        """Start and end of the evaluation; the last heartbeat stands for an end to come."""
        end = self.end_time or self.heartbeat
        if self.start_time is None or end is None:
            return None
        return self.start_time, end

    @property
    def duration(self) -> timedelta:
        """Length of :attr:`execution_interval`, zero when there is none."""
        interval = self.execution_interval
        return interval[1] - interval[0] if interval else timedelta()

    def params_repr(self, sep: str = ",", ignore_fidelity: bool = False) -> str:
        """Return ``name:value`` of every parameter, joined by `sep`."""
        return self.format_params(self._params, sep=sep, ignore_fidelity=ignore_fidelity)

    @staticmethod
    def format_values(values: Iterable[_Value], sep: str = ",") -> str:
        """Return ``name:value`` of every value, joined by `sep`."""
        return sep.join(f"{value.name}:{value.value}" for value in values)

    @staticmethod
    def format_params(
        params: Iterable[_Param], sep: str = ",", ignore_fidelity: bool = False
    ) -> str:
        """Return ``name:value`` of every parameter, joined by `sep`.

        Parameters
        ----------
        params
            The parameters.
        sep
            What stands between them. Default ``','``.
        ignore_fidelity
            Whether to leave the fidelity out. Default False.
        """
        return Trial.format_values(
            (p for p in params if not (ignore_fidelity and p.type == "fidelity")), sep=sep
        )

    @staticmethod
    def compute_trial_hash(
        trial: Trial,
        ignore_fidelity: bool = False,
        ignore_experiment: bool | None = None,
        ignore_lie: bool = False,
        ignore_parent: bool = False,
    ) -> str:
        """Return the md5 of the parts of a trial that are not left out.

        Parameters
        ----------
        trial
            The trial.
        ignore_fidelity, ignore_lie, ignore_parent
            Whether to leave out these parts. Default False.
        ignore_experiment
            False takes the id of the experiment in; it is left out by default.

        Raises
        ------
        ValueError
            If the trial has neither parameters nor an experiment.
        """
        if not trial._params and trial.experiment is None:
            raise ValueError("a trial without parameters and experiment has no identity")
        text = Trial.format_params(trial._params, ignore_fidelity=ignore_fidelity)
        if ignore_experiment is False:
            text += str(trial.experiment)
        if not ignore_lie and trial.lie is not None:
            text += Trial.format_values([trial.lie])
        if not ignore_parent and trial.parent is not None:
            text += str(trial.parent)
        return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trial):
            return NotImplemented
        return self.id == other.id

    def __hash__(self) -> int:
        return int(self.id, 16) & 0x7FFF_FFFF_FFFF_FFFF

    def __str__(self) -> str:
        return (
            f"Trial(experiment={self.experiment!r}, status={self._status!r}, "
            f"params={self.params_repr()})"
        )

    __repr__ = __str__
