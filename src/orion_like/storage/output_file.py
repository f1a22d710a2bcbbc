"""Files that a database is written to: what must hold before anything is written."""

from __future__ import annotations

from pathlib import Path

from orion_like.errors import DatabaseError
from orion_like.storage.database import Database


def check_output_file(path: Path, source: Database, purpose: str, *, overwrite: bool) -> None:
    """Raise DatabaseError unless `path` may be written for the documents of `source`.

    Parameters
    ----------
    path
        The file to be.
    source
        Where the documents come from; its own file is never replaced.
    purpose
        What the file is, such as ``'dump'``.
    overwrite
        Whether another existing file may be replaced.
    """
    own = getattr(source, "path", None)
    if own is not None and path.exists() and Path(own).exists() and path.samefile(own):
        raise DatabaseError(f"{path} is the database itself; choose another file for the {purpose}")
    if path.is_dir():
        raise DatabaseError(f"{path} is a directory; a {purpose} is a file")
    if path.exists() and not overwrite:
        raise DatabaseError(f"file {path} exists already; choose another one, or force it")
    if not path.absolute().parent.is_dir():
        raise DatabaseError(f"directory {path.absolute().parent} for the {purpose} does not exist")
