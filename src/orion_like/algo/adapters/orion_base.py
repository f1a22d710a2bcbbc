"""A base class with the interface of Oríon's ``BaseAlgorithm``, for use without Oríon."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from copy import copy
from typing import Any, ClassVar

from orion_like.algo.adapters.orion_space import OrionSpace
from orion_like.trial import Trial

TrialId = str


class Registry(dict[TrialId, Trial]):
    """Trials by their identity without lie; copies share the trials."""

    def __deepcopy__(self, memo: object) -> Registry:
        return copy(self)


class BaseAlgorithm:
    """What a class that was written for Oríon derives from, when Oríon is not there.

    ``from orion_like.algo.adapters import BaseAlgorithm`` takes the place of
    ``from orion.algo.base import BaseAlgorithm``. Objectives are to be minimized.

    Parameters
    ----------
    space
        The space, as `requires_type`, `requires_dist` and `requires_shape` want it.
    **kwargs
        Parameters, each of which becomes an attribute and part of the configuration.
    """

    requires_type: ClassVar[str | None] = None
    requires_dist: ClassVar[str | None] = None
    requires_shape: ClassVar[str | None] = None
    deterministic: ClassVar[bool] = False

    max_trials: int | None = None

    def __init__(self, space: OrionSpace, **kwargs: Any) -> None:
        self._space = space
        self._observed: set[TrialId] = set()
        self.registry = Registry()
        if kwargs:
            self._param_names = list(kwargs)
        else:
            names = list(inspect.signature(type(self).__init__).parameters)[2:]
            self._param_names = [name for name in names if name not in ("args", "kwargs")]
        for name, value in kwargs.items():
            setattr(self, name, value)

    @property
    def space(self) -> OrionSpace:
        """What is searched."""
        return self._space

    @property
    def unwrapped(self) -> BaseAlgorithm:
        """The algorithm itself."""
        return self

    @property
    def configuration(self) -> dict[str, Any]:
        """``{class name: {parameter: value}}``."""
        parameters = {name: getattr(self, name, None) for name in self._param_names}
        return {type(self).__name__.lower(): parameters}

    # --- to be overridden

    def suggest(self, num: int) -> list[Trial] | None:
        """Return at most `num` new trials; none when others must finish first."""
        raise NotImplementedError(f"{type(self).__name__}.suggest")

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in trials that are finished."""
        for trial in trials:
            self.register(trial)
            self._observed.add(self.get_id(trial))

    def seed_rng(self, seed: int | None) -> None:
        """Start the random numbers anew; without any, nothing need be done."""

    @property
    def state_dict(self) -> dict[str, Any]:
        """All that changes."""
        return {"registry": copy(self.registry), "observed": set(self._observed)}

    def set_state(self, state_dict: dict[str, Any]) -> None:
        """Go back to an earlier `state_dict`."""
        self.registry = copy(state_dict["registry"])
        self._observed = set(state_dict["observed"])

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to suggest."""
        return self.has_completed_max_trials or self.has_suggested_all_possible_values()

    # --- what was suggested and observed

    def register(self, trial: Trial) -> None:
        """Take down that a trial exists, so that it is not suggested again."""
        self.registry[self.get_id(trial)] = trial

    def has_suggested(self, trial: Trial) -> bool:
        """Whether a trial exists."""
        return self.get_id(trial) in self.registry

    def has_observed(self, trial: Trial) -> bool:
        """Whether a trial was observed."""
        return self.get_id(trial) in self._observed

    @property
    def n_suggested(self) -> int:
        """How many trials exist."""
        return len(self.registry)

    @property
    def n_observed(self) -> int:
        """How many trials were observed."""
        return len(self._observed)

    def has_suggested_all_possible_values(self) -> bool:
        """Whether every point of a finite space has a trial."""
        return self.n_suggested >= self.space.cardinality

    @property
    def has_completed_max_trials(self) -> bool:
        """Whether `max_trials`, if set, are completed."""
        if self.max_trials is None:
            return False
        completed = sum(trial.status == "completed" for trial in self.registry.values())
        return completed >= self.max_trials

    @property
    def fidelity_index(self) -> str | None:
        """Name of the fidelity, if there is one."""
        return next((name for name, dim in self.space.items() if dim.type == "fidelity"), None)

    def get_id(
        self, trial: Trial, ignore_fidelity: bool = False, ignore_parent: bool = False
    ) -> TrialId:
        """Return the identity of a trial."""
        return Trial.compute_trial_hash(
            trial,
            ignore_fidelity=ignore_fidelity,
            ignore_experiment=True,
            ignore_lie=True,
            ignore_parent=ignore_parent,
        )

    def format_trial(self, point: dict[str, Any]) -> Trial:
        """Return a new trial for a point, a dict of the values of all dimensions."""
        return Trial(
            params=[
                {"name": name, "type": dim.type, "value": point[name]}
                for name, dim in self.space.items()
            ]
        )
