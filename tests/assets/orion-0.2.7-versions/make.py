"""Make a tree of versions with Oríon 0.2.7, and write down which trials it shows of each version.

Run it with an interpreter that has that Oríon, in this directory. The result is checked in.
"""

import gzip
import json
import os
import tempfile

from orion.client import build_experiment, get_experiment

X, HALF = "uniform(0, 1)", "uniform(0, 0.5)"
Y = "uniform(0, 10, discrete=True)"
Z = "uniform(-1, 1, default_value=0.5)"
W = "choices(['a', 'b'])"
RATED = [
    {"of_type": "dimensionrenaming", "old_name": "x", "new_name": "rate"},
    {"of_type": "dimensionpriorchange", "name": "rate", "old_prior": HALF, "new_prior": X},
    {"of_type": "codechange", "change_type": "noeffect"},
    {"of_type": "scriptconfigchange", "change_type": "noeffect"},
    {"of_type": "orionversionchange"},
]
UNSURE = [{"of_type": "algorithmchange"}, {"of_type": "commandlinechange", "change_type": "unsure"}]
BROKEN = [{"of_type": "codechange", "change_type": "break"}]


def make(storage, seed, space, name="tree", points=(), version=None, adapter=None, **branching):
    client = build_experiment(
        name,
        version=version,
        space=space,
        algorithm={"random": {"seed": seed}},
        storage=storage,
        max_trials=500,
        branching={"enable": True, **branching},
    )
    for _ in range(3):
        with client.suggest() as trial:
            client.observe(trial, [{"name": "loss", "type": "objective", "value": 1.0 * seed}])
    for point in points:
        client.insert(point, results=[{"name": "loss", "type": "objective", "value": 2.0 * seed}])
    if adapter is not None:
        document = client.storage.fetch_experiments({"_id": client.id})[0]
        refers = {**document["refers"], "adapter": adapter}
        client.storage.update_experiment(uid=client.id, refers=refers)


def main():
    path = os.path.join(tempfile.mkdtemp(), "orion_db.pkl")
    storage = {"type": "legacy", "database": {"type": "pickleddb", "host": path}}
    make(storage, 1, {"x": X, "y": Y}, points=[{"x": 0.25, "y": 3}])
    points = [{"x": 0.25, "y": 3, "z": 0.5}, {"x": 0.75, "y": 4, "z": 0.5}]
    make(storage, 2, {"x": X, "y": Y, "z": Z}, points=points)
    make(storage, 3, {"x": HALF, "y": Y, "z": Z}, points=[{"x": 0.125, "y": 5, "z": 0.5}])
    make(storage, 4, {"x": HALF, "y": Y, "w": W})
    make(storage, 5, {"x": HALF, "y": Y, "w": W}, adapter=UNSURE)
    points = [{"x": 0.25, "y": 3}, {"x": 0.875, "y": 1}]
    make(storage, 6, {"x": X, "y": Y}, points=points, version=2, branch_to="other")
    points = [{"rate": 0.625, "y": 2, "z": 0.25}, {"rate": 0.375, "y": 2, "z": 0.5}]
    space = {"rate": X, "y": Y, "z": Z}
    make(storage, 7, space, points=points, version=3, branch_to="renamed", adapter=RATED)
    make(storage, 8, {"x": HALF, "y": Y, "z": Z}, version=3, branch_to="broken", adapter=BROKEN)
    seen = {}
    names = [("tree", version) for version in range(1, 6)]
    for name, version in [*names, ("other", 1), ("renamed", 1), ("broken", 1)]:
        client = get_experiment(name, version, storage=storage)
        trials = client.fetch_trials(with_evc_tree=True)
        seen[f"{name}-v{version}"] = sorted([t.id, t.status, t.params] for t in trials)
    with open("seen.json", "w") as file:
        json.dump(seen, file, indent=1)
    with open(path, "rb") as source, gzip.open("orion_db.pkl.gz", "wb") as target:
        target.write(source.read())


main()
