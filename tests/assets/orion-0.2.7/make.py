"""Makes the sample data in this directory, by running Oríon 0.2.7 itself.

It runs in an environment that has Oríon, not this package: Python 3.11, pip 23.3.2,
setuptools 65.7.0, and

    pip install orion==0.2.7 typing_extensions numpy==1.26.4 scipy==1.11.4 pandas==1.5.3 \
        scikit-learn==1.3.2 scikit-optimize==0.9.0 pymongo==4.3.3 falcon==3.1.1 \
        plotly==5.13.1 kaleido==0.2.1 filelock==3.12.4

Usage, with that environment's Python, and its ``bin`` on PATH:

    python make.py pickleddb orion_db.pkl.gz                  # also writes expected.json
    python make.py mongodb mongodb://host/name orion_mongodb.json.gz

The second one wants an empty database on a server, and exports what Oríon left in it in
MongoDB's extended JSON. Both work in the directory /tmp/orion-sample, whose path is in the
documents that they make.
"""

import gzip
import json
import math
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import yaml
from orion.client import build_experiment, get_experiment
from orion.core.worker.warm_start.knowledge_base import KnowledgeBase
from orion.storage.base import setup_storage

WORKSHOP = Path("/tmp/orion-sample")
SCRIPT = """#!/usr/bin/env python
import argparse
from orion.client import report_results
parser = argparse.ArgumentParser()
parser.add_argument("-x", type=float)
parser.add_argument("--depth", type=int)
parser.add_argument("--momentum", type=float, default=0.5)
parser.add_argument("--config")
values = parser.parse_args()
report_results([
    {"name": "error", "type": "objective", "value": values.x**2 + values.depth},
    {"name": "seconds", "type": "statistic", "value": 1.5},
])
"""
SETTINGS = {"model": {"layers": "orion~uniform(1, 4, discrete=True)", "kind": "small"}}


def main():
    kind, *rest = sys.argv[1:]
    os.environ["LOGNAME"] = "ann"
    shutil.rmtree(WORKSHOP, ignore_errors=True)
    WORKSHOP.mkdir()
    if kind == "pickleddb":
        (output,) = (Path(path).absolute() for path in rest)
        os.chdir(WORKSHOP)
        database = {"type": "pickleddb", "host": str(WORKSHOP / "orion_db.pkl")}
        make(database)
        multi_fidelity(database)
        reserve_by_hand(database)
        expected = json.dumps(expectations(database), indent=1, sort_keys=True, default=str)
        (output.parent / "expected.json").write_text(expected + "\n")
        write(output, (WORKSHOP / "orion_db.pkl").read_bytes())
    else:
        uri, output = rest
        output = Path(output).absolute()
        os.chdir(WORKSHOP)
        make({"type": "mongodb", "host": uri})
        reserve_by_hand({"type": "mongodb", "host": uri})
        write(output, export(uri).encode())


def write(path, content):
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(content)


# --- experiments ---------------------------------------------------------------------------------


def make(database):
    storage = {"type": "legacy", "database": database}
    every_prior_and_status(storage)
    versions_by_command_line(database)
    setup_storage(storage).create_benchmark(
        {
            "name": "race",
            "algorithms": ["random", {"tpe": {"n_initial_points": 5}}],
            "targets": [
                {
                    "assess": {"AverageResult": {"repetitions": 2}},
                    "task": {"RosenBrock": {"max_trials": 5, "dim": 2}},
                }
            ],
        }
    )


def every_prior_and_status(storage):
    space = {
        "lr": "loguniform(1e-5, 1.0)",
        "width": "loguniform(8, 512, discrete=True)",
        "dropout": "uniform(0, 0.5, default_value=0.1)",
        "exact": "uniform(0, 1, precision=8)",
        "noise": "normal(0, 1)",
        "gauss": "gaussian(0, 2)",
        "shift": "uniform(-5, 10, discrete=True)",
        "kind": "choices(['relu', 'tanh', None, 3, 0.5, True])",
        "weighted": "choices({'a': 0.2, 'b': 0.8}, default_value='a')",
        "filters": "uniform(1, 9, discrete=True, shape=3)",
        "matrix": "uniform(0, 1, shape=(2, 2))",
        "other": "gamma(2, loc=1, scale=3)",
        "optimizer": {"name": "choices(['sgd', 'adam'])", "beta": "uniform(0.8, 1)"},
        "epochs": "fidelity(1, 16, base=4)",
    }
    client = build_experiment(
        "priors",
        space=space,
        algorithm={"random": {"seed": 7}},
        max_trials=20,
        max_broken=5,
        working_dir=str(WORKSHOP / "priors"),
        storage=storage,
    )
    results = [
        {"name": "loss", "type": "objective", "value": 0.25},
        {"name": "memory", "type": "constraint", "value": -1.5},
        {"name": "slope", "type": "gradient", "value": [0.1, -0.2]},
        {"name": "accuracy", "type": "statistic", "value": 0.75},
    ]
    client.observe(client.suggest(), results)
    client.observe(client.suggest(), [{"name": "loss", "type": "objective", "value": 2}])
    client.observe(client.suggest(), [{"name": "loss", "type": "objective", "value": math.nan}])
    trials = [client.suggest() for _ in range(3)]
    client.suggest(pool_size=3)  # one stays reserved, two new
    for trial, status in zip(trials, ("broken", "interrupted", "suspended"), strict=True):
        client.release(trial, status=status)
    point = {"lr": 0.01, "width": 64, "exact": 1 / 3, "noise": 0.5, "gauss": -0.5, "shift": 0}
    point.update({"kind": None, "weighted": "b", "filters": [1, 2, 3]})
    point.update(
        {
            "matrix": [[0.1, 0.2], [0.3, 0.4]],
            "other": 2.5,
            "optimizer.name": "adam",
            "optimizer.beta": 0.9,
            "epochs": 4,
        }
    )
    client.insert({**point, "dropout": 0.2})
    client.insert(point)


def reserve_by_hand(database):
    """Reserve a trial of `priors`; Oríon leaves a number in its heartbeat, then fails on it."""
    storage = {"type": "legacy", "database": database}
    client = build_experiment("priors", storage=storage)
    client.reserve(client.fetch_trials_by_status("interrupted")[0])


def versions_by_command_line(database):
    (WORKSHOP / "script.py").write_text(SCRIPT)
    (WORKSHOP / "script.py").chmod(0o755)
    (WORKSHOP / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    (WORKSHOP / "orion.yaml").write_text(
        yaml.safe_dump({"storage": {"type": "legacy", "database": database}})
    )
    git("init", "-q")
    git("add", "script.py")
    git("commit", "-q", "-m", "script")
    words = ["./script.py", "--config", "settings.yaml", "-x~uniform(-5, 5)"]
    depth = "--depth~uniform(1, 3, discrete=True)"
    hunt("script", 3, [*words, depth])
    hunt("script", 6, [*words, depth, "--momentum~+uniform(0, 1, default_value=0.5)"])
    hunt("script", 12, [*words, depth], "--branch-to", "branch", "--branch-from", "script")


def git(*words):
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *who, *words], check=True)


def hunt(name, max_trials, words, *options):
    options = [*options, "--exp-max-trials", str(max_trials), "--worker-max-trials", "3"]
    command = ["orion", "hunt", "-c", "orion.yaml", "--enable-evc", "-n", name, "-u", "ann"]
    subprocess.run([*command, *options, *words], check=True)


def multi_fidelity(database):
    storage = {"type": "legacy", "database": database}
    space = {"x": "uniform(0, 1)", "epochs": "fidelity(1, 4, base=2)"}
    run("promoted", space, {"asha": {"seed": 1, "repetitions": 1}}, 7, storage)
    pbt = {"seed": 1, "population_size": 3, "generations": 2}
    pbt["exploit"] = {
        "of_type": "TruncateExploit",
        "min_forking_population": 2,
        "truncation_quantile": 0.9,
        "candidate_pool_ratio": 0.4,
    }
    run("population", space, {"pbt": pbt}, 7, storage)
    knowledge = KnowledgeBase(setup_storage(storage))
    run("warmed", {"x": "uniform(0, 1)"}, "random", 2, storage, knowledge)


def run(name, space, algorithm, n_trials, storage, knowledge_base=None):
    client = build_experiment(
        name,
        space=space,
        algorithm=algorithm,
        max_trials=1000,
        storage=storage,
        knowledge_base=knowledge_base,
    )
    for _ in range(n_trials):
        trial = client.suggest()
        client.observe(trial, (trial.params["x"] - 0.3) ** 2)
    client.close()


# --- what Oríon itself says of them --------------------------------------------------------------


def expectations(database):
    storage = setup_storage({"type": "legacy", "database": database})
    documents = sorted(storage.fetch_experiments({}), key=lambda doc: doc["_id"])
    titles = {doc["_id"]: f"{doc['name']}-v{doc['version']}" for doc in documents}
    return [expected(storage, document, titles) for document in documents]


def expected(storage, document, titles):
    trials = storage.fetch_trials(uid=document["_id"])
    space = get_experiment(document["name"], document["version"], storage=storage).space
    return {
        "title": titles[document["_id"]],
        "parent": titles.get(document["refers"]["parent_id"]),
        "root": titles[document["refers"]["root_id"]],
        "adapters": [adapter["of_type"] for adapter in document["refers"]["adapter"]],
        "space": space.configuration,
        "algorithm": list(document["algorithm"]),
        "max_trials": document["max_trials"],
        "user": document["metadata"]["user"],
        "created": document["metadata"]["datetime"],
        "trials": [trial_facts(trial) for trial in trials],
    }


def trial_facts(trial):
    return {
        "id": trial.id,
        "hash_params": trial.hash_params,
        "legacy_id": trial.legacy_id,
        "full_name": trial.full_name,
        "params": trial.params,
        "types": {param.name: param.type for param in trial._params},
        "status": trial.status,
        "results": [result.to_dict() for result in trial.results],
        "parent": trial.parent,
        "exp_working_dir": trial.exp_working_dir,
        "times": [trial.submit_time, trial.start_time, trial.end_time],
        "heartbeat": trial.heartbeat,
    }


def export(uri):
    import bson.json_util
    import pymongo

    database = pymongo.MongoClient(uri).get_default_database()
    content = {
        name: {
            "indexes": list(database[name].list_indexes()),
            "documents": list(database[name].find()),
        }
        for name in sorted(database.list_collection_names())
    }
    return bson.json_util.dumps(content, indent=1)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # Oríon's threads for trials that stay reserved never end
