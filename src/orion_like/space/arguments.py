"""Arguments of the call that names a prior, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from orion_like.space.expression import Call, Name, Node, Sequence, Table, evaluator
from orion_like.space.tokens import Source, Span
from orion_like.spelling import did_you_mean

LARGEST_INTEGER = 2**63 - 1  # what databases can store
_LARGEST_ARRAY = 100_000  # elements

# Oríon lets users write np.pi, and sums such as 10**-5, in priors.
_CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
_CONSTANTS |= {f"np.{name}": value for name, value in _CONSTANTS.items()}

_MISPLACED = {
    "seed": "seeds belong to the experiment",
    "random_state": "seeds belong to the experiment",
    "size": "arrays have a shape",
}


@dataclass(frozen=True)
class Argument:
    """A value and where it stands."""

    value: Any
    span: Span


class Arguments:
    """The arguments of a call, taken one by one; what is left over is an error.

    Parameters
    ----------
    source
        Text of the prior.
    call
        The call in it.

    Raises
    ------
    PriorError
        If an argument is not a constant, given twice, or never possible.
    """

    def __init__(self, source: Source, call: Call) -> None:
        self.source = source
        self.function = call.function
        self.span = call.span
        self.positional = [Argument(self._constant(node), node.span) for node in call.args]
        self.tables = {node.span for node in call.args if isinstance(node, Table)}
        self.named: dict[str, Argument] = {}
        self._known: set[str] = set()
        for name, node, span in call.keywords:
            whole = (span[0], node.span[1])
            if name in self.named:
                self.fail(f"{name} is given twice", whole)
            if name in _MISPLACED:
                self.fail(f"{name} cannot be given here; {_MISPLACED[name]}", whole)
            self.named[name] = Argument(self._constant(node), whole)

    def fail(self, message: str, span: Span | None = None) -> NoReturn:
        """Raise an error that marks an argument, or the whole call."""
        raise self.source.error(message, span or self.span)

    def _constant(self, node: Node) -> Any:
        """Return the value of an argument, which may calculate with constants."""
        if isinstance(node, Table):
            return [(self._constant(key), self._constant(value)) for key, value in node.pairs]
        if isinstance(node, Sequence):
            return [self._constant(item) for item in node.items]
        if isinstance(node, Name) and node.name not in _CONSTANTS:
            quoted = repr(node.name)
            self.fail(f"unknown word {node.name} (did you mean {quoted} in quotes?)", node.span)
        try:
            value = evaluator(node)(_CONSTANTS)
        except KeyError as error:
            self.fail(f"unknown word {error.args[0]}", node.span)
        except (TypeError, OverflowError) as error:
            self.fail(f"this cannot be calculated: {error}", node.span)
        if isinstance(value, float) and math.isnan(value):
            self.fail("this is not a number", node.span)
        return value

    def bind(
        self, *names: str, defaults: Mapping[str, Any] | None = None, aliases: str = ""
    ) -> dict[str, Argument]:
        """Match positional and named arguments with the parameters of the prior.

        Parameters
        ----------
        names
            Parameters in order.
        defaults
            Values of those that may be left out.
        aliases
            Other names of the parameters in order, separated by spaces.
        """
        defaults = defaults or {}
        self._known.update(names)
        for alias, name in zip(aliases.split(), names, strict=False):
            if alias in self.named and name not in self.named:
                self.named[name] = self.named.pop(alias)
        if len(self.positional) > len(names):
            extra = self.positional[len(names)]
            known = f"{len(names)}: {_listed(names)}" if names else "none"
            self.fail(f"{self.function} takes fewer arguments ({known})", extra.span)
        bound = dict(zip(names, self.positional, strict=False))
        for name in names:
            # Next to positional bounds, low and high clip: uniform(0, 10, low=2).
            if name in self.named and not (name in bound and name in ("low", "high")):
                if name in bound:
                    self.fail(f"{name} is given twice", self.named[name].span)
                bound[name] = self.named.pop(name)
        missing = [name for name in names if name not in bound and name not in defaults]
        if missing:
            self.fail(f"{self.function} needs {_listed(missing)}")
        return {name: bound.get(name) or Argument(defaults[name], self.span) for name in names}

    def option(self, name: str) -> Argument | None:
        """Take an optional argument; None, or None as its value, means not given."""
        self._known.add(name)
        argument = self.named.pop(name, None)
        return None if argument is None or argument.value is None else argument

    def number(self, argument: Argument, what: str) -> int | float:
        """Return an argument that must be a finite number."""
        value = argument.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{what} must be a number, not {value!r}", argument.span)
        # Comparing exactly keeps integers that no float can hold from overflowing.
        if not -1e308 <= value <= 1e308:
            self.fail(f"{what} must be a finite number", argument.span)
        return value

    def whole(self, argument: Argument, what: str) -> int:
        """Return an argument that must be a whole number."""
        value = self.number(argument, what)
        if value != int(value) or abs(value) > LARGEST_INTEGER:
            self.fail(f"{what} must be a whole number of at most 64 bits", argument.span)
        return int(value)

    def positive(self, argument: Argument, what: str) -> int | float:
        """Return an argument that must be a number > 0."""
        value = self.number(argument, what)
        if value <= 0:
            self.fail(f"{what} must be > 0, not {value!r}", argument.span)
        return value

    def flag(self, name: str) -> bool:
        """Take an optional argument that is True or False."""
        argument = self.option(name)
        if argument is None:
            return False
        if not isinstance(argument.value, bool):
            self.fail(f"{name} must be True or False, not {argument.value!r}", argument.span)
        return argument.value

    def clip(self, name: str) -> int | float | None:
        """Take an optional bound; infinity means none."""
        argument = self.option(name)
        if argument is None or argument.value in (math.inf, -math.inf):
            return None
        return self.number(argument, name)

    def shape(self) -> tuple[int, ...]:
        """Take the optional shape of an array."""
        argument = self.option("shape")
        if argument is None:
            return ()
        given = argument.value if isinstance(argument.value, list) else [argument.value]
        lengths = tuple(self.whole(Argument(length, argument.span), "shape") for length in given)
        if any(length < 1 for length in lengths):
            self.fail("the lengths of a shape must be ≥ 1", argument.span)
        if math.prod(lengths) > _LARGEST_ARRAY:
            self.fail(f"an array may have {_LARGEST_ARRAY} elements", argument.span)
        return lengths

    def refuse_others(self) -> None:
        """Raise an error if arguments are left that nobody took."""
        for name, argument in self.named.items():
            hint = did_you_mean(name, self._known)
            self.fail(f"{self.function} takes no argument {name!r}{hint}", argument.span)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)
