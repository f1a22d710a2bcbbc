"""From the call in a prior's text to the dimension that it describes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from orion_like.errors import PriorError, SpaceError
from orion_like.space.dimension import (
    DEFAULT_PRECISION,
    Categorical,
    Dimension,
    Fidelity,
    Integer,
    Prior,
    Real,
)
from orion_like.space.distribution import (
    Distribution,
    LogNormal,
    LogUniform,
    Normal,
    ScipyDistribution,
    Uniform,
)
from orion_like.space.expression import Call, Name, Node, Sequence, Table, evaluator
from orion_like.space.expression import Expression as Condition
from orion_like.space.parser import parse_prior_text
from orion_like.space.tokens import Source, Span, did_you_mean

_LARGEST_INTEGER = 2**63 - 1  # what databases can store
_LARGEST_ARRAY = 100_000  # elements
_CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
_CONSTANTS |= {f"np.{name}": value for name, value in _CONSTANTS.items()}

_OPTIONS = ("low", "high", "step", "shape", "default_value", "precision", "discrete")
_NOT_HERE = {
    "seed": "seeds belong to the experiment",
    "random_state": "seeds belong to the experiment",
    "size": "use shape for arrays",
}


def parse_prior(text: str, name: str = "") -> Dimension:
    """Build a dimension from the text of its prior.

    Parameters
    ----------
    text
        Such as ``loguniform(1e-5, 1)``, with or without a condition after ``if``.
    name
        Name of the dimension.

    Raises
    ------
    PriorError
        If the text is not a valid prior; the message marks the spot.

    Examples
    --------
    >>> dimension = parse_prior("loguniform(1e-5, 1, default_value=0.01)", "lr")
    >>> dimension
    Real('lr', 'loguniform(1e-05, 1, default_value=0.01)')
    >>> 0.5 in dimension, 2 in dimension
    (True, False)
    """
    where = f"space {name!r}" if name else "prior"
    if not isinstance(text, str):
        raise PriorError(f"{where}: a prior is a text such as 'uniform(0, 1)', not {text!r}")
    source = Source(text, where)
    call, condition = parse_prior_text(source)
    return _Builder(name, source, call, condition).build()


@dataclass(frozen=True)
class _Argument:
    value: Any
    span: Span


class _Builder:
    """Reads the arguments of one call, checking as it goes."""

    def __init__(self, name: str, source: Source, call: Call, condition: Condition | None) -> None:
        self.name = name
        self.source = source
        self.call = call
        self.condition = condition
        self.args = [_Argument(self.constant(node), node.span) for node in call.args]
        self.keywords: dict[str, _Argument] = {}
        for keyword, node, span in call.keywords:
            if keyword in self.keywords:
                self.fail(f"{keyword} is given twice", span)
            if keyword in _NOT_HERE:
                self.fail(f"{keyword} cannot be given here: {_NOT_HERE[keyword]}", span)
            whole = (span[0], node.span[1])
            self.keywords[keyword] = _Argument(self.constant(node), whole)

    def build(self) -> Dimension:
        build = _PRIORS.get(self.call.function)
        if build is not None:
            return build(self)
        return self.scipy()

    # --- arguments

    def fail(self, message: str, span: Span | None = None) -> NoReturn:
        raise self.source.error(message, span or self.call.span)

    def constant(self, node: Node) -> Any:
        """Return the value of an argument, which may calculate with constants."""
        if isinstance(node, Table):
            return [(self.constant(key), self.constant(value)) for key, value in node.pairs]
        if isinstance(node, Sequence):
            return [self.constant(item) for item in node.items]
        if isinstance(node, Name) and node.name not in _CONSTANTS:
            self.fail(
                f"unknown word {node.name!r} (did you mean {node.name!r} in quotes?)", node.span
            )
        try:
            value = evaluator(node)(_CONSTANTS)
        except KeyError as error:
            self.fail(f"unknown word {error.args[0]!r}", node.span)
        except TypeError as error:
            self.fail(f"cannot calculate this: {error}", node.span)
        if isinstance(value, float) and math.isnan(value):
            self.fail("this is not a number", node.span)
        return value

    def bind(self, *names: str, defaults: dict[str, Any] | None = None) -> dict[str, _Argument]:
        """Match positional and named arguments with the parameters of the prior."""
        if len(self.args) > len(names):
            count = f"at most {len(names)}" if names else "no"
            self.fail(
                f"{self.call.function} takes {count} positional arguments"
                f"{f', {_listed(names)}' if names else ''}",
                self.args[len(names)].span,
            )
        bound = dict(zip(names, self.args, strict=False))
        for name in names:
            if name in self.keywords:
                if name in bound and name in ("low", "high"):
                    continue  # clips: uniform(0, 10, low=2)
                if name in bound:
                    self.fail(f"{name} is given twice", self.keywords[name].span)
                bound[name] = self.keywords.pop(name)
        for name, value in (defaults or {}).items():
            bound.setdefault(name, _Argument(value, self.call.span))
        missing = [name for name in names if name not in bound]
        if missing:
            self.fail(f"{self.call.function} needs {_listed(missing)}")
        return bound

    def number(self, argument: _Argument, what: str) -> int | float:
        value = argument.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"{what} must be a number, not {value!r}", argument.span)
        if not math.isfinite(value) or (isinstance(value, int) and abs(value) > 1e308):
            self.fail(f"{what} must be a finite number", argument.span)
        return value

    def whole(self, argument: _Argument, what: str) -> int:
        value = self.number(argument, what)
        if value != int(value) or abs(value) > _LARGEST_INTEGER:
            self.fail(f"{what} must be a whole number, not {value!r}", argument.span)
        return int(value)

    def option(self, name: str) -> _Argument | None:
        return self.keywords.pop(name, None)

    def flag(self, name: str) -> bool:
        argument = self.option(name)
        if argument is None:
            return False
        if not isinstance(argument.value, bool):
            self.fail(f"{name} must be True or False, not {argument.value!r}", argument.span)
        return argument.value

    def shape(self) -> tuple[int, ...]:
        argument = self.option("shape")
        if argument is None or argument.value is None:
            return ()
        given = argument.value if isinstance(argument.value, list) else [argument.value]
        lengths = tuple(self.whole(_Argument(n, argument.span), "shape") for n in given)
        if not all(length > 0 for length in lengths):
            self.fail("shape must be one or more lengths > 0", argument.span)
        if math.prod(lengths) > _LARGEST_ARRAY:
            self.fail(f"shape has more than {_LARGEST_ARRAY} elements", argument.span)
        return lengths

    def finish(self, dimension: Dimension) -> Dimension:
        """Refuse what is left over, and check the default value."""
        default = self.option("default_value")
        for name, argument in self.keywords.items():
            known = (*_OPTIONS, *_PARAMETERS.get(self.call.function, ()))
            hint = did_you_mean(name, known)
            self.fail(f"{self.call.function} takes no {name!r}{hint}", argument.span)
        if default is not None and not (default.value is None and None not in dimension):
            try:
                dimension.default_value = dimension.cast(default.value)
            except SpaceError as error:
                self.fail(f"the default value is not in the dimension: {error}", default.span)
        return dimension

    # --- priors over numbers

    def uniform(self) -> Dimension:
        if "loc" in self.keywords or "scale" in self.keywords or len(self.args) == 1:
            bound = self.bind("loc", "scale", defaults={"loc": 0, "scale": 1})
            loc = self.number(bound["loc"], "loc")
            low, high = loc, loc + self.number(bound["scale"], "scale")
            return self.numeric("uniform", (low, high), Uniform, bound["scale"].span)
        low, high, span = self.bounds({} if self.args else {"low": 0, "high": 1})
        return self.numeric("uniform", (low, high), Uniform, span)

    def bounds(self, defaults: dict[str, Any]) -> tuple[int | float, int | float, Span]:
        bound = self.bind("low", "high", defaults=defaults)
        low = self.number(bound["low"], "the lower bound")
        high = self.number(bound["high"], "the upper bound")
        discrete = "discrete" in self.keywords and self.keywords["discrete"].value is True
        if low > high:
            better = f"{self.call.function}({high!r}, {low!r})"
            self.fail(
                f"{self.call.function}({low!r}, {high!r}) needs the lower bound first"
                f" (did you mean {better}?)",
                bound["low"].span,
            )
        if low == high and not discrete:
            self.fail(
                f"{self.call.function}({low!r}, {high!r}) holds only one value"
                f" (did you mean choices([{low!r}])?)",
                bound["low"].span,
            )
        if math.isinf(high - low):
            self.fail("the bounds are too far apart", bound["low"].span)
        return low, high, bound["low"].span

    def loguniform(self) -> Dimension:
        for alias, name in (("a", "low"), ("b", "high")):
            if alias in self.keywords and name not in self.keywords:
                self.keywords[name] = self.keywords.pop(alias)
        low, high, span = self.bounds({})
        if low <= 0:
            self.fail(
                f"{self.call.function}({low!r}, {high!r}) needs a lower bound > 0"
                f" (did you mean uniform({low!r}, {high!r})?)",
                span,
            )
        return self.numeric("loguniform", (low, high), _log_uniform, span)

    def normal(self) -> Dimension:
        bound = self.bind("loc", "scale", defaults={"loc": 0, "scale": 1})
        args = (self.number(bound["loc"], "loc"), self.positive(bound["scale"], "scale"))
        return self.numeric("normal", args, Normal, bound["scale"].span)

    def lognormal(self) -> Dimension:
        for alias, name in (("mean", "loc"), ("sigma", "scale")):
            if alias in self.keywords and name not in self.keywords:
                self.keywords[name] = self.keywords.pop(alias)
        bound = self.bind("loc", "scale", defaults={"loc": 0, "scale": 1})
        args = (self.number(bound["loc"], "loc"), self.positive(bound["scale"], "scale"))
        if abs(args[0]) + 10 * args[1] > 700:
            self.fail("the values would be too large for a number", bound["loc"].span)
        return self.numeric("lognormal", args, LogNormal, bound["scale"].span)

    def positive(self, argument: _Argument, what: str) -> int | float:
        value = self.number(argument, what)
        if value <= 0:
            self.fail(f"{what} must be > 0, not {value!r}", argument.span)
        return value

    def randint(self) -> Dimension:
        bound = self.bind("low", "high")
        low = self.whole(bound["low"], "the lower bound")
        high = self.whole(bound["high"], "the upper bound")
        if low >= high:
            self.fail(
                f"randint({low}, {high}) is empty, as its upper bound is excluded"
                f" (did you mean uniform({low}, {high}, discrete=True)?)",
                bound["low"].span,
            )
        return self.numeric(
            "randint", (low, high), lambda a, b: Uniform(a, b - 1), bound["low"].span, integral=True
        )

    def numeric(
        self,
        function: str,
        args: tuple[Any, ...],
        make: Callable[..., Distribution],
        span: Span,
        *,
        integral: bool = False,
        keywords: tuple[tuple[str, Any], ...] = (),
    ) -> Dimension:
        """Build a real or integer dimension from its distribution and options."""
        low, high = self.clip("low"), self.clip("high")
        shape = self.shape()
        discrete = self.flag("discrete") or integral
        step = self.step(discrete)
        precision = self.precision(discrete, step)
        try:
            distribution = make(*args)
            prior = Prior(function, args, keywords, distribution, low, high, integral)
            dimension: Dimension
            if discrete:
                dimension = Integer(self.name, prior, shape, step, self.condition)  # type: ignore[arg-type]
                self.check_integers(dimension)
            else:
                dimension = Real(self.name, prior, shape, precision, step, self.condition)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            if isinstance(error, PriorError):
                raise
            self.fail(f"{self.call.function} is not possible like this: {error}", span)
        return self.finish(dimension)

    def check_integers(self, dimension: Dimension) -> None:
        for bound in dimension.interval():
            if math.isfinite(bound) and abs(bound) > _LARGEST_INTEGER:
                self.fail("the integers would be larger than 64 bits")

    def clip(self, name: str) -> int | float | None:
        argument = self.option(name)
        if argument is None or argument.value is None:
            return None
        if argument.value in (math.inf, -math.inf):
            return None
        return self.number(argument, name)

    def step(self, discrete: bool) -> int | float | None:
        argument = self.option("step")
        if argument is None or argument.value is None:
            return None
        step = self.positive(argument, "step")
        if not discrete:
            return float(step) if isinstance(step, float) else step
        whole = self.whole(argument, "step of a discrete prior")
        return None if whole == 1 else whole

    def precision(self, discrete: bool, step: float | None) -> int | None:
        argument = self.option("precision")
        if argument is None:
            return DEFAULT_PRECISION
        if argument.value is None:
            return None
        digits = self.whole(argument, "precision")
        if digits <= 0:
            self.fail(f"precision is a number of digits > 0, not {digits}", argument.span)
        if digits != DEFAULT_PRECISION and (discrete or step is not None):
            reason = "of a discrete prior" if discrete else "next to step"
            self.fail(f"precision has no meaning {reason}", argument.span)
        return digits if digits <= 16 else None

    # --- priors of other kinds

    def choices(self) -> Dimension:
        probabilities: list[float] | None = None
        values: list[Any] = [argument.value for argument in self.args]
        if len(self.call.args) == 1 and isinstance(self.call.args[0], Table):
            pairs = self.args[0].value
            values = [key for key, _ in pairs]
            probabilities = self.probabilities(pairs, self.args[0].span)
        elif len(self.call.args) == 1 and isinstance(self.call.args[0], Sequence):
            values = self.args[0].value
        if not values:
            self.fail("choices needs at least one category, such as choices(['a', 'b'])")
        for i, value in enumerate(values):
            if value in values[:i]:
                self.fail(f"the category {value!r} is given twice")
        self.reject_options("choices", ("discrete", "precision", "step", "low", "high"))
        shape = self.shape()
        return self.finish(Categorical(self.name, values, probabilities, shape, self.condition))

    def probabilities(self, pairs: list[tuple[Any, Any]], span: Span) -> list[float]:
        weights = [self.number(_Argument(weight, span), "a probability") for _, weight in pairs]
        if any(weight < 0 for weight in weights) or not any(weights):
            self.fail("probabilities must be ≥ 0, and one of them > 0", span)
        total = math.fsum(weights)
        # Oríon stores probabilities with two decimals, so that their sum may be off by as much.
        if abs(total - 1) > max(0.01, 0.005 * len(weights)) + 1e-9:
            self.fail(f"the probabilities add up to {total:g} instead of 1", span)
        return weights

    def reject_options(self, function: str, names: Iterable[str]) -> None:
        for name in names:
            if name in self.keywords:
                self.fail(f"{function} takes no {name!r}", self.keywords[name].span)

    def fidelity(self) -> Dimension:
        bound = self.bind("low", "high", "base", defaults={"base": 2})
        low, high = self.whole(bound["low"], "low"), self.whole(bound["high"], "high")
        base = bound["base"]
        factor = self.number(base, "base")
        factor = int(factor) if factor == int(factor) else factor
        if low < 1:
            self.fail(f"the lowest fidelity must be ≥ 1, not {low}", bound["low"].span)
        if low > high:
            self.fail(
                f"fidelity({low}, {high}) needs the lowest first"
                f" (did you mean fidelity({high}, {low})?)",
                bound["low"].span,
            )
        if factor < 1:
            self.fail(f"base must be ≥ 1, not {base.value!r}", base.span)
        if self.condition is not None:
            span = (self.call.span[1], len(self.source.text))
            self.fail("a fidelity cannot have a condition", span)
        dimension = Fidelity(self.name, low, high, factor)
        default = self.option("default_value")
        if default is not None and default.value != high:
            self.fail("the default value of a fidelity is its highest", default.span)
        self.reject_options("fidelity", ("discrete", "precision", "step", "shape"))
        return self.finish(dimension)

    def scipy(self) -> Dimension:
        """Build a dimension from any distribution of `scipy.stats`."""
        function = self.call.function
        family = _scipy_family(function)
        if family is None:
            hint = did_you_mean(function, [*_PRIORS, *_scipy_names()])
            span = (self.call.span[0], self.call.span[0] + len(function))
            self.fail(f"there is no prior named {function!r}{hint}", span)
        integral = not hasattr(family, "pdf")
        parameters = [name.strip() for name in (family.shapes or "").split(",") if name.strip()]
        names = [*parameters, "loc", *([] if integral else ["scale"])]
        defaults = {"loc": 0} if integral else {"loc": 0, "scale": 1}
        given = len(self.args)
        named = [name for name in names[given:] if name in self.keywords]
        bound = self.bind(*names, defaults=defaults)
        values = {name: self.number(bound[name], name) for name in names}
        args = tuple(values[name] for name in names[:given])
        keywords = tuple((name, values[name]) for name in named)
        if integral and "step" in self.keywords:
            self.fail(f"{function} takes no 'step'", self.keywords["step"].span)

        def make(*_: Any) -> Distribution:
            frozen = family(**values)
            if not frozen.kwds or math.isnan(float(frozen.support()[0])):
                raise ValueError("scipy does not accept these parameters")
            return ScipyDistribution(frozen)

        span = self.call.span
        return self.numeric(function, args, make, span, integral=integral, keywords=keywords)


def _log_uniform(low: float, high: float) -> Distribution:
    # A single integer, loguniform(1, 1, discrete=True), has no width to take logarithms of.
    return LogUniform(low, high) if low < high else Uniform(low, high)


def _scipy_family(name: str) -> Any:
    if not name.isidentifier() or name.startswith("_"):
        return None
    from scipy import stats

    family = getattr(stats, name, None)
    univariate = isinstance(family, (stats.rv_continuous, stats.rv_discrete))
    return family if univariate else None


def _scipy_names() -> list[str]:
    from scipy import stats

    return [name for name in dir(stats) if _scipy_family(name) is not None]


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)


_PRIORS: dict[str, Callable[[_Builder], Dimension]] = {
    "uniform": _Builder.uniform,
    "loguniform": _Builder.loguniform,
    "reciprocal": _Builder.loguniform,
    "normal": _Builder.normal,
    "gaussian": _Builder.normal,
    "norm": _Builder.normal,
    "lognormal": _Builder.lognormal,
    "randint": _Builder.randint,
    "choices": _Builder.choices,
    "fidelity": _Builder.fidelity,
}
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "normal": ("loc", "scale"),
    "gaussian": ("loc", "scale"),
    "norm": ("loc", "scale"),
    "lognormal": ("loc", "scale"),
    "fidelity": ("base",),
}
