"""The list of promises in the documentation names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "storage.rst").read_text(encoding="utf-8")
PROOFS = re.findall(r"``(tests/[\w/]+\.py)::(?:\w+::)?(\w+)``", PAGE)


@pytest.mark.parametrize(("file", "name"), PROOFS)
def test_the_proof_of_a_promise_exists(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_has_a_proof():
    promises = PAGE.partition("What is not promised")[0].split("\n**")[1:]

    assert len(promises) >= 15
    assert all("``tests/" in promise for promise in promises)
