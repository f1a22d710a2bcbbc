"""New versions of experiments from the command line, and looking at them."""

import csv
import io
import json
import subprocess

import pytest

HUNT = ["hunt", "-n", "demo", "--algorithm", "random", "--max-trials", 2]
SAME = [*HUNT, "--enable-evc"]
X = "-x~uniform(0, 1)"
CONFIG = "rate: orion~uniform(0, 1)\nlayers: {depth: 3}\n"


@pytest.fixture
def adapters(run):
    """Return the latest version of `demo`, and what leads to it."""

    def adapters():
        record = json.loads(run("info", "-n", "demo", "--format", "json").out)
        return record["version"], record["adapter"]

    return adapters


def git(*words):
    identity = ["-c", "user.name=somebody", "-c", "user.email=some@body"]
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


@pytest.fixture
def repository():
    """Put the scripts under version control."""
    git("init", "-q", ".")
    git("add", ".")
    git("commit", "-q", "-m", "First")


def change_code():
    with open("good.sh", "a") as script:
        script.write("# changed\n")


# --- what is run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("change_type", [None, "noeffect", "unsure", "break"])
def test_changed_code_makes_a_version_with_what_the_user_says_of_it(
    run, repository, adapters, change_type
):
    run(*SAME, "./good.sh", X)
    change_code()
    said = [] if change_type is None else ["--code-change-type", change_type]

    outcome = run(*SAME, *said, "./good.sh", X)

    assert outcome.code == 0, outcome.err
    assert f"demo-v2: --code-change-type {change_type or 'break'}" in outcome.err
    assert adapters() == (2, [{"of_type": "codechange", "change_type": change_type or "break"}])


def test_a_commit_of_the_changes_is_a_change_too(run, repository, adapters):
    run(*SAME, "./good.sh", X)
    change_code()
    git("commit", "-q", "-a", "-m", "Second")

    run(*SAME, "./good.sh", X)

    assert adapters()[0] == 2


def test_the_name_alone_notices_changed_code_as_well(run, repository, adapters):
    run(*SAME, "./good.sh", X)
    change_code()

    outcome = run("hunt", "-n", "demo", "--enable-evc")

    assert outcome.code == 0, outcome.err
    assert adapters()[0] == 2


@pytest.mark.parametrize("said", [["--ignore-code-changes", "--enable-evc"], []])
def test_changed_code_is_ignored_on_request_and_warned_of_with_versions_off(
    run, repository, adapters, said
):
    run(*SAME, "./good.sh", X)
    change_code()

    outcome = run(*HUNT, *said, "./good.sh", X)

    assert (outcome.code, adapters()[0]) == (0, 1)
    assert ("add --enable-evc when something changes" in outcome.err) == (not said)


def test_outside_of_a_repository_code_is_not_compared(run, adapters):
    run(*SAME, "./good.sh", X)
    change_code()

    run(*SAME, "./good.sh", X)

    assert adapters()[0] == 1


def test_another_argument_makes_a_version(run, adapters):
    run(*SAME, "./good.sh", X, "--data", "a")

    outcome = run(*SAME, "--cli-change-type", "unsure", "./good.sh", X, "--data", "b")

    assert "demo-v2: --cli-change-type unsure" in outcome.err
    assert adapters() == (2, [{"of_type": "commandlinechange", "change_type": "unsure"}])


@pytest.mark.parametrize(
    "words",
    [
        ["./good.sh", X, "--scratch", "/other", "--data=a", "-v"],
        ["./good.sh", X, "-v", "--data=a", "--scratch=/else"],
        ["good.sh", X, "--data=a", "--scratch", "/tmp", "-v"],
    ],
    ids=" ".join,
)
def test_what_is_not_monitored_and_the_order_of_options_do_not_matter(run, adapters, words):
    said = [*SAME, "--non-monitored-arguments", "scratch:port"]
    run(*said, "./good.sh", X, "--scratch", "/tmp", "--data=a", "-v")

    outcome = run(*said, "./" + words[0].removeprefix("./"), *words[1:])

    assert (outcome.code, adapters()[0]) == (0, 1), outcome.err


def test_the_script_may_be_elsewhere_but_not_be_another_one(run, adapters):
    run(*SAME, "./good.sh", X)

    run(*SAME, "./chatty.sh", X)

    assert adapters() == (2, [{"of_type": "commandlinechange", "change_type": "break"}])


@pytest.fixture
def config(tmp_path):
    """A configuration file of the script, and a way to change it."""
    path = tmp_path / "work" / "model.yaml"
    path.write_text(CONFIG)
    return path


def test_what_stands_beside_the_priors_in_a_configuration_file_makes_a_version(
    run, adapters, config
):
    words = ["./good.sh", "--config", "model.yaml"]
    run("init-only", "-n", "demo", *words)
    config.write_text(CONFIG.replace("3", "4"))

    outcome = run(
        "init-only", "-n", "demo", "--enable-evc", "--config-change-type", "noeffect", *words
    )

    assert outcome.code == 0, outcome.err
    assert adapters() == (2, [{"of_type": "scriptconfigchange", "change_type": "noeffect"}])
    assert "/layers/depth: 3 → 4" in run("diff", "demo").out


def test_comments_in_a_configuration_file_and_its_place_do_not_matter(run, adapters, config):
    run("init-only", "-n", "demo", "./good.sh", "--config", "model.yaml")
    config.with_name("other.yaml").write_text("# better\n" + CONFIG)

    run("init-only", "-n", "demo", "--enable-evc", "./good.sh", "--config", "other.yaml")

    assert adapters()[0] == 1


def test_a_configuration_file_without_priors_is_watched_as_a_whole(run, adapters, config):
    config.write_text("depth: 3\n")
    words = ["./good.sh", X, "--config", "model.yaml"]
    run("init-only", "-n", "demo", *words)
    config.write_text("depth: 4\n")

    run("init-only", "-n", "demo", "--enable-evc", *words)

    assert adapters() == (2, [{"of_type": "scriptconfigchange", "change_type": "break"}])


def test_markers_in_a_configuration_file_ask_for_a_version(run, adapters, config):
    words = ["./good.sh", "--config", "model.yaml"]
    run("init-only", "-n", "demo", *words)
    config.write_text(
        "rate: orion~-0.5\nspeed: orion~+uniform(0, 2, default_value=1)\nlayers: {depth: 3}\n"
    )

    outcome = run("init-only", "-n", "demo", *words)

    assert outcome.code == 0, outcome.err
    assert [adapter["param"]["value"] for adapter in adapters()[1]] == [0.5, 1]


# --- what is searched -----------------------------------------------------------------------------


def test_markers_in_the_command_change_the_space(run, adapters, hunted):
    words = ["./good.sh", "-x~>rate", "--rate~uniform(0, 2)", "-b~+uniform(0, 1, default_value=0)"]

    outcome = run("hunt", "-n", "demo", *words)

    assert outcome.code == 0, outcome.err
    version, found = adapters()
    assert version == 2
    assert [adapter["of_type"] for adapter in found] == [
        "dimensionaddition", "dimensionrenaming", "dimensionpriorchange",
    ]  # fmt: skip
    assert run("hunt", "-n", "demo", *words).code == 0
    assert adapters()[0] == 2  # the same command again resumes it


def test_a_hunt_says_how_many_trials_a_version_learns_from(run, hunted):
    outcome = run(*HUNT, "./good.sh", "-x~+uniform(0, 2)")

    assert "It learns from 4 trials of the versions that it was made from" in outcome.err


def test_a_changed_space_is_refused_in_one_paragraph_that_names_the_choices(run, hunted):
    outcome = run(*HUNT, "./good.sh", "-x~uniform(0, 2)", "--b~uniform(0, 1)")

    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    for choice in (
        "--enable-evc",
        "-x~'+uniform(0, 2)'",
        "--b~'+uniform(0, 1)'",
        "-n",
        "db rm demo",
    ):
        assert choice in outcome.err


def test_without_automatic_resolution_the_options_for_each_change_are_named(
    run, hunted, repository
):
    words = ["./good.sh", "--rate~uniform(0, 2)", "--data", "b"]

    outcome = run(*HUNT, "--enable-evc", "--no-auto-resolution", *words)

    assert outcome.code == 1
    choices = (
        "--rate~'+uniform(0, 2)'", "-x~'>rate'", "-x~-", "--algorithm-change",
        "--cli-change-type {noeffect,unsure,break}", "--non-monitored-arguments",
    )  # fmt: skip
    for choice in choices:
        assert choice in outcome.err


def test_asking_by_hand_needs_a_terminal(run, hunted):
    outcome = run(*HUNT, "--manual-resolution", "./good.sh", "-x~uniform(0, 2)")

    assert outcome.code == 1
    assert "-x~'+uniform(0, 2)' to change it" in outcome.err


def test_settings_of_files_for_orion_and_variables_are_understood(
    run, adapters, hunted, monkeypatch
):
    with open("orion.yaml", "w") as file:
        file.write("evc: {enable: true, cli_change_type: noeffect}\n")
    monkeypatch.setenv("ORION_EVC_CODE_CHANGE", "unsure")

    run("hunt", "-n", "demo", "-c", "orion.yaml", "./good.sh", X, "--data", "b")

    assert adapters() == (2, [{"of_type": "commandlinechange", "change_type": "noeffect"}])


def test_a_branch_with_a_name_of_its_own_is_made_once_and_then_resumed(run, hunted):
    words = [*HUNT, "--branch-to", "other", "./good.sh", "-x~uniform(0, 2)"]

    first, second = run(*words), run(*words)

    assert (first.code, second.code) == (0, 0), first.err
    assert "Made a new version, other-v1" in first.err
    assert "Made a new version" not in second.err
    assert run("list").out == "demo-v1\n└── other-v1\n"


def test_a_trial_is_inserted_into_the_version_that_is_chosen(run, hunted):
    run(*SAME, "./good.sh", "-x~uniform(0, 2)")

    assert run("insert", "-n", "demo", "-v", 1, "-x=1.5").code == 2
    assert run("insert", "-n", "demo", "-v", 2, "-x=1.5").code == 0


# --- looking --------------------------------------------------------------------------------------


@pytest.fixture
def three_versions(run, hunted):
    """Versions 1, 2 and 3 of `demo`, with 4, 2 and 2 trials of their own."""
    run(*SAME, "./good.sh", "-x~uniform(0, 2)")
    run(*SAME, "./good.sh", "-x~uniform(0, 2)", "-b~uniform(0, 1, default_value=0.5)")


def test_info_counts_one_version_or_all_that_it_sees(run, three_versions):
    def completed(*words):
        record = json.loads(run("info", "-n", "demo", *words, "--format", "json").out)
        return record["stats"]["trials_completed"]

    assert completed() == 2
    assert completed("--collapse") == 8
    assert completed("-v", 1) == 4


def test_info_tells_of_every_version(run, three_versions):
    records = json.loads(run("info", "-n", "demo", "-e", "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(run("info", "-n", "demo", "-e", "--format", "csv").out)))

    assert [record["version"] for record in records] == [1, 2, 3]
    assert {row["title"] for row in rows} == {"demo-v1", "demo-v2", "demo-v3"}
    assert run("info", "-n", "demo", "-e").out.count("Identification") == 3


def test_diff_tells_what_changed_since_the_version_before(run, three_versions):
    out = run("diff", "demo").out

    assert out.startswith("demo-v2 → demo-v3\n")
    assert "new dimension /b: uniform(0, 1, default_value=0.5)" in out
    assert "demo-v3 sees 2 of the 2 trials of demo-v2" in out


@pytest.mark.parametrize("versions", [("1", "3"), ("v1", "v3"), ("demo-v1", "demo-v3"), ("1",)])
def test_diff_compares_any_two_versions(run, three_versions, versions):
    record = json.loads(run("diff", "demo", *versions, "--format", "json").out)

    assert (record["old"], record["new"]) == ("demo-v1", "demo-v3")
    kinds = {difference["kind"] for difference in record["differences"]}
    assert {"changed prior", "new dimension", "algorithm", "seed"} <= kinds
    assert [adapter["of_type"] for adapter in record["adapters"]][-1] == "dimensionaddition"
    assert (record["trials"], record["trials_seen"]) == (4, 4)


def test_diff_names_the_commits_and_the_sha_of_uncommitted_changes(run, repository):
    run(*SAME, "./good.sh", X)
    change_code()
    run(*SAME, "./good.sh", X)

    out = run("diff", "demo").out
    rows = list(csv.DictReader(io.StringIO(run("diff", "demo", "--format", "csv").out)))

    vcs = json.loads(run("info", "-n", "demo", "--format", "json").out)["metadata"]["VCS"]
    assert f"→ {vcs['diff_sha']}" in out
    code = next(row for row in rows if row["kind"] == "code")
    assert code["new.diff_sha"] == vcs["diff_sha"]


def test_diff_of_a_version_with_itself_finds_nothing(run, hunted):
    assert "Nothing differs." in run("diff", "demo", 1, 1).out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["diff", "demo", "1", "7"], 1, "there are demo-v1"),
        (["diff", "dmo"], 1, "did you mean 'demo'"),
        (["diff", "demo"], 1, "say which two to compare"),
        (["diff", "demo", "1", "2", "3"], 2, "two versions are compared"),
    ],
)
def test_diff_says_what_it_cannot_compare(run, hunted, words, code, message):
    outcome = run(*words)

    assert outcome.code == code
    assert message in outcome.err


def test_markers_in_the_space_of_a_configuration_file_of_ours_are_understood(run, adapters, hunted):
    with open("settings.yaml", "w") as file:
        file.write("experiment: {space: {/extra: '~+uniform(0, 1, default_value=0.5)'}}\n")

    outcome = run("init-only", "-n", "demo", "-c", "settings.yaml", "./good.sh", X)

    assert outcome.code == 0, outcome.err
    extra = {"name": "/extra", "type": "real", "value": 0.5}
    assert adapters() == (2, [{"of_type": "dimensionaddition", "param": extra}])


def test_a_command_that_removes_every_dimension_is_refused(run, hunted):
    outcome = run(*HUNT, "./good.sh", "-x~-")

    assert outcome.code == 1
    assert "nothing is left to search" in outcome.err


def test_markers_that_are_stored_with_a_command_ask_for_nothing_when_it_is_resumed(
    run, adapters, hunted, repository
):
    run("hunt", "-n", "demo", "./good.sh", "-x~>rate", "--rate~uniform(0, 1)")
    change_code()

    outcome = run("hunt", "-n", "demo")

    assert outcome.code == 0, outcome.err
    assert adapters()[0] == 2
    assert list(json.loads(run("info", "-n", "demo", "--json").out)["space"]) == ["/rate"]


def test_a_marker_needs_its_prior(run, hunted):
    outcome = run(*HUNT, "./good.sh", "-x~+")

    assert outcome.code != 0
    assert "'+' is not a prior" in outcome.err
