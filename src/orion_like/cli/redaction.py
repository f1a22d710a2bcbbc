"""Keeping passwords out of everything that is printed or logged."""

from __future__ import annotations

import re

# scheme://user:password@host; rather too much than too little is blanked.
_CREDENTIALS = re.compile(r"(?P<before>\b[a-zA-Z][\w+.-]*://[^\s/:@]*:)\S+(?=@)")
_FIELD = re.compile(r"(?P<before>\bpassword['\"]?\s*[:=]\s*)(?P<quote>['\"]?)[^\s'\",}]+(?P=quote)")


def redact(text: str) -> str:
    """Return `text` with the passwords of URLs, and of fields called password, as ``***``.

    Examples
    --------
    >>> redact("cannot reach mongodb://ann:s3cret@db.example/orion")
    'cannot reach mongodb://ann:***@db.example/orion'
    >>> redact("{'host': 'db', 'password': 's3cret'}")
    "{'host': 'db', 'password': ***}"
    """
    return _FIELD.sub(r"\g<before>***", _CREDENTIALS.sub(r"\g<before>***", text))
