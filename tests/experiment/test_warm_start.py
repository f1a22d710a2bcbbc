"""Starting an experiment from the trials of others, wherever they are."""

import json
import shutil
from pathlib import Path

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import BranchingEvent, ConfigurationError
from orion_like.experiment.warm_start import Source
from orion_like.storage import EphemeralDB, Storage, setup_storage
from orion_like.storage.transfer import copy

ASSETS = Path(__file__).parents[1] / "assets" / "optuna-5.0.0"

SPACE = {"x": "uniform(0, 1)", "c": "choices(['a', 'b'])"}
FOUND = [({"x": 0.25, "c": "b"}, 2.5), ({"x": 0.5, "c": "a"}, 1.5)]
OPEN = {"x": 0.75, "c": "a"}


@pytest.fixture
def storage():
    return Storage(EphemeralDB())


@pytest.fixture
def every_storage(database):
    return Storage(database)


def fill(storage, name="source", space=SPACE, found=FOUND, **options):
    """Make an experiment with completed trials."""
    client = build_experiment(name, space=space, storage=storage, **options)
    for params, value in found:
        client.insert(params, [{"name": "objective", "type": "objective", "value": value}])
    return client


def start(storage, source, space=SPACE, **options):
    options = {"algorithm": "random", "seed": 1, **options}
    return build_experiment("target", space=space, storage=storage, warm_start=source, **options)


def known(client):
    """Return the point and objective of each trial that an experiment starts from."""
    return [
        (trial.flat_params, trial.objective.value)
        for task in client.experiment.prior_tasks
        for trial in task.trials
    ]


def summaries(client):
    return [source["summary"] for source in client.experiment.warm_start["sources"]]


# --- every source ---------------------------------------------------------------------------------


def of_own_database(tmp_path, storage, mongodb):
    client = fill(storage)
    client.insert(OPEN)
    return "source"


def of_a_version(tmp_path, storage, mongodb):
    fill(storage)
    return "source:1"


def of_a_client(tmp_path, storage, mongodb):
    return fill(tmp_path / "other.pkl")


def of_another_file(tmp_path, storage, mongodb):
    fill(tmp_path / "other.pkl").close()
    return f"{tmp_path}/other.pkl#source:1"


def of_a_server(tmp_path, storage, mongodb):
    fill(mongodb()).close()
    return f"{mongodb()}#source"


def of_a_whole_database(tmp_path, storage, mongodb):
    fill(tmp_path / "other.pkl").close()
    return tmp_path / "other.pkl"


def of_csv(tmp_path, storage, mongodb):
    (tmp_path / "runs.csv").write_text(
        "x;c;state;objective\n0.25;b;;2.5\n0.5;a;;1.5\n0.75;a;RUNNING;\n"
    )
    return f"{tmp_path}/runs.csv"


def of_json(tmp_path, storage, mongodb):
    rows = [{**params, "objective": value} for params, value in FOUND]
    (tmp_path / "runs.json").write_text(json.dumps(rows))
    return tmp_path / "runs.json"


def of_json_lines_of_documents(tmp_path, storage, mongodb):
    client = fill(storage, "other")
    lines = [json.dumps(t.to_dict(), default=str) for t in client.fetch_trials()]
    (tmp_path / "trials.jsonl").write_text("\n".join(lines))
    return tmp_path / "trials.jsonl"


def of_columns_in_json(tmp_path, storage, mongodb):
    fill(storage, "other").to_pandas().to_json(tmp_path / "frame.json", date_format="iso")
    return tmp_path / "frame.json"


def of_a_frame(tmp_path, storage, mongodb):
    client = fill(storage, "other")
    client.insert(OPEN)
    return client.to_pandas()


def of_sqlite(tmp_path, storage, mongodb):
    return f"optuna://{ASSETS}/studies.db#added"


def of_sqlite_by_its_address(tmp_path, storage, mongodb):
    return {"optuna": f"sqlite:///{ASSETS}/studies.db", "study": "added"}


def of_a_journal(tmp_path, storage, mongodb):
    return f"{ASSETS}/studies.log#added"


@pytest.fixture
def mongodb(request):
    """Return a function that gives the address of a MongoDB; a server is started if need be."""
    return lambda: request.getfixturevalue("mongodb_uri")


SOURCES = [
    of_own_database, of_a_version, of_a_client, of_another_file, of_a_whole_database, of_csv,
    of_json, of_json_lines_of_documents, of_columns_in_json, of_a_frame, of_sqlite,
    of_sqlite_by_its_address, of_a_journal,
    pytest.param(of_a_server, marks=pytest.mark.mongodb),
]  # fmt: skip


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_gives_the_same_trials(make, tmp_path, mongodb):
    storage = setup_storage(tmp_path / "own.pkl")

    client = start(storage, make(tmp_path, storage, mongodb))

    assert known(client) == FOUND
    assert summaries(client)[0].startswith("2 of 2 trials of ")
    assert client.suggest().params == FOUND[1][0]


@pytest.mark.parametrize("file", ["studies.db", "studies.log"])
def test_studies_of_optuna_come_with_their_directions_types_and_choices(storage, file):
    space = {
        "lr": "loguniform(1e-5, 1)",
        "layers": "uniform(1, 8, discrete=True)",
        "width": "uniform(16, 256, discrete=True)",
        "optimizer": "choices(['adam', 'sgd', None, 3, True])",
        "momentum": "uniform(0, 1) if optimizer == 'sgd'",
    }

    client = start(storage, f"{ASSETS / file}#branin", space, objectives=["loss"])

    trials = dict(enumerate(known(client)))
    assert len(trials) == 9  # of 14: pruned, failed, NaN and waiting ones are not
    assert trials[0][0] == {
        "lr": 0.0012164941464151843, "layers": 6, "width": 16, "optimizer": True,
    }  # fmt: skip
    assert "momentum" in trials[1][0]
    assert trials[0][1] == 0.48511002351287014  # maximized there


def test_objectives_are_matched_by_name_and_turned_where_directions_differ(storage):
    objectives = ["accuracy:minimize", "loss:minimize"]
    space = {"x": "uniform(0, 1)", "y": "uniform(0, 1)"}

    client = start(storage, f"{ASSETS}/studies.db#two", space, objectives=objectives)

    (params, accuracy), *_ = known(client)
    assert accuracy == -params["y"]
    assert client.experiment.prior_tasks[0].trials[0].objectives[1].value == params["x"]


def test_infeasible_trials_of_optuna_are_left_out(storage):
    for file in ("studies.db", "studies.log"):
        client = build_experiment(
            file, space={"x": "uniform(0, 1)"}, storage=storage,
            warm_start=f"{ASSETS / file}#limited",
        )  # fmt: skip

        assert known(client)
        assert all(params["x"] <= 0.5 for params, _ in known(client))


# --- fitting --------------------------------------------------------------------------------------


def test_trials_that_lack_a_dimension_get_its_default_or_are_left_out(storage):
    fill(storage)

    with_default = start(storage, "source", {**SPACE, "depth": "randint(1, 9, default_value=3)"})
    assert [params["depth"] for params, _ in known(with_default)] == [3, 3]
    assert summaries(with_default) == [
        "2 of 2 trials of 'source-v1' fit (2 with the default of 'depth')"
    ]

    without = build_experiment(
        "without", space={**SPACE, "depth": "randint(1, 9)"}, storage=storage, warm_start="source"
    )
    assert known(without) == []
    assert summaries(without) == ["0 of 2 trials of 'source-v1' fit: 2 lack 'depth'"]


def test_values_outside_are_left_out_or_moved_to_the_bounds(storage):
    fill(storage)
    narrow = {"x": "uniform(0.4, 0.6)", "c": "choices(['a', 'b'])"}

    client = start(storage, "source", narrow)
    assert known(client) == [FOUND[1]]
    assert "1 have a value of 'x' that is not possible here" in summaries(client)[0]

    clipped = build_experiment(
        "clipped", space=narrow, storage=storage,
        warm_start={"experiment": "source", "outside": "clip"},
    )  # fmt: skip
    assert known(clipped) == [({"x": 0.4, "c": "b"}, 2.5), FOUND[1]]


def test_unknown_categories_and_broken_constraints_leave_trials_out(storage):
    fill(storage)

    client = start(
        storage, "source", {**SPACE, "c": "choices(['b', 'z'])"}, constraints=["x <= 0.2"]
    )

    assert known(client) == []
    assert "1 have a value of 'c'" in summaries(client)[0]
    assert "1 break an input constraint" in summaries(client)[0]


def test_dimensions_are_renamed_and_further_ones_ignored(storage):
    fill(storage)

    client = start(
        storage, {"experiment": "source", "rename": {"x": "rate"}}, {"rate": "uniform(0, 1)"}
    )

    assert [params for params, _ in known(client)] == [{"rate": 0.25}, {"rate": 0.5}]


def test_of_trials_with_a_fidelity_those_at_the_highest_compare(storage):
    space = {"x": "uniform(0, 1)", "epochs": "fidelity(1, 9, base=3)"}
    found = [({"x": 0.1, "epochs": 1}, 0.0), ({"x": 0.2, "epochs": 9}, 1.0)]
    fill(storage, space=space, found=found, algorithm="asha")

    client = start(storage, "source", {"x": "uniform(0, 1)"})

    assert known(client) == [({"x": 0.2}, 1.0)]
    assert "1 are below the highest fidelity" in summaries(client)[0]


# --- documents are the only truth -----------------------------------------------------------------


def test_it_starts_from_copies_that_neither_growth_nor_loss_of_the_source_changes(every_storage):
    source = fill(every_storage)
    first = start(every_storage, "source", algorithm="tpe")
    source.insert({"x": 0.9, "c": "a"}, [{"name": "o", "type": "objective", "value": -9.0}])

    again = get_experiment("target", mode="x", storage=every_storage)
    assert known(again) == FOUND

    every_storage.delete_experiment(source.id)
    third = get_experiment("target", mode="x", storage=every_storage)
    assert known(third) == FOUND
    points = [
        client.experiment.algorithm.suggest(client.experiment.algorithm.problem.stream(n), n)
        for client in (first, again, third)
        for n in range(6)
    ]
    assert points[:6] == points[6:12] == points[12:]


def test_its_copies_are_deleted_with_it(every_storage):
    fill(every_storage)
    client = start(every_storage, "source")
    assert every_storage.database.count("prior_trials") == 2

    every_storage.delete_experiment(client.id)

    assert every_storage.database.count("prior_trials") == 0


def test_its_copies_go_where_it_is_copied_to(every_storage, tmp_path):
    fill(every_storage)
    start(every_storage, "source")
    other = setup_storage(tmp_path / "to.pkl")

    copy(every_storage, other, name="target")

    copied = get_experiment("target", mode="x", storage=other)
    assert known(copied) == FOUND
    assert copied.suggest().params == FOUND[1][0]


def test_the_same_sources_resume_it_without_reading_them_again(every_storage, tmp_path):
    path = of_csv(tmp_path, every_storage, None)
    start(every_storage, path).suggest()
    (tmp_path / "runs.csv").unlink()

    assert known(start(every_storage, path)) == FOUND


def test_other_sources_are_refused_once_there_are_trials_and_taken_before(every_storage, tmp_path):
    fill(every_storage)
    start(every_storage, "source")
    (tmp_path / "other.csv").write_text("x,c,objective\n0.1,a,1\n")

    client = start(every_storage, tmp_path / "other.csv")
    assert known(client) == [({"x": 0.1, "c": "a"}, 1.0)]
    assert every_storage.database.count("prior_trials") == 1

    client.suggest()
    with pytest.raises(BranchingEvent, match=r"other sources of a warm start \(source\)"):
        start(every_storage, "source")


def test_trials_that_count_are_those_of_the_experiment_alone(every_storage):
    fill(every_storage)

    client = start(every_storage, {"experiment": "source", "task": "same"}, max_trials=3)
    client.workon(lambda x, c: x, n_workers=1)

    assert client.stats.trials_completed == 3
    assert client.stats.best_evaluation == min(t.objective.value for t in client.fetch_trials())


def test_a_knowledge_base_is_all_experiments_of_a_storage_that_fit(every_storage, tmp_path):
    place = tmp_path / "known.pkl"
    fill(place, "fits").close()
    fill(place, "misfits", {"z": "uniform(0, 1)"}, [({"z": 0.5}, 0.0)]).close()
    orions = {"KnowledgeBase": {"storage": {"type": "legacy", "database": {
        "type": "pickleddb", "host": str(place)}}}}  # fmt: skip

    client = build_experiment("target", space=SPACE, storage=every_storage, knowledge_base=orions)

    assert known(client) == FOUND
    assert [source["name"] for source in client.experiment.warm_start["sources"]] == ["fits-v1"]


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("sorce", r"'sorce' is neither an experiment .* \(did you mean 'source'\?\)"),
        ("missing.csv", r"there is no file .*missing\.csv"),
        ("missing.pkl#a", r"there is no database file .*missing\.pkl"),
        ("source:7", r"no version 7; it has 1"),
        ({"experiment": "source", "task": "sam"}, r"task must be related or same.*mean 'same'"),
        ({"experimnt": "source"}, r"no option 'experimnt'.*did you mean 'experiment'"),
        ({"task": "same"}, r"names no source"),
        (f"{ASSETS}/studies.db", r"several studies, say which; it has branin, two"),
        (f"{ASSETS}/studies.log#brani", r"no study 'brani' \(did you mean 'branin'\?\)"),
        (f"{ASSETS}/studies.db#two", r"has the objectives loss, accuracy.*objectives: \[NAME"),
        (7, r"a source of a warm start is the name of an experiment"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_an_error_that_says_what_would_be_right(
    storage, source, message
):
    fill(storage)

    with pytest.raises(ConfigurationError, match=f"(?s){message}"):
        start(storage, source)
    assert storage.fetch_experiment("target") is None
    assert storage.database.count("prior_trials") == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "x,c,loss\n0.1,a,1\n", r"no column for the objective .*; it has x, c, loss"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", "[1, 2]", "is no table"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_an_error_that_says_so(storage, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)

    with pytest.raises(ConfigurationError, match=message):
        start(storage, tmp_path / name)


def test_a_journal_that_is_being_written_is_read_up_to_its_last_whole_line(storage, tmp_path):
    shutil.copy(ASSETS / "studies.log", tmp_path / "live.log")
    with (tmp_path / "live.log").open("a") as file:
        file.write('{"op_code": 6, "trial_id": 0, "sta')

    assert known(start(storage, f"{tmp_path}/live.log#added")) == FOUND


def test_passwords_of_sources_are_not_stored():
    source = Source.parse("mongodb://ann:s3cret@host/db#demo")

    assert "s3cret" not in str(source.description)
    assert "s3cret" not in str(source)
