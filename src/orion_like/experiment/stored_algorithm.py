"""The algorithm that the document of an experiment names, as one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orion_like.algo import available_algorithms
from orion_like.algo.factory import find_algorithm, is_available
from orion_like.errors import AlgorithmError


def is_known(document: Mapping[str, Any]) -> bool:
    """Tell whether there is the algorithm that an experiment was made with."""
    stored = _stored(document)
    name = next(iter(stored)) if isinstance(stored, Mapping) else stored
    return is_available(str(name))


def stored_algorithm(document: Mapping[str, Any]) -> Any:
    """Return the algorithm of an experiment, and its parameters.

    Of an experiment made by Oríon, parameters that ours does not have are left out.

    Raises
    ------
    AlgorithmError
        It is an algorithm of Oríon that we do not have.
    """
    stored = _stored(document)
    made_here = "orion_like_version" in (document.get("metadata") or {})
    if made_here or not isinstance(stored, Mapping):
        return stored
    name, parameters = next(iter(stored.items()))
    if not is_known(document):
        raise AlgorithmError(
            f"experiment {document['name']!r} was made by Oríon with the algorithm {name!r}, which"
            " is not available here; to go on with it choose another one (--algorithm, or"
            f" algorithm=…): {', '.join(available_algorithms())}"
        )
    known = find_algorithm(name).parameters()
    return {name: {key: value for key, value in (parameters or {}).items() if key in known}}


def _stored(document: Mapping[str, Any]) -> Any:
    return document.get("algorithm") or document.get("algorithms") or "random"
