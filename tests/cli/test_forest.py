"""Experiments as trees."""

from __future__ import annotations

from orion_like.cli.forest import build_forest, select, tree_lines


def experiment(uid, name, version=1, parent=None):
    return {"_id": uid, "name": name, "version": version, "refers": {"parent_id": parent}}


FAMILY = [
    experiment(1, "a"),
    experiment(2, "a", 2, parent=1),
    experiment(3, "b", 1, parent=1),
    experiment(4, "b", 2, parent=3),
    experiment(5, "other"),
]


def titles(nodes):
    return [node.title for node in nodes]


def test_each_root_has_its_tree():
    roots = build_forest(FAMILY)

    assert titles(roots) == ["a-v1", "other-v1"]
    assert titles(roots[0]) == ["a-v1", "a-v2", "b-v1", "b-v2"]


def test_an_experiment_without_its_parent_is_a_root():
    assert titles(build_forest(FAMILY[2:4])) == ["b-v1"]


def test_documents_that_are_their_own_ancestors_are_all_shown():
    ring = [experiment(1, "a", 1, parent=2), experiment(2, "a", 2, parent=1)]

    assert {node.title for root in build_forest(ring) for node in root} == {"a-v1", "a-v2"}


def test_documents_without_links_are_roots():
    assert titles(build_forest([{"_id": 1, "name": "a"}])) == ["a-v1"]


def test_a_name_selects_the_highest_experiments_of_that_name():
    roots = build_forest(FAMILY)

    assert titles(select(roots, "b")) == ["b-v1"]
    assert titles(select(roots, "a", 2)) == ["a-v2"]
    assert select(roots, "a", 7) == []


def test_a_tree_is_drawn_from_its_root():
    root = build_forest(FAMILY)[0]

    assert tree_lines(root) == ["a-v1", "├── a-v2", "└── b-v1", "    └── b-v2"]


def test_a_tree_may_be_deeper_than_calls_may_be_nested():
    documents = [
        {"_id": n, "name": "demo", "version": n, "refers": {"parent_id": n - 1 or None}}
        for n in range(1, 2001)
    ]

    (root,) = build_forest(documents)

    assert len(list(root)) == len(tree_lines(root)) == 2000
    assert [node.version for node in select([root], "demo", 2000)] == [2000]
