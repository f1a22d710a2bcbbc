"""Checkpoints on any file system of fsspec: object stores, servers, shared directories.

A checkpoint is a directory of files, and beside it a manifest ``NAME.json`` that is written last
and deleted first: what has no whole manifest is no checkpoint, whenever who wrote it was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from orion_like.errors import CheckpointError, ConfigurationError

Manifest = Mapping[str, Any]
"""``step``, ``metadata`` and ``files``: ``{path: {"bytes", "sha256"}}``."""


def open_url(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Raises
    ------
    ConfigurationError
        If fsspec, or what it needs for the URL, is not installed, or the URL is not understood.
    CheckpointError
        If a server does not answer.
    """
    from orion_like.redaction import redact

    try:
        import fsspec
    except ImportError:
        raise ConfigurationError(
            f"checkpoints at {redact(url)} need fsspec: pip install 'orion_like[fsspec]'"
        ) from None
    try:
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"checkpoints at {redact(url)}: {error}") from None
    except Exception as error:  # each file system has errors of its own
        reason = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"{redact(url)} cannot be reached: {reason}") from error
    return system, path


def upload(directory: str, url: str, step: int, metadata: Mapping[str, Any]) -> None:
    """Store a directory as a checkpoint.

    Parameters
    ----------
    directory
        What is stored.
    url
        Where it is found when all of it is there.
    step
        How far its trial was.
    metadata
        What the trial says of it.

    Raises
    ------
    CheckpointError
        If it cannot be stored; then there is none.
    """
    with _explained("stored", url):
        system, path = open_url(url)
        files = {}
        for name in _files_below(directory):
            target = f"{path}/{name}"
            system.makedirs(os.path.dirname(target), exist_ok=True)
            system.put_file(os.path.join(directory, name), target)
            files[name] = _measured(os.path.join(directory, name))
        manifest = {"step": step, "metadata": dict(metadata), "files": files}
        system.makedirs(os.path.dirname(path), exist_ok=True)
        system.pipe_file(f"{path}.json", json.dumps(manifest).encode())


def stored_names(url: str) -> list[str]:
    """Return the names that have a manifest below a URL, in no order."""
    with _explained("looked for", url):
        system, path = open_url(url)
        system.invalidate_cache()
        try:
            entries = system.ls(path, detail=False)
        except FileNotFoundError:
            return []
        except Exception:
            if system.exists(path):
                raise
            return []  # some servers tell a missing directory from others by the text alone
        names = [entry.rstrip("/").rpartition("/")[2] for entry in entries]
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def read_manifest(url: str) -> Manifest | None:
    """Return the manifest of a checkpoint, None if it is gone or was never completed."""
    with _explained("read", url):
        system, path = open_url(url)
        try:
            manifest = json.loads(system.cat_file(f"{path}.json"))
        except (FileNotFoundError, ValueError):
            return None
        return manifest if isinstance(manifest, dict) and "files" in manifest else None


def download(url: str, target: str) -> None:
    """Copy a checkpoint into a new directory, and make sure that nothing of it is damaged.

    Raises
    ------
    FileNotFoundError
        If there is none.
    CheckpointError
        If it cannot be read, or is not what was stored.
    """
    manifest = read_manifest(url)
    if manifest is None:
        raise FileNotFoundError(url)
    with _explained("restored", url):
        system, path = open_url(url)
        os.makedirs(target)
        for name, measured in manifest["files"].items():
            place = os.path.join(target, name)
            if not _is_below(place, target):
                raise CheckpointError(f"checkpoint {url} holds {name!r}, which leads out of it")
            os.makedirs(os.path.dirname(place), exist_ok=True)
            system.get_file(f"{path}/{name}", place)
            if _measured(place) != measured:
                raise CheckpointError(f"{name} in checkpoint {url} is not what was stored")


def remove(url: str) -> None:
    """Delete a checkpoint; one that is gone is no error."""
    with _explained("deleted", url):
        system, path = open_url(url)
        if system.exists(f"{path}.json"):
            system.rm_file(f"{path}.json")
        if system.exists(path):
            system.rm(path, recursive=True)


def keep_only(directory: str, name: str) -> None:
    """Delete everything in a local cache but one."""
    with suppress(FileNotFoundError):
        for entry in os.listdir(directory):
            if entry != name:
                shutil.rmtree(os.path.join(directory, entry), ignore_errors=True)


@contextmanager
def _explained(what: str, url: str) -> Iterator[None]:
    """Have whatever a file system raises told as one error of ours."""
    from orion_like.redaction import redact

    try:
        yield
    except (CheckpointError, ConfigurationError, FileNotFoundError):
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"checkpoint {redact(url)} cannot be {what}: {text}") from error


def _files_below(directory: str) -> Iterator[str]:
    for top, _, names in os.walk(directory):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(top, name), directory)


def _measured(path: str) -> dict[str, Any]:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return {"bytes": os.path.getsize(path), "sha256": digest.hexdigest()}


def _is_below(path: str, directory: str) -> bool:
    whole = os.path.normpath(path)
    return whole.startswith(os.path.normpath(directory) + os.sep)
