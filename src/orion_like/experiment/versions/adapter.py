"""Adapters: what a trial of one version of an experiment is in the next one, and back.

A list of adapters stands in ``refers.adapter`` of a child and leads from its parent to it. The
documents are those of Oríon, so that trees of versions in its databases open. An adapter looks at
the parameters alone; it changes them, leaves them, or says with None that the trial has no
counterpart on the other side.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from orion_like.errors import CorruptedDatabaseError
from orion_like.space.dimension import Dimension
from orion_like.space.prior import parse_prior
from orion_like.spelling import did_you_mean
from orion_like.trial import Param, Trial

Params: TypeAlias = Mapping[str, Param]
"""Parameters of a trial by the names of their dimensions."""

CHANGE_TYPES = ("noeffect", "unsure", "break")
"""What a change does to results: nothing; perhaps nothing, so that old trials are only looked at
from the new version; or so much that trials of the two do not compare."""


class Adapter(ABC):
    """One change between a version and its child."""

    of_type: ClassVar[str]
    """Name in documents."""

    @abstractmethod
    def forward(self, params: Params) -> Params | None:
        """Return parameters of the parent as the child has them, None if it cannot."""

    @abstractmethod
    def backward(self, params: Params) -> Params | None:
        """Return parameters of the child as the parent has them, None if it cannot."""

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Return what the document holds besides ``of_type``."""

    def to_document(self) -> dict[str, Any]:
        """Return the adapter as stored."""
        return {"of_type": self.of_type, **self.fields()}


@dataclass(frozen=True)
class DimensionAddition(Adapter):
    """The child has one dimension more; trials of the parent have its default value there.

    Parameters
    ----------
    param
        The dimension, with its default value; a value of None means that there is none, and that
        no trial has a counterpart.
    """

    param: Param
    of_type: ClassVar[str] = "dimensionaddition"

    def forward(self, params: Params) -> Params | None:
        """Add the default value."""
        return _with_default(params, self.param)

    def backward(self, params: Params) -> Params | None:
        """Take the dimension away from trials that have its default value."""
        return _without_default(params, self.param)

    def fields(self) -> dict[str, Any]:
        """Return the dimension and its default value."""
        return {"param": self.param.to_dict()}


@dataclass(frozen=True)
class DimensionDeletion(Adapter):
    """The child lacks a dimension; it stands still at its default value there.

    Parameters
    ----------
    param
        See `DimensionAddition`.
    """

    param: Param
    of_type: ClassVar[str] = "dimensiondeletion"

    def forward(self, params: Params) -> Params | None:
        """Take the dimension away from trials that have its default value."""
        return _without_default(params, self.param)

    def backward(self, params: Params) -> Params | None:
        """Add the default value."""
        return _with_default(params, self.param)

    def fields(self) -> dict[str, Any]:
        """Return the dimension and its default value."""
        return {"param": self.param.to_dict()}


@dataclass(frozen=True)
class DimensionPriorChange(Adapter):
    """A dimension has another prior; trials are kept whose value both allow.

    Parameters
    ----------
    name
        Name of the dimension.
    old_prior, new_prior
        Its priors in the parent and in the child.
    """

    name: str
    old_prior: str
    new_prior: str
    of_type: ClassVar[str] = "dimensionpriorchange"

    def forward(self, params: Params) -> Params | None:
        """Keep a value that the new prior allows."""
        return _within(params, self._new)

    def backward(self, params: Params) -> Params | None:
        """Keep a value that the old prior allows."""
        return _within(params, self._old)

    def fields(self) -> dict[str, Any]:
        """Return the name and both priors."""
        return {"name": self.name, "old_prior": self.old_prior, "new_prior": self.new_prior}

    @cached_property
    def _old(self) -> Dimension:
        return parse_prior(self.old_prior, self.name)

    @cached_property
    def _new(self) -> Dimension:
        return parse_prior(self.new_prior, self.name)


@dataclass(frozen=True)
class DimensionRenaming(Adapter):
    """A dimension has another name.

    Parameters
    ----------
    old_name, new_name
        Its names in the parent and in the child.
    """

    old_name: str
    new_name: str
    of_type: ClassVar[str] = "dimensionrenaming"

    def forward(self, params: Params) -> Params | None:
        """Give the new name."""
        return _renamed(params, self.old_name, self.new_name)

    def backward(self, params: Params) -> Params | None:
        """Give the old name."""
        return _renamed(params, self.new_name, self.old_name)

    def fields(self) -> dict[str, Any]:
        """Return both names."""
        return {"old_name": self.old_name, "new_name": self.new_name}


class _Indifferent(Adapter):
    """A change that trials do not depend on."""

    def forward(self, params: Params) -> Params | None:
        """Return the parameters as they are."""
        return params

    def backward(self, params: Params) -> Params | None:
        """Return the parameters as they are."""
        return params

    def fields(self) -> dict[str, Any]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class AlgorithmChange(_Indifferent):
    """Another algorithm, or one with other parameters, chooses the trials."""

    of_type: ClassVar[str] = "algorithmchange"


@dataclass(frozen=True)
class PackageVersionChange(_Indifferent):
    """Another version of this package, or Oríon before it, runs the trials."""

    of_type: ClassVar[str] = "orionversionchange"


@dataclass(frozen=True)
class _Rated(Adapter):
    """A change of what is run, with what the user says that it does to results.

    Parameters
    ----------
    change_type
        One of `CHANGE_TYPES`. Default ``'break'``.
    """

    change_type: str = "break"

    def __post_init__(self) -> None:
        if self.change_type not in CHANGE_TYPES:
            raise CorruptedDatabaseError(
                f"the change_type of an adapter is {self.change_type!r}; it must be one of "
                f"{', '.join(CHANGE_TYPES)}"
            )

    def forward(self, params: Params) -> Params | None:
        """Return the parameters as they are, unless the change breaks everything."""
        return None if self.change_type == "break" else params

    def backward(self, params: Params) -> Params | None:
        """Return the parameters as they are if the change has no effect."""
        return params if self.change_type == "noeffect" else None

    def fields(self) -> dict[str, Any]:
        """Return what the change does to results."""
        return {"change_type": self.change_type}


class CodeChange(_Rated):
    """The code of the user's script differs."""

    of_type: ClassVar[str] = "codechange"


class CommandLineChange(_Rated):
    """Arguments of the user's command differ, other than priors."""

    of_type: ClassVar[str] = "commandlinechange"


class ScriptConfigChange(_Rated):
    """The configuration file of the user's script differs, other than in priors."""

    of_type: ClassVar[str] = "scriptconfigchange"


ADAPTERS: Mapping[str, type[Adapter]] = {
    adapter.of_type: adapter
    for adapter in (
        DimensionAddition,
        DimensionDeletion,
        DimensionPriorChange,
        DimensionRenaming,
        AlgorithmChange,
        CodeChange,
        CommandLineChange,
        ScriptConfigChange,
        PackageVersionChange,
    )
}
"""Every adapter that there is, by its name in documents."""


def read_adapters(documents: Any) -> list[Adapter]:
    """Return the adapters that ``refers.adapter`` of an experiment describes.

    Raises
    ------
    CorruptedDatabaseError
        If one is unknown, or lacks a field.

    Examples
    --------
    >>> read_adapters([{"of_type": "dimensionrenaming", "old_name": "x", "new_name": "y"}])
    [DimensionRenaming(old_name='x', new_name='y')]
    """
    if isinstance(documents, Mapping):
        documents = [documents]
    if documents is not None and not isinstance(documents, (list, tuple)):
        raise CorruptedDatabaseError(f"adapters are a list, not {documents!r}")
    return [_read(document) for document in documents or ()]


def _read(document: Any) -> Adapter:
    if not isinstance(document, Mapping) or not isinstance(document.get("of_type"), str):
        raise CorruptedDatabaseError(f"an adapter is {{'of_type': name, …}}, not {document!r}")
    name = document["of_type"].lower()
    if name not in ADAPTERS:
        raise CorruptedDatabaseError(
            f"there is no adapter {document['of_type']!r}{did_you_mean(name, ADAPTERS)}"
        )
    fields = {key: value for key, value in document.items() if key != "of_type"}
    try:
        if "param" in fields:
            fields["param"] = Param(**fields["param"])
        return ADAPTERS[name](**fields)
    except (TypeError, ValueError) as error:
        raise CorruptedDatabaseError(f"the adapter {document!r} is damaged: {error}") from None


def adapt_forward(trial: Trial, adapters: Sequence[Adapter]) -> Trial | None:
    """Return a trial as it is behind a row of changes, None if it has no counterpart there.

    Parameters
    ----------
    trial
        The trial; it is not changed.
    adapters
        The changes, in the order in which they were made.

    Examples
    --------
    >>> trial = Trial(params=[{"name": "x", "type": "real", "value": 0.5}])
    >>> adapt_forward(trial, [DimensionRenaming("x", "y")]).params
    {'y': 0.5}
    """
    params: Params = params_of(trial)
    for adapter in adapters:
        changed = adapter.forward(params)
        if changed is None:
            return None
        params = changed
    return with_params(trial, params)


def adapt_backward(trial: Trial, adapters: Sequence[Adapter]) -> Trial | None:
    """Return a trial as it was before a row of changes, None if it has no counterpart there.

    Parameters
    ----------
    trial, adapters
        See `adapt_forward`.
    """
    params: Params = params_of(trial)
    for adapter in reversed(adapters):
        changed = adapter.backward(params)
        if changed is None:
            return None
        params = changed
    return with_params(trial, params)


def params_of(trial: Trial) -> dict[str, Param]:
    """Return the parameters of a trial by the names of their dimensions."""
    return {str(param.name): param for param in trial._params}


def with_params(trial: Trial, params: Params) -> Trial:
    """Return a trial with other parameters, and so perhaps another id; itself if they are its own.

    Everything else stays: its experiment, number, times and results.
    """
    ordered = [params[name] for name in sorted(params)]
    if ordered == trial._params:
        return trial
    other = copy.copy(trial)
    other._params = ordered
    return other


# --- what adapters do to parameters --------------------------------------------------------------


def _with_default(params: Params, default: Param) -> Params | None:
    if default.value is None:
        return None
    return {**params, str(default.name): default}


def _without_default(params: Params, default: Param) -> Params | None:
    name = str(default.name)
    if name not in params:  # inactive, being conditional
        return params
    if default.value is None or params[name].value != default.value:
        return None
    return {other: param for other, param in params.items() if other != name}


def _within(params: Params, dimension: Dimension) -> Params | None:
    param = params.get(dimension.name)
    if param is None:
        return params
    if param.value not in dimension:
        return None
    if param.type == dimension.type:
        return params
    return {**params, dimension.name: Param(dimension.name, dimension.type, param.value)}


def _renamed(params: Params, old_name: str, new_name: str) -> Params:
    if old_name not in params:
        return params
    rest = {name: param for name, param in params.items() if name != old_name}
    old = params[old_name]
    return {**rest, new_name: Param(new_name, old.type, old.value)}
