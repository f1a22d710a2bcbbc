"""Passwords stay secret."""

from __future__ import annotations

import pytest

from orion_like.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://ann:s3cret@db:27017/x", "mongodb://ann:***@db:27017/x"),
        ("mongodb+srv://ann:s3:cr@t@db/x", "mongodb+srv://ann:***@db/x"),
        ("cannot use 'mongodb://:s3cret@db'", "cannot use 'mongodb://:***@db'"),
        ("{'password': 's3cret', 'port': 1}", "{'password': ***, 'port': 1}"),
        ("password=s3cret host=db", "password=*** host=db"),
        ('"password": "s3cret"', '"password": ***'),
    ],
)
def test_passwords_are_blanked(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    ["mongodb://db:27017/x", "mongodb://db/x", "/home/ann/db.pkl", "no password is needed", ""],
)
def test_all_else_is_left_alone(text):
    assert redact(text) == text
