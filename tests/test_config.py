"""Settings: their layers, their names, and what bad ones get."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from orion_like.config import (
    OPTIONS,
    Settings,
    default_database_path,
    global_files,
    load_settings,
)
from orion_like.errors import ConfigurationError


@pytest.fixture(autouse=True)
def a_home_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the user's and the site's directories at empty ones, on every platform."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "site"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    for option in OPTIONS:
        for variable in option.variables:
            monkeypatch.delenv(variable, raising=False)
    return home


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def from_file(tmp_path: Path, text: str, name: str = "local.yaml") -> Settings:
    return load_settings(write(tmp_path / name, text))


# --- layers -----------------------------------------------------------------------------------


def test_without_any_configuration_every_setting_has_its_default() -> None:
    settings = load_settings()

    assert settings["experiment.max_trials"] is None
    assert settings["experiment.max_broken"] == 3
    assert settings["experiment.algorithm"] == "auto"
    assert settings["worker.heartbeat"] == 120
    assert settings.origin("worker.heartbeat") == "default"


def test_each_layer_wins_over_the_ones_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, user = global_files()
    key = "worker.n_workers"
    seen = []

    def look(**arguments: object) -> None:
        settings = load_settings(**arguments)  # type: ignore[arg-type]
        seen.append((settings[key], settings.origin(key)))

    look()
    write(site, "worker: {n_workers: 2}")
    look()
    write(user, "worker: {n_workers: 3}")
    look()
    monkeypatch.setenv("ORION_N_WORKERS", "4")
    look()
    monkeypatch.setenv("ORION_LIKE_N_WORKERS", "5")
    look()
    local = write(tmp_path / "local.yaml", "worker: {n_workers: 6}")
    look(file=local)
    look(file=local, overrides={key: 7})

    assert seen == [
        (1, "default"),
        (2, f"file {site}"),
        (3, f"file {user}"),
        (4, "environment ORION_N_WORKERS"),
        (5, "environment ORION_LIKE_N_WORKERS"),
        (6, f"file {local}"),
        (7, "argument"),
    ]


def test_only_a_local_file_and_arguments_are_explicit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(global_files()[1], "worker: {heartbeat: 10}")
    monkeypatch.setenv("ORION_LIKE_N_WORKERS", "4")
    local = write(tmp_path / "local.yaml", "max_trials: 5")

    settings = load_settings(local, {"experiment.max_broken": 9})

    assert settings["worker.heartbeat"] == 10
    assert settings.explicit("worker.heartbeat") is None
    assert settings.explicit("worker.n_workers") is None
    assert settings.explicit("experiment.max_trials") == 5
    assert settings.explicit("experiment.max_broken") == 9


def test_arguments_may_be_nested_and_none_means_not_given(tmp_path: Path) -> None:
    local = write(tmp_path / "local.yaml", "max_trials: 5")

    settings = load_settings(
        local, {"experiment": {"max_trials": None, "seed": 1}, "worker.pool_size": None}
    )

    assert settings["experiment.max_trials"] == 5
    assert settings["experiment.seed"] == 1
    assert settings.origin("worker.pool_size") == "default"


def test_an_empty_variable_is_as_good_as_none() -> None:
    settings = load_settings(environ={"ORION_DB_ADDRESS": ""})

    assert settings.origin("storage.database.host") == "default"


def test_the_directory_of_a_running_trial_is_not_taken_for_the_setting() -> None:
    inside = {"ORION_WORKING_DIR": "/trial", "ORION_TRIAL_ID": "abc"}
    outside = {"ORION_WORKING_DIR": "/everything"}

    assert load_settings(environ=inside)["experiment.working_dir"] == ""
    assert load_settings(environ=outside)["experiment.working_dir"] == "/everything"


def test_changing_a_returned_value_changes_no_default() -> None:
    load_settings()["experiment.space"]["x"] = "uniform(0, 1)"

    assert load_settings()["experiment.space"] == {}


def test_what_an_experiment_keeps_wins_over_the_environment_but_not_over_what_is_explicit(
    tmp_path: Path,
) -> None:
    local = write(tmp_path / "local.yaml", "max_broken: 9")
    environ = {"ORION_EXP_MAX_TRIALS": "50", "ORION_HEARTBEAT": "30"}
    stored = {"name": "demo", "version": 2, "max_trials": 10, "max_broken": 3, "seed": 1}

    settings = load_settings(local, environ=environ).of_experiment(stored)

    keys = ("max_trials", "max_broken", "seed", "working_dir")
    assert {key: settings.origin(f"experiment.{key}") for key in keys} == {
        "max_trials": "experiment demo-v2",
        "max_broken": f"file {local}",
        "seed": "experiment demo-v2",
        "working_dir": "default",
    }
    assert settings["experiment.max_trials"] == 10
    assert settings["worker.heartbeat"] == 30


def test_what_is_shown_of_settings_tells_no_secret() -> None:
    settings = load_settings(
        overrides={
            "storage.database": {"type": "mongodb", "host": "mongodb://ann:s3cret@db"},
            "worker.executor_configuration": {"auth": {"api_key": "s3cret"}, "threads": 2},
            "gunicorn": {"bind": "127.0.0.1:80"},
            "space": {"token": "uniform(0, 1)"},
        },
        environ={"ORION_DB_PASSWORD": "s3cret"},
    )

    shown = {option.key: settings.shown(option.key) for option in OPTIONS}

    assert "s3cret" not in repr(shown)
    assert shown["storage.database.host"] == "mongodb://ann:***@db"
    assert shown["worker.executor_configuration"] == {"auth": {"api_key": "***"}, "threads": 2}
    assert shown["experiment.space"] == {"token": "uniform(0, 1)"}


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_every_default_is_a_value_that_may_be_written(option: object) -> None:
    assert option.kind.cast(option.default) == option.default  # type: ignore[attr-defined]


def test_no_name_and_no_variable_belongs_to_two_settings() -> None:
    names = [name for o in OPTIONS for name in (o.key, *o.aliases, *o.deprecated_names)]
    variables = [variable for option in OPTIONS for variable in option.variables]

    assert len(names) == len(set(names))
    assert len(variables) == len(set(variables))


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("database: {host: a.pkl}", "storage.database.host", "a.pkl"),
        ("storage: {database: {host: a.pkl}}", "storage.database.host", "a.pkl"),
        ("storage: mongodb://host/name", "storage.url", "mongodb://host/name"),
        ("experiment: {algorithms: random}", "experiment.algorithm", "random"),
        ("algorithms: {random: {seed: 1}}", "experiment.algorithm", {"random": {"seed": 1}}),
        ("max-trials: 3", "experiment.max_trials", 3),
        ("worker: {max-trials: 3}", "worker.max_trials", 3),
        ("pool_size: 3", "worker.pool_size", 3),
        ("experiment.max_trials: 3", "experiment.max_trials", 3),
        ("name: demo", "experiment.name", "demo"),
        ("space: {lr-rate: 'uniform(0, 1)'}", "experiment.space", {"lr-rate": "uniform(0, 1)"}),
        ("objectives: accuracy", "experiment.objectives", ["accuracy"]),
        ("constraints: ['x + y <= 1']", "experiment.constraints", ["x + y <= 1"]),
        ("retry: 2", "worker.max_retries", 2),
        ("branch_from: old", "evc.branch_from", "old"),
    ],
)
def test_a_setting_is_known_by_all_its_names(
    tmp_path: Path, text: str, key: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    settings = from_file(tmp_path, text)

    assert settings[key] == value
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("experiment: {worker_trials: 3}", "worker.max_trials", 3),
        ("worker_trials: 3", "worker.max_trials", 3),
        ("worker: {max_idle_time: 3}", "worker.idle_timeout", 3),
        ("user_script_config: conf", "worker.user_script_config", "conf"),
    ],
)
def test_a_deprecated_name_works_and_says_what_to_write(
    tmp_path: Path, text: str, key: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        settings = from_file(tmp_path, text)

    assert settings[key] == value
    assert f"use {key}" in caplog.text


@pytest.mark.parametrize("text", ["producer: {strategy: x}", "experiment: {strategy: {a: 1}}"])
def test_the_parallel_strategy_is_ignored_with_a_warning(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        from_file(tmp_path, text)

    assert "strategy is ignored" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("experiment: {max_trails: 3}", "'experiment.max_trails' (did you mean 'experiment.max_tr"),
        ("wroker: {heartbeat: 3}", "'wroker' (did you mean 'worker'?)"),
        ("storage: {heartbeat: 3}", "'storage.heartbeat' (did you mean 'worker.heartbeat'?)"),
        ("zzzzzz: 3", "'zzzzzz' (see the documentation"),
    ],
)
def test_an_unknown_name_is_refused_with_file_name_and_suggestion(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_file(tmp_path, text)

    assert "local.yaml: unknown setting" in str(caught.value)
    assert said in str(caught.value)


def test_asking_for_an_unknown_setting_or_section_is_refused() -> None:
    settings = load_settings()

    with pytest.raises(ConfigurationError, match=r"did you mean 'worker\.heartbeat'"):
        settings["worker.hartbeat"]
    with pytest.raises(ConfigurationError, match="did you mean 'worker'"):
        settings.section("wroker")


def test_a_section_gives_its_settings_without_the_prefix() -> None:
    settings = load_settings(overrides={"database": {"type": "EphemeralDB"}})

    assert settings.section("storage")["database"]["type"] == "ephemeraldb"
    assert settings.section("database") == settings.section("storage.database")
    assert settings.to_dict()["storage"] == settings.section("storage")


def test_what_describes_one_experiment_is_refused_in_a_file_for_all() -> None:
    write(global_files()[1], "experiment: {name: demo}")

    with pytest.raises(ConfigurationError, match=r"experiment\.name describes one experiment"):
        load_settings()


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("experiment.max_trials", "1e9", 10**9),
        ("experiment.max_trials", "inf", None),
        ("experiment.max_trials", None, None),
        ("experiment.max_trials", 20.0, 20),
        ("worker.heartbeat", "0.5", 0.5),
        ("worker.trial_timeout", float("inf"), None),
        ("experiment.name", 2023, "2023"),
        ("experiment.name", "none", "none"),
        ("experiment.name", None, None),
        ("storage.database.type", "PickledDB", "pickleddb"),
        ("evc.non_monitored_arguments", "a:b", ["a", "b"]),
        ("frontends_uri", "http://a, http://b", ["http://a", "http://b"]),
        ("experiment.algorithm", '{"random": {}}', {"random": {}}),
    ],
)
def test_a_value_is_cast_to_what_it_must_be(
    tmp_path: Path, key: str, written: object, value: object
) -> None:
    text = json.dumps({key: written}) if written != float("inf") else f"{key}: .inf"

    settings = from_file(tmp_path, text)

    assert settings[key] == value


@pytest.mark.parametrize(
    ("key", "written", "said"),
    [
        ("experiment.max_trials", "many", "a whole number ≥ 1, or null for no limit, not 'many'"),
        ("experiment.max_trials", 0, "a whole number ≥ 1"),
        ("experiment.max_trials", True, "a whole number ≥ 1"),
        ("experiment.max_broken", 1.5, "a whole number ≥ 1, not 1.5"),
        ("experiment.max_broken", float("inf"), "a whole number ≥ 1, not inf"),
        ("storage.database.port", 70000, "between 1 and 65535"),
        ("worker.heartbeat", 0, "a number of seconds > 0, or a time span"),
        ("worker.heartbeat", [1], "a number of seconds > 0, or a time span"),
        ("evc.enable", "perhaps", "true or false"),
        ("experiment.name", False, "text"),
        ("experiment.space", "x", "a mapping"),
        ("experiment.objectives", [3], "a list of texts or mappings, not [3]"),
        ("evc.code_change_type", "bad", "one of noeffect, break, unsure"),
        ("storage.database.type", "mysql", "one of pickleddb, mongodb, ephemeraldb"),
        ("experiment.working_dir", 3, "a path"),
        ("frontends_uri", 3, "a list"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_right(key: str, written: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(overrides={key: written})

    assert f"{key} must be " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", False), ("false", False), ("No", False), ("off", False), ("1", True), ("YES", True)],
)
def test_a_boolean_from_the_environment_means_what_it_says(text: str, value: bool) -> None:
    assert load_settings(environ={"ORION_EVC_ENABLE": text})["evc.enable"] is value


def test_a_wrong_variable_is_named_in_the_error() -> None:
    with pytest.raises(ConfigurationError, match="environment variable ORION_LIKE_HEARTBEAT"):
        load_settings(environ={"ORION_LIKE_HEARTBEAT": "soon"})


def test_a_trial_counts_as_lost_after_two_heartbeats_unless_said_otherwise() -> None:
    assert load_settings(overrides={"heartbeat": 7})["worker.lost_threshold"] == 14
    assert load_settings(overrides={"lost_threshold": 500})["worker.lost_threshold"] == 500
    with pytest.raises(ConfigurationError, match=r"more than worker\.heartbeat"):
        load_settings(overrides={"heartbeat": 7, "lost_threshold": 7})


# --- storage ----------------------------------------------------------------------------------


def test_the_default_storage_is_a_file_in_the_data_directory(
    a_home_without_settings: Path,
) -> None:
    storage = load_settings().storage

    assert storage == {
        "type": "legacy",
        "database": {"type": "pickleddb", "host": str(default_database_path())},
    }
    assert a_home_without_settings in default_database_path().parents


def test_storage_holds_what_was_set_and_no_defaults_of_others() -> None:
    settings = load_settings(
        overrides={"database": {"type": "mongodb", "name": "demo", "username": "me"}}
    )

    assert settings.storage == {
        "type": "legacy",
        "database": {
            "type": "mongodb",
            "host": "localhost",
            "name": "demo",
            "username": "me",
        },
    }


def test_another_place_for_documents_replaces_the_old_one_whole(tmp_path: Path) -> None:
    mongo = "database: {type: mongodb, host: 'mongodb://cluster', name: team}"
    write(global_files()[1], mongo)

    other_kind = from_file(tmp_path, "database: {type: pickleddb}")
    a_url = from_file(tmp_path, "storage: here.pkl")
    other_name = from_file(tmp_path, "database: {name: mine}")

    assert other_kind.storage["database"]["host"] == str(default_database_path())  # type: ignore[index]
    assert a_url.storage == "here.pkl"
    assert other_name.storage["database"]["host"] == "mongodb://cluster"  # type: ignore[index]


def test_a_database_in_a_later_layer_replaces_a_url() -> None:
    settings = load_settings(
        overrides={"database": {"host": "mine.pkl"}}, environ={"ORION_LIKE_STORAGE": "team.pkl"}
    )

    assert settings.storage == {
        "type": "legacy",
        "database": {"type": "pickleddb", "host": "mine.pkl"},
    }


def test_a_host_that_is_the_uri_of_a_mongodb_needs_no_type() -> None:
    settings = load_settings(environ={"ORION_DB_ADDRESS": "mongodb://ann:sesame@db/team"})

    assert settings.storage == {
        "type": "legacy",
        "database": {"type": "mongodb", "host": "mongodb://ann:sesame@db/team"},
    }


def test_the_uri_of_a_mongodb_is_refused_as_the_path_of_a_file_without_its_password() -> None:
    environ = {"ORION_DB_ADDRESS": "mongodb://ann:sesame@db/team", "ORION_DB_TYPE": "pickleddb"}

    with pytest.raises(ConfigurationError, match="is the URI of a MongoDB") as caught:
        load_settings(environ=environ)

    assert "sesame" not in str(caught.value)


def test_a_storage_given_twice_in_one_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="given twice"):
        from_file(tmp_path, "storage: {url: a.pkl, database: {host: b.pkl}}")


def test_debug_keeps_everything_in_memory() -> None:
    assert load_settings(overrides={"debug": True, "storage": "a.pkl"}).storage == "memory://"


def test_printing_settings_tells_no_password() -> None:
    settings = load_settings(overrides={"database.password": "sesame"})

    assert "sesame" not in repr(settings)


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "experiment:\n  max_trials: 3\n"),
        ("a.json", '{"experiment": {"max_trials": 3}}'),
        ("a.toml", "[experiment]\nmax_trials = 3\n"),
        ("no_suffix", "max_trials: 3"),
    ],
)
def test_a_file_may_be_yaml_json_or_toml(tmp_path: Path, name: str, text: str) -> None:
    assert from_file(tmp_path, text, name)["experiment.max_trials"] == 3


@pytest.mark.parametrize("text", ["", "# nothing\n", "experiment:\n  # max_trials: 3\n"])
def test_a_file_of_comments_sets_nothing(tmp_path: Path, text: str) -> None:
    assert from_file(tmp_path, text).to_dict() == load_settings().to_dict()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: [1", "is not valid: .*line 1"),
        ("a.json", "{'a': 1}", "is not valid: .*line 1"),
        ("a.toml", "a = ?\n", "is not valid: .*line 1"),
        ("a.yaml", "- 1", "must hold a mapping of settings, not a list"),
        ("a.yaml", "worker: 3", "worker is a section and must hold a mapping, not 3"),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []", "is not valid"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match="(?s)" + name + ".*" + said):
        from_file(tmp_path, text, name)


@pytest.mark.parametrize(
    "text",
    [
        'database: {password: "sesame}',
        "database: {password: *sesame}",
        "database: {password: !sesame x}",
        "database: {password: [sesame]}",
        "database: mongodb://ann:sesame@db",
        "database: {port: 'mongodb://ann:sesame@db'}",
    ],
)
def test_no_error_tells_a_password(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"local\.yaml") as refused:
        from_file(tmp_path, text)

    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "database: {password: sesame}",
        "storage: mongodb://ann:sesame@db/team",
        "database: {host: 'mongodb://ann:sesame@db/team'}",
    ],
)
def test_a_file_with_a_password_that_others_can_read_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = write(global_files()[1], text)
    path.chmod(0o644)

    load_settings()
    load_settings()

    [record] = caplog.records
    assert f"chmod 600 {path}" in record.getMessage()
    assert "sesame" not in record.getMessage()


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("database: {password: sesame}", 0o600),
        ("database: {host: 'mongodb://ann@db/team', username: ann}", 0o644),
        ("storage: team.pkl", 0o666),
    ],
)
def test_nothing_is_said_of_files_that_are_private_or_hold_no_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, mode: int
) -> None:
    write(global_files()[1], text).chmod(mode)

    load_settings()

    assert not caplog.records


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.yaml cannot be read: No such file"):
        load_settings(tmp_path / "missing.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path / "binary.yaml")


def test_importing_the_settings_loads_no_heavy_library() -> None:
    code = (
        "import sys, orion_like.config;"
        "print(*{'yaml', 'numpy', 'scipy', 'pymongo', 'platformdirs'} & set(sys.modules))"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == ""
