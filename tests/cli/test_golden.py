"""What commands print for programs and people, kept in files: a change of it shows in a review.

``ORION_LIKE_TEST_UPDATE_GOLDEN=1 pytest tests/cli/test_golden.py`` writes the files anew.
"""

import json
import os
import re
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from orion_like.cli import main
from orion_like.client import build_experiment, get_experiment
from orion_like.storage.workers import WORKERS, WorkerRecord, sign_on
from orion_like.version import __version__

SCRIPTS = {"good.sh": 'echo "$2"', "bad.sh": "echo 'out of luck' >&2; exit 3"}
GOLDEN = Path(__file__).parent / "golden"
UPDATE = "ORION_LIKE_TEST_UPDATE_GOLDEN" in os.environ  # other tests take such variables away
WORKER = "node7.1a2b3c4d-4711-9f8e7d6c"

COMMANDS = {
    "list": "list",
    "list-of-one": "list -n demo",
    "status": "status",
    "status-all": "status --all",
    "status-versions": "status --expand-versions",
    "info": "info -n demo",
    "info-version": "info -n grown",
    "workers": "workers",
    "doctor": "doctor",
    "config-show": "config show worker.heartbeat max_trials storage.url -n demo --heartbeat 30",
    "checkpoints-list": "checkpoints list -n saved",
    "db-check": "db check",
    "db-test": "db test",
    "diff": "diff grown 1 2",
    "insert": "insert -n demo --objective 2 -x=0.5",
    "hunt": "hunt -n demo",
}
TEXTS = ("list", "status", "status-all", "workers", "doctor", "config-show", "db-check", "retry")
TEXT_COMMANDS = {**COMMANDS, "retry": "retry failed --all"}
CSVS = ("list", "status", "status-all", "workers", "config-show")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make an experiment that is done, one with two versions, one that broke, one that saved."""
    place = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("ORION_LIKE_STORAGE", "hunts.pkl")
        for name, text in SCRIPTS.items():
            Path(name).write_text(f"#!/bin/sh\n{text}\n")
            Path(name).chmod(0o755)
        random = "--algorithm random --seed 1 --max-trials 3"
        for hunt in (
            f"-n demo {random} ./good.sh -x~uniform(0,1)",
            f"-n grown {random} ./good.sh -x~uniform(0,1)",
            "-n grown --enable-evc --seed 1 ./good.sh -x~uniform(0,2)",
            f"-n failed {random} ./bad.sh -x~uniform(0,1)",
        ):
            main(["hunt", *hunt.split()])
        options = {"algorithm": "random", "seed": 1, "max_trials": 1, "working_dir": str(place)}
        with build_experiment("saved", space={"x": "uniform(0, 1)"}, **options) as client:
            trial = client.suggest()
            with trial.save_checkpoint(3) as path:
                Path(path, "model").write_text("weights")
            trial.report(0.5, 3)
            client.observe(trial, 0.25)
        demo = get_experiment("demo", mode="w")
        record = WorkerRecord(WORKER, demo.id, __version__, n_workers=2, lost_threshold=240.0)
        sign_on(demo.storage.database, record)
        an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
        demo.storage.database.update(WORKERS, {}, {"$set": {"start": an_hour_ago}})
        demo.close()
    return place


@pytest.fixture
def experiments(made, tmp_path, monkeypatch):
    """Have commands use a copy of the database."""
    data = tmp_path / "data" / "orion_like"
    data.mkdir(parents=True)
    shutil.copy(made / "hunts.pkl", data / "orion_like_db.pkl")
    return made


VOLATILE = re.compile(
    r"start_time|finish_time|submit_time|end_time|heartbeat|created|datetime|time|elapsed_time|"
    r"sum_of_trials_time|trials_per_hour|orion_like_version|user|host|path"
)


def stable(value, place, key=""):
    """Return data with what differs from run to run, or from host to host, replaced."""
    if isinstance(value, dict):
        items = {name: stable(item, place, name) for name, item in value.items()}
        return {**items, "id": "<id>"} if "step" in items else items  # that of a checkpoint
    if isinstance(value, list):
        return [stable(item, place) for item in value]
    if value is not None and VOLATILE.fullmatch(key):
        return f"<{key}>"
    return stable_text(value, place) if isinstance(value, str) else value


def stable_text(text, place):
    for directory in (place, Path.cwd().parent):
        text = text.replace(str(directory), "<directory>")
    text = text.replace(__version__, "<version>")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)", "<time>", text)
    return re.sub(r"\b\d+:\d\d:\d\d(\.\d+)?", "<span>", text)


def compare(name, text):
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_json_keeps_its_shape(run, experiments, name):
    words = COMMANDS[name].split()
    place = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))

    outcome = run(*words[:place], "--json", *words[place:])

    assert outcome.code in (0, 1), outcome.err
    compare(
        f"{name}.json", json.dumps(stable(json.loads(outcome.out), experiments), indent=2) + "\n"
    )


@pytest.mark.parametrize("name", CSVS)
def test_csv_keeps_its_columns(run, experiments, name):
    outcome = run(*COMMANDS[name].split(), "--format", "csv")

    compare(f"{name}.csv", outcome.out.splitlines()[0] + "\n")


@pytest.mark.parametrize("name", TEXTS)
def test_tables_look_as_they_did(run, experiments, name):
    outcome = run(*TEXT_COMMANDS[name].split())

    compare(f"{name}.txt", stable_text(outcome.out, experiments))
