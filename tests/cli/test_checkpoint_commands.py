"""`orion-like checkpoints …`, and what becomes of checkpoints in `orion-like db rm`."""

import json
import os
from pathlib import Path

import pytest

from orion_like.client import build_experiment, get_experiment


@pytest.fixture(params=["file", pytest.param("mongodb", marks=pytest.mark.mongodb)])
def storage(request, monkeypatch):
    """Have all commands use one database."""
    if request.param == "mongodb":
        monkeypatch.setenv("ORION_LIKE_STORAGE", request.getfixturevalue("mongodb_uri"))


@pytest.fixture
def saved(storage):
    """Two completed trials with three checkpoints each; the second step of the first is best."""
    client = build_experiment(
        "demo", space={"x": "uniform(0, 1)"}, max_trials=2, seed=1, working_dir=os.path.abspath("w")
    )
    for losses in ((0.3, 0.1, 0.2), (0.6, 0.5, 0.4)):
        with client.suggest() as trial:
            for step, loss in enumerate(losses):
                with trial.save_checkpoint(step, {"loss": loss}) as path:
                    Path(path, "model").write_text(f"{loss}")
                trial.report(loss, step)
            client.observe(trial, loss)
    client.close()
    return client


@pytest.fixture
def answer(monkeypatch):
    """Answer the questions of the next command."""

    def answer(*lines):
        answers = iter(lines)
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: next(answers))

    return answer


def listed(run, *options):
    outcome = run("checkpoints", "list", "-n", "demo", "--format", "json", *options)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def steps(records):
    return [(record["step"], record["objective"]) for record in records]


def files():
    return sorted(path.read_text() for path in Path("w").rglob("model"))


def test_list_shows_what_there_is_and_the_best_first(run, saved):
    first, _ = saved.fetch_trials()

    everything, best = listed(run), listed(run, "--best", 2)
    of_trial = listed(run, "--trial", first.id[:6])
    table = run("checkpoints", "list", "-n", "demo")

    assert steps(everything) == [(0, 0.3), (1, 0.1), (2, 0.2), (0, 0.6), (1, 0.5), (2, 0.4)]
    assert steps(best) == [(1, 0.1), (2, 0.2)]
    assert of_trial == everything[:3]
    assert everything[0]["metadata"] == {"loss": 0.3}
    assert everything[0]["resources"] == {"model": 3}
    assert everything[0]["state"] == "completed"
    assert everything[0]["id"][:8] in table.out


def test_list_tells_what_is_not_there_any_more(run, saved):
    os.rename("w", "moved")

    assert {record["state"] for record in listed(run)} == {"missing"}


def test_keep_deletes_what_the_numbers_do_not_keep_after_asking(run, answer, saved):
    answer("no")
    refused = run("checkpoints", "keep", "-n", "demo", "--keep-trial-best", 1)
    after_refusal = files()
    answer("demo")
    done = run("checkpoints", "keep", "-n", "demo", "--keep-trial-best", 1)
    told = run("checkpoints", "keep", "-n", "demo")

    assert refused.code == 1
    assert len(after_refusal) == 6
    assert "This deletes 4 checkpoints (12 B)" in refused.out
    assert done.out.endswith("Checkpoints are kept by: trial_best 1\n4 checkpoints deleted\n")
    assert files() == ["0.1", "0.4"]
    assert told.out == "Checkpoints are kept by: trial_best 1\n"
    assert [r["state"] for r in listed(run, "--all")].count("deleted") == 4


def test_pinned_ones_are_neither_deleted_by_a_policy_nor_by_hand(run, saved):
    pinned = listed(run)[0]["id"]

    run("checkpoints", "pin", "-n", "demo", pinned[:10])
    run("checkpoints", "keep", "-n", "demo", "--keep-best", 0, "-f")
    refused = run("checkpoints", "delete", "-n", "demo", pinned, "-f")
    left = files()
    run("checkpoints", "unpin", "-n", "demo", pinned)
    deleted = run("checkpoints", "delete", "-n", "demo", pinned, "-f")

    assert left == ["0.3"]
    assert refused.code == 1
    assert "unpin it first" in refused.err
    assert deleted.out == "1 checkpoint deleted\n"
    assert files() == []


def test_what_a_trial_needs_is_deleted_by_force_only(run, saved):
    client = build_experiment("demo", max_trials=3)
    with client.suggest() as trial, trial.save_checkpoint(7) as path:
        Path(path, "model").write_text("needed")
    client.close()
    needed = next(record["id"] for record in listed(run) if record["step"] == 7)

    refused = run("checkpoints", "delete", "-n", "demo", needed)
    deleted = run("checkpoints", "delete", "-n", "demo", "--trial", trial.id, "-f")

    assert refused.code == 1
    assert "a trial may still go on from" in refused.err
    assert deleted.code == 0
    assert "needed" not in files()


def test_download_copies_the_best_or_the_latest_or_a_given_one(run, saved):
    def downloaded(*words):
        outcome = run("checkpoints", "download", "-n", "demo", *words)
        assert outcome.code == 0, outcome.err
        return Path(outcome.out.strip(), "model").read_text()

    _, second = saved.fetch_trials()
    first = listed(run)[0]["id"]

    assert downloaded("--best") == "0.1"
    assert downloaded("--latest", "-o", "here") == "0.4"
    assert downloaded("--best", "--trial", second.id, "-o", "there") == "0.4"
    assert downloaded(first, "-o", "deep/er") == "0.3"
    assert sorted(os.listdir("deep")) == ["er"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["download"], "give one of ID, --best and --latest"),
        (["download", "--latest", "-o", "."], "exists already"),
        (["download", "zzz"], "no checkpoint has an id that begins with 'zzz'"),
        (["pin", ""], "6 checkpoints have an id"),
        (["delete"], "give the ids of checkpoints"),
        (["list", "--trial", "zzz"], "no trial has an id"),
        (["keep", "--keep-all", "--keep-best", "1"], "--keep-all excludes"),
        (["lst"], "did you mean 'list'"),
    ],
)
def test_what_cannot_be_done_is_told(run, saved, words, message):
    command, *rest = words

    outcome = run("checkpoints", command, *(() if command == "lst" else ("-n", "demo")), *rest)

    assert outcome.code in (1, 2)
    assert message in outcome.err
    assert len(files()) == 6


def test_an_experiment_is_deleted_with_its_files_if_asked_for(run, answer, saved):
    Path(saved.fetch_trials()[0].checkpoint_dir, "own-file-of-a-script").touch()
    uuid = saved.experiment.uuid
    other = Path("w/checkpoints/other/model")
    other.parent.mkdir()
    other.touch()

    answer("demo", "y")
    outcome = run("db", "rm", "demo")

    assert "6 checkpoints (18 B) deleted" in outcome.out
    assert not Path("w/checkpoints", uuid).exists()
    assert other.exists()


def test_files_are_left_unless_asked_for(run, saved):
    outcome = run("db", "rm", "demo", "-f")

    assert "The files of 6 checkpoints (18 B) are left" in outcome.out
    assert len(files()) == 6


def test_a_trial_is_deleted_with_its_files_if_asked_for(run, saved):
    first, second = saved.fetch_trials()

    run("db", "rm", "demo", "--id", first.id, "--with-checkpoints", "-f")

    assert files() == ["0.4", "0.5", "0.6"]
    assert [trial.id for trial in get_experiment("demo").fetch_trials()] == [second.id]


def test_hunt_keeps_what_its_options_say(run_process, run, storage):
    Path("train.py").write_text(
        "import os\n"
        "from orion_like.client import report_objective, save_checkpoint\n"
        "for step in range(4):\n"
        "    with save_checkpoint(step) as path:\n"
        "        open(os.path.join(path, 'model'), 'w').write(str(step))\n"
        "report_objective(1.0)\n"
    )
    words = ["python", "train.py", "x~uniform(0, 1)"]

    hunted = run_process(
        "hunt", "-n", "demo", "--max-trials", 2, "--working-dir", "w",
        "--keep-trial-latest", 2, *words,
    )  # fmt: skip
    after_hunt = files()
    more = run_process("hunt", "-n", "demo", "--max-trials", 3, "--keep-trial-latest", 1)

    assert (hunted.code, more.code) == (0, 0), hunted.err + more.err
    assert after_hunt == ["2", "2", "3", "3"]
    assert files() == ["3", "3", "3"]
    assert json.loads(run("info", "-n", "demo", "--format", "json").out)["checkpoints"] == {
        "trial_latest": 1
    }


def test_scripts_save_and_find_checkpoints_by_commands(run):
    Path("state.txt").write_text("3")
    Path("model").mkdir()
    Path("model/weights").write_text("w")

    nothing_yet = run("checkpoints", "latest")
    saved = run("checkpoints", "save", "state.txt", "model/", "--step", 3)
    where = Path(run("checkpoints", "latest").out.strip())
    step = run("checkpoints", "latest", "--step")
    twice = run("checkpoints", "save", "state.txt", "./state.txt", "--step", 4)

    assert (nothing_yet.code, nothing_yet.out) == (1, "")
    assert saved.code == 0
    assert where.parent == Path("checkpoints").absolute()
    assert (where / "state.txt").read_text() == "3"
    assert (where / "model/weights").read_text() == "w"
    assert step.out == "3\n"
    assert twice.code == 2
    assert len(os.listdir("checkpoints")) == 1
