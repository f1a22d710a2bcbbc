"""The password of a database is nowhere to be found: printed, logged, stored, or in `ps`."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import MongoClient

from orion_like.cli import process_title
from orion_like.cli.process_title import masked_command_line
from orion_like.testing.mongod import Mongod

SPY = """#!/bin/sh
# Looks at everything that a trial can see, which is more than is any of its business.
{ cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'; env; } > "spied.$$" 2>/dev/null
echo "$2"
"""


@dataclass(frozen=True)
class Guarded:
    """A MongoDB that asks for a password, and two ways to say it."""

    uri: str
    password: str
    all_documents: object


@pytest.fixture(scope="module")
def server():
    with Mongod(replica_set=None, options=["--auth"]) as server:
        with MongoClient(server.uri) as client:
            client.admin.command("createUser", "boss", pwd="b", roles=["root"])
        yield server


@pytest.fixture
def guarded(server):
    name, password = f"lab_{secrets.token_hex(4)}", secrets.token_hex(12)
    with MongoClient(server.uri, username="boss", password="b") as client:
        client[name].command("createUser", "ann", pwd=password, roles=["readWrite"])

        def all_documents():
            database = client[name]
            return [doc for c in database.list_collection_names() for doc in database[c].find()]

        uri = f"mongodb://ann:{password}@127.0.0.1:{server.port}/{name}?directConnection=true"
        yield Guarded(uri, password, all_documents)


def own_file(name, text):
    path = Path(name)
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.mongodb
@pytest.mark.parametrize("way", ["option", "file"])
def test_the_password_of_a_mongodb_shows_nowhere(way, guarded, run_process, run):
    own_file("spy.sh", SPY).chmod(0o700)
    file = own_file("config.yaml", f"storage: {guarded.uri!r}\n")
    place = ["--storage", guarded.uri] if way == "option" else ["--config", file]
    verbose = ["-vv", "--logdir", "logs"]
    hunt = ["hunt", "-n", "demo", "--n-workers", 2, "--max-trials", 2, "--working-dir", "trials"]
    commands = [
        ["status", *place],
        ["info", "-n", "demo", *place],
        ["info", "-n", "demo", "--format", "json", *place],
        ["list", *place],
        ["info", "-n", "unknown", *place],
        ["db", "test", *place],
        ["db", "check", *place],
        ["db", "dump", "-o", "dump.pkl", *place],
        ["db", "backup", "backup.pkl", *place],
    ]

    outcomes = [run_process(*verbose, *hunt, *place, "./spy.sh", "-x~uniform(0, 1)")]
    outcomes += [run(*verbose, *words) for words in commands]

    assert outcomes[0].code == 0, outcomes[0].err
    assert [document for document in guarded.all_documents() if "status" in document]
    assert guarded.password not in str(guarded.all_documents())
    for outcome in outcomes:
        assert guarded.password not in outcome.out + outcome.err
    files = [path for path in Path().rglob("*") if path.is_file() and path.name != "config.yaml"]
    assert {"logs", "trials", "dump.pkl", "backup.pkl"} <= {path.parts[0] for path in files}
    spied = "".join(path.read_text() for path in files if path.name.startswith("spied"))
    assert "ORION_LIKE_TRIAL_ID" in spied  # the environment of trials
    assert "--max-trials" in spied  # the command line of the hunt
    assert "pool_process" in spied  # that of its processes
    told = [path for path in files if guarded.password.encode() in path.read_bytes()]
    assert not told


@pytest.mark.mongodb
def test_no_failure_tells_the_password(guarded, run):
    wrong = guarded.uri.replace("ann", "eve")
    unencoded = guarded.uri.replace(guarded.password, f"s/{guarded.password}")
    twice = own_file("twice.yaml", f"storage: {{url: {guarded.uri!r}, database: {{host: a}}}}")
    section = own_file("section.yaml", f"database: {guarded.uri}")
    broken = own_file("broken.yaml", f'database:\n  password: "{guarded.password}\n')
    alias = own_file("alias.yaml", f"database:\n  password: *{guarded.password}\n")
    liszt = own_file("list.yaml", f"database:\n  password: [{guarded.password}]\n")
    port = own_file("port.yaml", f"database:\n  port: {guarded.uri}\n")

    outcomes = [
        run("-vv", "status", "--storage", uri)
        for uri in (wrong, unencoded, guarded.uri.replace("mongodb", "mongo"))
    ] + [
        run("-vv", "status", "--config", file)
        for file in (twice, section, broken, alias, liszt, port)
    ]

    for outcome in outcomes:
        assert outcome.code != 0
        assert "Error: " in outcome.err
        assert guarded.password not in outcome.out + outcome.err


def test_a_configuration_with_a_password_that_others_can_read_is_told(run):
    file = own_file("mine.yaml", "database: {host: none.pkl, password: sesame}\n")
    closed = run("status", "--config", file)
    file.chmod(0o640)

    opened = run("status", "--config", file)
    run("status", "--config", file)

    assert "chmod 600 mine.yaml" not in closed.err
    assert "chmod 600 mine.yaml" in opened.err
    assert opened.err.count("mine.yaml") == 2  # in one line
    assert "sesame" not in opened.err


def test_the_setup_makes_a_file_that_only_its_owner_can_read(run):
    uri = "mongodb://ann:sesame@db.example/lab"

    outcome = run("db", "setup", "--type", "mongodb", "--host", uri)

    [file] = Path(os.environ["XDG_CONFIG_HOME"]).rglob("config.yaml")
    assert "sesame" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "sesame" not in outcome.out + outcome.err


# --- process titles -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["hunt", "--storage", "mongodb://a:s3cret@h/x"], "hunt --storage mongodb://a:***@h/x   "),
        (["--storage=mongodb://a:s3cr@h"], "--storage=mongodb://a:***@h "),
        (["hunt", "-n", "demo", "-x~uniform(0, 1)"], "hunt -n demo -x~uniform(0, 1)"),
        (["caf\udce9", "mongodb://a:s3cr@h"], "caf\udce9 mongodb://a:***@h "),
    ],
)
def test_a_masked_command_line_has_words_as_long_as_before(words, shown):
    line = b"".join(os.fsencode(word) + b"\0" for word in words)

    masked = masked_command_line(line)

    assert len(masked) == len(line)
    assert masked.count(b"\0") == line.count(b"\0")
    assert masked.replace(b"\0", b" ") == os.fsencode(shown) + b" "


def test_a_system_that_tells_nothing_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setattr(process_title, "_PROCESS", tmp_path)

    process_title.hide_passwords_in_title()
