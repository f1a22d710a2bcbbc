"""Trees of versions, and the trials of a whole tree as one version sees them."""

import gzip
import json
import shutil
import time
from pathlib import Path

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import CorruptedDatabaseError
from orion_like.storage import Storage, setup_storage
from orion_like.storage.transfer import load

ASSET = Path(__file__).parents[2] / "assets" / "orion-0.2.7-versions"
SEEN = json.loads((ASSET / "seen.json").read_text())
ON = {"enable": True}
X = "uniform(0, 1)"


@pytest.fixture
def storage(database):
    return Storage(database)


def make(storage, value, **options):
    """Make the next version, with one trial at x = value."""
    options = {"space": {"x": X}, "algorithm": "random", "branching": ON, **options}
    client = build_experiment("demo", storage=storage, **options)
    client.insert({"x": value}, results=value)
    return client


def points(client):
    return sorted(trial.params["x"] for trial in client.fetch_trials(with_evc_tree=True))


# --- trees of Oríon -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orion_file(tmp_path_factory):
    """A tree that Oríon made, with every kind of adapter."""
    path = tmp_path_factory.mktemp("orion") / "orion_db.pkl"
    with gzip.open(ASSET / "orion_db.pkl.gz") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


@pytest.fixture(scope="module")
def orion_tree(orion_file):
    """A copy of it in a database of ours."""
    storage = setup_storage("memory://")
    load(storage, orion_file)
    return storage


@pytest.mark.parametrize("where", ["orion_file", "orion_tree"])
@pytest.mark.parametrize("title", SEEN)
def test_each_version_of_a_tree_made_by_orion_sees_the_trials_that_orion_shows(
    request, where, title
):
    name, _, version = title.rpartition("-v")
    storage = request.getfixturevalue(where)

    trials = get_experiment(name, int(version), storage=storage).fetch_trials(True)

    assert {t.id: (t.status, t.params) for t in trials} == {
        uid: (status, params) for uid, status, params in SEEN[title]
    }


def test_a_tree_made_by_orion_grows_another_version(orion_tree):
    space = {"x": "uniform(0, 0.25)", "y": "uniform(0, 10, discrete=True)", "w": ["a", "b"]}

    child = build_experiment(
        "tree", space=space, algorithm="random", max_trials=2, storage=orion_tree, branching=ON
    )
    child.workon(lambda x, y, w: [{"name": "loss", "type": "objective", "value": x}])

    assert (child.version, child.stats.trials_completed) == (6, 2)
    assert {"dimensionpriorchange", "orionversionchange"} <= {
        adapter["of_type"] for adapter in child.refers["adapter"]
    }


# --- what a version sees --------------------------------------------------------------------------


def test_a_version_sees_the_trials_of_its_ancestors_and_of_its_descendants(storage):
    first, second, third = (make(storage, 0.1 * n, seed=n) for n in (1, 2, 3))

    assert points(first) == points(second) == points(third) == [0.1, 0.2, pytest.approx(0.3)]
    assert len(second.fetch_trials()) == 1
    assert len(second.to_pandas(with_evc_tree=True)) == 3


def test_branches_of_the_same_version_do_not_see_each_other(storage):
    make(storage, 0.1)
    left = make(storage, 0.2, branching={"branch_to": "left"})
    right = make(storage, 0.3, branching={"branch_to": "right"})

    assert (points(left), points(right)) == ([0.1, 0.2], [0.1, 0.3])


def test_of_a_point_that_several_versions_have_there_is_the_one_of_the_child(storage):
    make(storage, 0.5, seed=1)
    child = make(storage, 0.5, seed=2)

    (trial,) = child.fetch_trials(with_evc_tree=True)

    assert trial.experiment == child.id


def test_the_trials_of_a_whole_tree_may_be_looked_at_by_status(storage):
    make(storage, 0.1, seed=1).insert({"x": 0.2})
    child = make(storage, 0.3, seed=2)

    def found(method, *arguments):
        return sorted(t.params["x"] for t in method(*arguments, with_evc_tree=True))

    assert found(child.fetch_trials_by_status, "completed") == [0.1, 0.3]
    assert found(child.fetch_pending_trials) == [0.2]
    assert found(child.fetch_noncompleted_trials) == [0.2]


def test_a_tree_is_read_with_one_query_for_its_versions_and_one_for_its_trials(
    storage, monkeypatch
):
    versions = [make(storage, 0.1 * n, seed=n) for n in range(1, 7)]
    queries = []
    find = storage.database.find
    monkeypatch.setattr(
        storage.database, "find", lambda *a, **k: (queries.append(a[0]), find(*a, **k))[1]
    )

    trials = versions[3].fetch_trials(with_evc_tree=True)

    assert len(trials) == 6
    assert queries == ["experiments", "trials"]


def test_a_tree_of_four_levels_and_ten_thousand_trials_costs_little_more_than_its_trials(
    make_database,
):
    storage = Storage(make_database("ephemeral"))
    clients = [
        build_experiment("demo", space={"x": f"uniform(0, {level})"}, storage=storage, branching=ON)
        for level in (4, 3, 2, 1)
    ]
    for client in clients:
        new = [client.experiment.new_trial({"x": (n + 0.5) / 2500}, n) for n in range(2500)]
        storage.register_trials(new)

    def timed(function):
        start = time.process_time()
        assert len(function()) == 10_000 or len(function()) == 2500
        return time.process_time() - start

    reading = timed(lambda: storage.fetch_trials_of([client.id for client in clients]))
    assert timed(lambda: clients[-1].fetch_trials(with_evc_tree=True)) < 20 * reading


# --- damaged trees --------------------------------------------------------------------------------


def test_versions_that_come_from_each_other_in_a_circle_are_told(storage):
    first, second = make(storage, 0.1, seed=1), make(storage, 0.2, seed=2)
    refers = {"root_id": first.id, "parent_id": second.id, "adapter": []}
    storage.update_experiment(first.id, refers=refers)

    with pytest.raises(CorruptedDatabaseError, match=r"circle \(demo-v2 → demo-v1 → demo-v2\)"):
        second.fetch_trials(with_evc_tree=True)


def test_a_parent_that_was_deleted_is_warned_of_and_its_trials_are_left_out(storage, caplog):
    first, second = make(storage, 0.1, seed=1), make(storage, 0.2, seed=2)
    storage.delete_experiment(first.id)

    assert points(second) == [0.2]
    assert "demo-v2 was branched from an experiment that is not in the database" in caplog.text


def test_an_adapter_that_nobody_knows_is_told_with_its_version(storage):
    first, second = make(storage, 0.1, seed=1), make(storage, 0.2, seed=2)
    refers = {**second.refers, "adapter": [{"of_type": "magic"}]}
    storage.update_experiment(second.id, refers=refers)

    with pytest.raises(CorruptedDatabaseError, match="demo-v2: there is no adapter 'magic'"):
        first.fetch_trials(with_evc_tree=True)


def test_a_version_knows_its_place_in_the_tree(storage):
    first = make(storage, 0.1)
    second = make(storage, 0.2, seed=2)
    make(storage, 0.3, branching={"branch_to": "other"})

    node = second.node

    assert (node.parent.tree_name, node.root.tree_name) == ("demo-v1", "demo-v1")
    assert [child.tree_name for child in node.children] == ["other-v1"]
    assert [one.tree_name for one in first.node] == ["demo-v1", "demo-v2", "other-v1"]
    assert node.children[0].parent == node
    assert first.node.parent is None
    assert node.item.fetch_trials()[0].params == {"x": 0.2}
