"""Keeping passwords out of everything that is printed, logged or put into an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

SHOWN: Final = "***"

# Rather too much than too little is blanked: up to the last @ of a word.
_CREDENTIALS: Final = re.compile(r"(?P<before>\b[a-zA-Z][\w+.-]*://[^\s/:@]*:)\S+(?=@)")
_QUOTED: Final = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|['\"]\S*"
_FIELD: Final = re.compile(
    r"(?i)(?P<before>\w*(?:passw(?:or)?d|passphrase|aws_session_token)['\"]?\s*[:=]\s*)"
    rf"(?:{_QUOTED}|[^\s'\",}}]+)"
)
_SECRET_NAME: Final = re.compile(
    r"(?i).*(?:passw(?:or)?d|passphrase|secret|credentials?|(?:^|[._-])token|"
    r"(?:api|access|private)[._-]?key)$"
)
_OPTION: Final = re.compile(r"(?i)(\w*password=|aws_session_token:)[^&,]*")
_SCHEME: Final = re.compile(r"[a-zA-Z][\w+.-]*://")
_WELL_FORMED: Final = re.compile(
    r"(?P<user>[^:/?#\[\]@]*)(?::(?P<password>[^:/?#\[\]@]*))?"
    r"@(?P<rest>[^@/?]+(?:/[^@?]*)?(?:\?(?:[^=&]+=[^&]*&?)*)?)"
)
_MALFORMED: Final = re.compile(r"(?P<user>[^:@]*)(?::(?P<password>.*))?@(?P<rest>[^@]*)")


def redact(text: str) -> str:
    """Return `text` with the passwords of URLs, and of fields called password, as ``***``.

    Examples
    --------
    >>> redact("cannot reach mongodb://ann:s3cret@db.example/orion")
    'cannot reach mongodb://ann:***@db.example/orion'
    >>> redact("{'host': 'db', 'password': 's3cret'}")
    "{'host': 'db', 'password': ***}"
    """
    text = _CREDENTIALS.sub(rf"\g<before>{SHOWN}", text)
    return _FIELD.sub(rf"\g<before>{SHOWN}", text)


def redact_values(value: Any, name: str = "") -> Any:
    """Return nested values with ``***`` for those whose name says that they are secret.

    Parameters
    ----------
    value
        Mappings, lists, texts and other values.
    name
        What it is called.

    Examples
    --------
    >>> redact_values({"api_key": "abc", "workers": 2, "address": "tcp://ann:s3cret@host"})
    {'api_key': '***', 'workers': 2, 'address': 'tcp://ann:***@host'}
    """
    if value is not None and _SECRET_NAME.match(name):
        return SHOWN
    if isinstance(value, Mapping):
        return {key: redact_values(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_values(item) for item in value]
    return redact(value) if isinstance(value, str) else value


def without_password(uri: str) -> str:
    """Return a URI that has no password any more.

    Examples
    --------
    >>> without_password("mongodb://ann:s3cret@db1,db2/lab?tls=true")
    'mongodb://ann@db1,db2/lab?tls=true'
    """
    scheme, parts = _parts(uri)
    if parts is None:
        return _OPTION.sub(rf"\1{SHOWN}", uri)
    return _OPTION.sub(rf"\1{SHOWN}", f"{scheme}{parts['user']}@{parts['rest']}")


def user_and_password(uri: str) -> tuple[str | None, str | None]:
    """Return both as they stand in a URI, each None if it has none."""
    _, parts = _parts(uri)
    return (None, None) if parts is None else (parts["user"], parts["password"])


def _parts(uri: str) -> tuple[str, re.Match[str] | None]:
    """Split a URI; one that is not as it should be may have anything in its password."""
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return "", None
    rest = uri[scheme.end() :]
    if re.fullmatch(r"[^:/?@]+(?::\d+)?(?:,[^:/?@]+(?::\d+)?)*(?:/[^:@?]*)?(?:\?.*=.*)?", rest):
        return scheme[0], None  # hosts, and nobody's name: an @ in the options is no matter
    return scheme[0], _WELL_FORMED.fullmatch(rest) or _MALFORMED.fullmatch(rest)
