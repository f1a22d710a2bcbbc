"""From the text of a prior to the dimension that it describes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from orion_like.errors import PriorError, SpaceError
from orion_like.space.arguments import LARGEST_INTEGER, Argument, Arguments
from orion_like.space.categorical import Categorical
from orion_like.space.dimension import Dimension
from orion_like.space.distribution import (
    Distribution,
    LogNormal,
    LogUniform,
    Normal,
    ScipyDistribution,
    Uniform,
    cut_tail,
)
from orion_like.space.fidelity import Fidelity
from orion_like.space.numeric import DEFAULT_PRECISION, Integer, Prior, Real
from orion_like.space.parser import parse_prior_text
from orion_like.space.tokens import Source, Span
from orion_like.spelling import did_you_mean

_MOST_DIGITS = 17  # that a float can need; more are no limit


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
    arguments = Arguments(source, call)
    dimension = _PRIORS.get(call.function, _scipy)(name, arguments)
    _set_default(dimension, arguments)
    arguments.refuse_others()
    if condition is None:
        return dimension
    if isinstance(dimension, Fidelity):
        arguments.fail("a fidelity cannot have a condition", (call.span[1], len(text)))
    return dimension.conditioned(condition)


def _set_default(dimension: Dimension, arguments: Arguments) -> None:
    given = arguments.named.get("default_value")
    default = arguments.option("default_value")
    # None is a value only where it is a category.
    if default is None and given is not None and None in dimension:
        default = given
    if default is None:
        return
    try:
        value = dimension.cast(default.value)
    except SpaceError as error:
        arguments.fail(f"the default value is not possible: {error}", default.span)
    if isinstance(dimension, Fidelity) and value != dimension.high:
        arguments.fail("the default value of a fidelity is its highest", default.span)
    dimension.default_value = value


# --- numbers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bounds:
    low: int | float
    high: int | float
    span: Span


def _uniform(name: str, arguments: Arguments) -> Dimension:
    if _is_scipy_form(arguments):
        bound = arguments.bind("loc", "scale", defaults={"loc": 0, "scale": 1})
        low = arguments.number(bound["loc"], "loc")
        high = low + arguments.positive(bound["scale"], "scale")
        bounds = _Bounds(low, high, arguments.span)
        return _between(name, arguments, _checked(arguments, bounds))
    return _between(name, arguments, _bounds(arguments))


def _between(name: str, arguments: Arguments, bounds: _Bounds) -> Dimension:
    args = (bounds.low, bounds.high)
    return _numeric(name, arguments, "uniform", args, Uniform, bounds.span)


def _is_scipy_form(arguments: Arguments) -> bool:
    """Tell whether arguments are meant as scipy's loc and scale, as Oríon takes them."""
    if len(arguments.positional) > 1 or arguments.named.keys() & {"low", "high"}:
        return False
    return len(arguments.positional) == 1 or bool(arguments.named.keys() & {"loc", "scale"})


def _bounds(arguments: Arguments, aliases: str = "") -> _Bounds:
    """Read the two bounds of a uniform prior."""
    bound = arguments.bind("low", "high", aliases=aliases)
    low = arguments.number(bound["low"], "the lower bound")
    high = arguments.number(bound["high"], "the upper bound")
    return _checked(arguments, _Bounds(low, high, bound["low"].span))


def _checked(arguments: Arguments, bounds: _Bounds) -> _Bounds:
    low, high, span = bounds.low, bounds.high, bounds.span
    call = f"{arguments.function}({low!r}, {high!r})"
    if low > high:
        better = f"{arguments.function}({high!r}, {low!r})"
        arguments.fail(f"{call} needs the lower bound first (did you mean {better}?)", span)
    discrete = arguments.named.get("discrete")
    if low == high and (discrete is None or discrete.value is not True):
        better = f"choices([{low!r}])"
        arguments.fail(f"{call} holds only one value (did you mean {better}?)", span)
    if math.isinf(float(high) - float(low)):
        arguments.fail("the bounds are too far apart", span)
    return bounds


def _loguniform(name: str, arguments: Arguments) -> Dimension:
    bounds = _bounds(arguments, aliases="a b")
    args = (bounds.low, bounds.high)
    if bounds.low <= 0:
        call = f"{arguments.function}({bounds.low!r}, {bounds.high!r})"
        better = f"uniform({bounds.low!r}, {bounds.high!r})"
        message = f"{call} needs a lower bound > 0 (did you mean {better}?)"
        arguments.fail(message, bounds.span)
    # A single integer leaves no width to take logarithms of.
    make = LogUniform if bounds.low < bounds.high else Uniform
    return _numeric(name, arguments, "loguniform", args, make, bounds.span)


def _location_and_scale(arguments: Arguments, aliases: str) -> tuple[int | float, int | float]:
    defaults = {"loc": 0, "scale": 1}
    bound = arguments.bind("loc", "scale", defaults=defaults, aliases=aliases)
    return arguments.number(bound["loc"], "loc"), arguments.positive(bound["scale"], "scale")


def _normal(name: str, arguments: Arguments) -> Dimension:
    args = _location_and_scale(arguments, "mean std")
    return _numeric(name, arguments, "normal", args, Normal, arguments.span)


def _lognormal(name: str, arguments: Arguments) -> Dimension:
    args = _location_and_scale(arguments, "mean sigma")
    return _numeric(name, arguments, "lognormal", args, LogNormal, arguments.span)


def _randint(name: str, arguments: Arguments) -> Dimension:
    bound = arguments.bind("low", "high")
    low = arguments.whole(bound["low"], "the lower bound")
    high = arguments.whole(bound["high"], "the upper bound")
    if low >= high:
        better = f"uniform({low}, {high}, discrete=True)"
        message = f"randint({low}, {high}) is empty, as its upper bound is excluded"
        arguments.fail(f"{message} (did you mean {better}?)", bound["low"].span)

    def make(first: int, end: int) -> Distribution:
        return Uniform(first, end - 1)

    return _numeric(name, arguments, "randint", (low, high), make, arguments.span, integral=True)


def _scipy(name: str, arguments: Arguments) -> Dimension:
    """Build a dimension from any distribution of `scipy.stats`."""
    function = arguments.function
    family = _scipy_family(function)
    if family is None:
        hint = did_you_mean(function, _PRIORS) or did_you_mean(function, _scipy_names())
        span = (arguments.span[0], arguments.span[0] + len(function))
        arguments.fail(f"there is no prior named {function!r}{hint}", span)
    integral = not hasattr(family, "pdf")
    shapes = [word.strip() for word in (family.shapes or "").split(",") if word.strip()]
    defaults = {"loc": 0} if integral else {"loc": 0, "scale": 1}
    parameters = [*shapes, *defaults]
    count = len(arguments.positional)
    named = [word for word in parameters[count:] if word in arguments.named]
    bound = arguments.bind(*parameters, defaults=defaults)
    values = {word: arguments.number(bound[word], word) for word in parameters}
    if integral and "step" in arguments.named:
        arguments.fail(f"{function} takes no step", arguments.named["step"].span)
    args = tuple(values[word] for word in parameters[:count])
    keywords = tuple((word, values[word]) for word in named)

    bounded = "high" in arguments.named

    def make(*_: Any) -> Distribution:
        distribution = ScipyDistribution(family(**values))
        endless = math.isinf(distribution.high) and not bounded
        return cut_tail(distribution) if endless and _adds_up(family) else distribution

    span = arguments.span
    return _numeric(name, arguments, function, args, make, span, keywords, integral=integral)


def _scipy_family(name: str) -> Any:
    if not name.isidentifier() or name.startswith("_"):
        return None
    from scipy import stats

    family = getattr(stats, name, None)
    univariate = isinstance(family, (stats.rv_continuous, stats.rv_discrete))
    return family if univariate else None


def _adds_up(family: Any) -> bool:
    """Tell whether scipy has no formula for a cdf, but adds up the probabilities of all values."""
    from scipy import stats

    discrete = isinstance(family, stats.rv_discrete)
    return discrete and type(family)._cdf is stats.rv_discrete._cdf


def _scipy_names() -> list[str]:
    from scipy import stats

    return [name for name in dir(stats) if _scipy_family(name) is not None]


def _numeric(
    name: str,
    arguments: Arguments,
    function: str,
    args: tuple[Any, ...],
    make: Callable[..., Distribution],
    span: Span,
    keywords: tuple[tuple[str, Any], ...] = (),
    *,
    integral: bool = False,
) -> Dimension:
    """Build a real or integer dimension from its distribution and options."""
    low, high = arguments.clip("low"), arguments.clip("high")
    shape = arguments.shape()
    discrete = arguments.flag("discrete") or integral
    step = _step(arguments, discrete)
    precision = _precision(arguments, discrete, step)
    try:
        prior = Prior(function, args, keywords, make(*args), low, high, integral)
        dimension: Dimension
        if discrete:
            dimension = Integer(name, prior, shape, None if step is None else int(step))
        else:
            dimension = Real(name, prior, shape, precision, step)
        _check_range(dimension)
    except (ValueError, ArithmeticError) as error:
        arguments.fail(f"{arguments.function} is not possible like this: {error}", span)
    return dimension


def _check_range(dimension: Dimension) -> None:
    """Refuse priors that would draw numbers which floats, or databases, cannot hold."""
    with np.errstate(over="ignore"):
        drawn = [dimension.element_from_unit(u) for u in (0.0, 1.0)]
    if not all(math.isfinite(value) for value in drawn):
        raise ValueError("the values would be too large")
    extremes = [*drawn, *filter(math.isfinite, dimension.interval())]
    if dimension.type == "integer" and any(abs(value) > LARGEST_INTEGER for value in extremes):
        raise ValueError("the values would be too large for 64 bits")


def _step(arguments: Arguments, discrete: bool) -> int | float | None:
    argument = arguments.option("step")
    if argument is None:
        return None
    step = arguments.positive(argument, "step")
    if not discrete:
        return step
    whole = arguments.whole(argument, "the step of a discrete prior")
    return None if whole == 1 else whole


def _precision(arguments: Arguments, discrete: bool, step: float | None) -> int | None:
    if "precision" not in arguments.named:
        arguments.option("precision")
        return DEFAULT_PRECISION
    argument = arguments.option("precision")
    if argument is None:
        return None
    digits = arguments.whole(argument, "precision")
    if digits < 1:
        arguments.fail(f"precision is a number of digits ≥ 1, not {digits}", argument.span)
    if digits != DEFAULT_PRECISION and (discrete or step is not None):
        reason = "for whole numbers" if discrete else "next to step"
        arguments.fail(f"precision has no meaning {reason}", argument.span)
    return digits if digits < _MOST_DIGITS else None


# --- other kinds ------------------------------------------------------------------------------


def _choices(name: str, arguments: Arguments) -> Dimension:
    categories = [argument.value for argument in arguments.positional]
    probabilities: list[float] | None = None
    if len(categories) == 1 and arguments.positional[0].span in arguments.tables:
        pairs = arguments.positional[0]
        categories = [key for key, _ in pairs.value]
        probabilities = _probabilities(arguments, pairs)
    elif len(categories) == 1 and isinstance(categories[0], list):
        categories = categories[0]
    if not categories:
        arguments.fail("choices needs categories, such as choices(['a', 'b'])")
    for i, category in enumerate(categories):
        if category in categories[:i]:
            arguments.fail(f"the category {category!r} is given twice")
        if not _is_plain(category):
            message = "a category is text, a number, a boolean, None, or a list of them"
            arguments.fail(f"{message}, not {category!r}")
    return Categorical(name, categories, probabilities, arguments.shape())


def _is_plain(category: Any) -> bool:
    if isinstance(category, list):
        return all(map(_is_plain, category))
    if isinstance(category, int):
        return abs(category) <= LARGEST_INTEGER
    if isinstance(category, str):
        return not any("\ud800" <= char <= "\udfff" for char in category)
    return category is None or (isinstance(category, float) and math.isfinite(category))


def _probabilities(arguments: Arguments, pairs: Argument) -> list[float]:
    weights = [
        arguments.number(Argument(weight, pairs.span), "a probability") for _, weight in pairs.value
    ]
    if any(weight < 0 for weight in weights) or not any(weights):
        arguments.fail("probabilities must be ≥ 0, and one of them > 0", pairs.span)
    total = math.fsum(weights)
    # Oríon stores probabilities with two decimals, so that their sum may be off by as much.
    if abs(total - 1) > max(0.01, 0.005 * len(weights)) + 1e-9:
        arguments.fail(f"the probabilities add up to {total:g} instead of 1", pairs.span)
    return weights


def _fidelity(name: str, arguments: Arguments) -> Dimension:
    bound = arguments.bind("low", "high", "base", defaults={"base": 2})
    low = arguments.whole(bound["low"], "the lowest fidelity")
    high = arguments.whole(bound["high"], "the highest fidelity")
    base = arguments.number(bound["base"], "base")
    if low < 1:
        arguments.fail(f"the lowest fidelity must be ≥ 1, not {low}", bound["low"].span)
    if low > high:
        better = f"fidelity({high}, {low})"
        message = f"fidelity({low}, {high}) needs the lowest first (did you mean {better}?)"
        arguments.fail(message, bound["low"].span)
    if base < 1:
        arguments.fail(f"base must be ≥ 1, not {base!r}", bound["base"].span)
    return Fidelity(name, low, high, int(base) if base == int(base) else base)


_PRIORS: dict[str, Callable[[str, Arguments], Dimension]] = {
    "uniform": _uniform,
    "loguniform": _loguniform,
    "reciprocal": _loguniform,
    "normal": _normal,
    "gaussian": _normal,
    "norm": _normal,
    "lognormal": _lognormal,
    "randint": _randint,
    "choices": _choices,
    "fidelity": _fidelity,
}
