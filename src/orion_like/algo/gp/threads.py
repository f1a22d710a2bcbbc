"""Linear algebra on one thread.

The matrices here are so small that threads gain nothing; on a machine with several workers they
wait for each other, which costs many times the work itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

Getter = Callable[[], int]
Setter = Callable[[int], object]

LOADED_LIBRARIES = Path("/proc/self/maps")

# As OpenBLAS names them by itself, and in the wheels of numpy and scipy.
AFFIXES = (("", ""), ("", "64_"), ("scipy_", ""), ("scipy_", "64_"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenBLAS, where it is in use, calculate on one thread for a while."""
    controls = _controls()
    before = [get() for get, _ in controls]
    for _, set_number in controls:
        set_number(1)
    try:
        yield
    finally:
        for (_, set_number), number in zip(controls, before, strict=True):
            set_number(number)


@cache
def _controls() -> tuple[tuple[Getter, Setter], ...]:
    """Return the functions that get and set the number of threads, of each loaded library."""
    # Those of scipy are loaded with its modules.
    import scipy.linalg.lapack  # noqa: F401

    found = []
    for path in sorted(_loaded("openblas")):
        library = ctypes.CDLL(path)
        for prefix, suffix in AFFIXES:
            get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            set_number = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
            if get and set_number:
                found.append((get, set_number))
    return tuple(found)


def _loaded(name: str) -> set[str]:
    try:
        lines = LOADED_LIBRARIES.read_text().splitlines()
    except OSError:  # not Linux
        return set()
    paths = {line.split(maxsplit=5)[-1] for line in lines if name in line}
    return {path for path in paths if path.startswith("/") and name in Path(path).name}
