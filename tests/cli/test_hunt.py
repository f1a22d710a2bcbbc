"""`orion-like hunt` and `init-only`."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import yaml

PRIOR = "-x~uniform(0, 1)"


def stored(run, name="demo"):
    return json.loads(run("info", "-n", name, "--format", "json").out)


def counts(run, name="demo"):
    record = json.loads(run("status", "-n", name, "--format", "json").out)[0]
    return {line["status"]: line["quantity"] for line in record["statuses"]}


# --- what comes out -----------------------------------------------------------------------------


def test_a_hunt_ends_with_its_summary_and_hints(hunted):
    assert "Search finished successfully" in hunted.out
    assert "trials completed: 4" in hunted.out
    assert "evaluation: " in hunted.out
    assert "  orion-like info --name demo --version 1\n" in hunted.out


def test_a_hunt_that_is_not_done_hints_at_how_to_go_on(run):
    outcome = run("hunt", "-n", "demo", "--worker-max-trials", 2, "./good.sh", PRIOR)

    assert outcome.code == 0
    assert "finished" not in outcome.out
    assert "orion-like status --name demo --version 1 --all" in outcome.out
    assert "orion-like hunt --name demo --version 1" in outcome.out


def test_hints_lead_to_the_same_storage_without_its_password(run):
    outcome = run(
        "hunt", "-n", "my demo", "--storage", "my db.pkl", "--max-trials", 1, "./good.sh", PRIOR
    )

    assert "orion-like info --name 'my demo' --version 1 --storage 'my db.pkl'" in outcome.out


@pytest.mark.parametrize(("format_", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_the_summary_is_alone_on_stdout_for_programs(run, format_, parse):
    outcome = run("hunt", "-n", "demo", "--max-trials", 3, "--format", format_, "./good.sh", PRIOR)

    summary = parse(outcome.out)
    assert (summary["name"], summary["completed"], summary["trials"]) == (
        "demo",
        True,
        {"completed": 3},
    )
    assert summary["best_trial"]["params"]["/x"] == summary["best_trial"]["evaluation"]


def test_progress_goes_to_stderr_as_lines(hunted):
    lines = hunted.err.splitlines()

    assert lines[0].startswith("demo-v1: auto over 1 dimension, in ")
    assert lines[-1].startswith("demo-v1: 4/4 trials, best 0.")
    assert "\x1b" not in hunted.err


def test_output_of_scripts_is_shown_only_when_asked_for(run):
    command = ("hunt", "-n", "demo", "--max-trials", 1, "./chatty.sh", PRIOR)

    silent = run(*command)
    assert "hello from the script" not in silent.out + silent.err

    chatty = run("-v", *(word if word != 1 else 2 for word in command))
    assert "hello from the script" in chatty.out


# --- creating and resuming ----------------------------------------------------------------------


def test_the_name_is_enough_to_go_on(run, hunted):
    outcome = run("hunt", "-n", "demo", "--max-trials", 6)

    assert outcome.code == 0
    assert counts(run) == {"completed": 6}


def test_a_finished_hunt_is_finished_at_once(run, hunted):
    outcome = run("hunt", "-n", "demo")

    assert outcome.code == 0
    assert "Search finished successfully" in outcome.out
    assert counts(run) == {"completed": 4}


def test_the_command_of_the_user_is_left_untouched(run):
    words = ["./good.sh", PRIOR, "-n", "theirs", "--max-trials", "7", "--", "--format"]
    run("hunt", "-n", "demo", "--max-trials", 1, *words)

    command = stored(run)["command"]
    assert command[2:] == words[2:]
    assert Path(command[0]).samefile("good.sh")


def test_an_option_of_ours_after_the_command_is_left_to_it_with_a_warning(run):
    outcome = run("init-only", "-n", "demo", "./good.sh", PRIOR, "--max-trials", 7)

    assert "--max-trials stands after the command" in outcome.err
    assert stored(run)["config"]["max_trials"] is None


def test_two_dashes_may_separate_the_command(run):
    outcome = run("hunt", "-n", "demo", "--max-trials", 1, "--", "./good.sh", PRIOR)

    assert outcome.code == 0
    assert stored(run)["command"][1:] == [PRIOR]


def test_the_command_that_was_typed_last_is_the_one_resumed_with(run, hunted):
    run("hunt", "-n", "demo", "--max-trials", 5, "./chatty.sh", PRIOR)

    assert stored(run)["command"][0].endswith("chatty.sh")


@pytest.mark.parametrize("command", ["init-only", "init_only", "hunt --init-only"])
def test_an_experiment_can_be_registered_without_being_run(run, command):
    outcome = run(*command.split(), "-n", "demo", "--max-trials", 3, "./good.sh", PRIOR)

    assert outcome.code == 0
    assert outcome.out.startswith("Registered demo-v1 in ")
    assert stored(run)["stats"]["trials"] == {}
    assert run("hunt", "-n", "demo").code == 0
    assert counts(run) == {"completed": 3}


def test_settings_of_the_command_line_are_stored_with_the_experiment(run):
    run(
        "hunt", "-n", "demo", "-u", "ann", "--max-trials", 2, "--exp-max-broken", 5, "--seed", 7,
        "--working-dir", "out", "--objective", "score:max", "--constraint", "x <= 0.5",
        "--algorithm", "random", "./good.sh", PRIOR,
    )  # fmt: skip

    record = stored(run)
    assert record["user"] == "ann"
    assert record["config"] == {
        "max_trials": 2,
        "max_broken": 5,
        "max_duration": None,
        "working_dir": str(Path("out").absolute()),
        "seed": 7,
    }
    assert record["objectives"] == [{"name": "score", "direction": "maximize"}]
    assert record["constraints"] == ["x <= 0.5"]
    assert list(record["algorithm"]) == ["random"]


def test_the_reference_of_an_objective_fits_on_the_command_line(run):
    run(
        "init-only", "-n", "demo", "--objective", "{name: loss, reference: 4}",
        "--objective", "gain:maximize", "./good.sh", PRIOR,
    )  # fmt: skip

    assert stored(run)["objectives"] == [
        {"direction": "minimize", "name": "loss", "reference": 4},
        {"direction": "maximize", "name": "gain"},
    ]
    assert "loss: minimize (reference 4)" in run("info", "-n", "demo").out


def test_bounds_of_results_fit_on_the_command_line(run):
    run(
        "init-only", "-n", "demo", "--constraint", "x <= 0.5", "--constraint", "1 <= memory <= 8",
        "--constraint", "{name: weight, equals: 2, tolerance: 0.1}", "./good.sh", PRIOR,
    )  # fmt: skip

    assert stored(run)["constraints"] == [
        "x <= 0.5",
        {"name": "memory", "lower": 1, "upper": 8, "tolerance": 0.0},
        {"name": "weight", "lower": 2, "upper": 2, "tolerance": 0.1},
    ]


def test_bounds_of_results_may_stand_in_the_configuration_file(run):
    Path("settings.yaml").write_text(
        "experiment:\n"
        "  name: demo\n"
        "  objectives: [loss, {name: gain, direction: maximize}]\n"
        "  constraints: [memory <= 8, x <= 0.5, {name: weight, equals: 2, tolerance: 0.1}]\n"
    )

    outcome = run("init-only", "-c", "settings.yaml", "./good.sh", PRIOR)

    assert outcome.code == 0, outcome.err
    assert [goal["direction"] for goal in stored(run)["objectives"]] == ["minimize", "maximize"]
    assert stored(run)["constraints"] == [
        {"name": "memory", "lower": None, "upper": 8, "tolerance": 0.0},
        "x <= 0.5",
        {"name": "weight", "lower": 2, "upper": 2, "tolerance": 0.1},
    ]


def test_a_script_that_never_reports_a_constraint_is_warned_of_once(run):
    outcome = run(
        "hunt", "-n", "demo", "--max-trials", 3, "--constraint", "memory <= 8", "./good.sh", PRIOR
    )

    assert outcome.code == 0
    assert outcome.err.count("the constraint 'memory' is not among the results") == 1
    assert "(infeasible)" in outcome.err
    assert "constraints never reported: memory" in outcome.out


def test_an_algorithm_with_parameters_fits_on_the_command_line(run):
    algorithm = '{"tpe": {"n_initial_points": 5}}'
    run("init-only", "-n", "demo", "--algorithm", algorithm, "./good.sh", PRIOR)

    assert stored(run)["algorithm"]["tpe"]["n_initial_points"] == 5


def test_an_algorithm_may_be_given_in_parts(run):
    run(
        "init-only", "-n", "demo", "--algorithm", "tpe", "--algorithm", "tpe: {gamma: 0.2}",
        "./good.sh", PRIOR,
    )  # fmt: skip

    assert stored(run)["algorithm"]["tpe"]["gamma"] == 0.2


def test_the_limit_of_an_experiment_can_be_lifted(run, hunted):
    run("hunt", "-n", "demo", "--max-trials", "inf", "--worker-max-trials", 2)

    assert stored(run)["config"]["max_trials"] is None
    assert counts(run) == {"completed": 6}


def test_a_configuration_file_may_say_it_all(run):
    Path("demo.yaml").write_text(
        yaml.safe_dump(
            {
                "experiment": {"name": "demo", "max_trials": 2, "algorithm": {"random": {}}},
                "storage": "there.pkl",
            }
        )
    )

    outcome = run("hunt", "-c", "demo.yaml", "./good.sh", PRIOR)

    assert outcome.code == 0, outcome.err
    assert Path("there.pkl").exists()
    assert "demo-v1" in run("status", "-c", "demo.yaml").out


def test_options_win_over_the_configuration_file(run):
    Path("demo.yaml").write_text("experiment: {max_trials: 9, algorithm: tpe}\n")
    run(
        "hunt", "-n", "demo", "-c", "demo.yaml", "--max-trials", 2, "--algorithm", "random",
        "./good.sh", PRIOR,
    )  # fmt: skip

    assert counts(run) == {"completed": 2}
    assert list(stored(run)["algorithm"]) == ["random"]


def test_debug_leaves_nothing_behind(run, tmp_path):
    outcome = run("-d", "hunt", "-n", "demo", "--max-trials", 2, "./good.sh", PRIOR)

    assert outcome.code == 0
    assert "memory://" in outcome.err
    assert not (tmp_path / "data").exists()


def test_several_workers_complete_exactly_what_was_asked_for(run):
    outcome = run("hunt", "-n", "demo", "--max-trials", 7, "--n-workers", 2, "./good.sh", PRIOR)

    assert outcome.code == 0, outcome.err
    assert counts(run) == {"completed": 7}


def test_options_about_versions_that_change_nothing_are_accepted_silently(run):
    outcome = run(
        "hunt", "-n", "demo", "--max-trials", 1, "--auto-resolution", "--ignore-code-changes",
        "--non-monitored-arguments", "a:b", "--algorithm-change", "--orion-version-change",
        "--code-change-type", "noeffect", "--cli-change-type", "break",
        "--config-change-type", "unsure", "./good.sh", PRIOR,
    )  # fmt: skip

    assert outcome.code == 0
    assert "WARNING" not in outcome.err


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_search_space_that_is_used_up_is_a_finished_search(run):
    outcome = run("hunt", "-n", "demo", "--max-trials", 9, "./good.sh", "-x~choices([1, 2])")

    assert "finished before the 9 trials asked for: the algorithm has no other" in outcome.out
    assert stored(run)["stats"]["completed"] is True
    assert counts(run) == {"completed": 2}


def test_too_many_broken_trials_end_a_hunt_and_say_how_to_go_on(broken):
    assert "out of luck" in broken.err
    assert "orion-like retry demo --all" in broken.err
    assert "orion-like db rm demo --status broken" in broken.err
    assert "orion-like status --name demo --version 1 --all" in broken.err
    assert "broken: 3" in broken.out


def test_broken_trials_can_be_tried_again(run, broken):
    Path("bad.sh").write_text('#!/bin/sh\necho "$2"\n')

    assert run("db", "set", "demo", "status=broken", "status=new", "-f").code == 0
    assert run("hunt", "-n", "demo", "--max-trials", 4).code == 0
    assert counts(run) == {"completed": 4}


def test_what_scripts_printed_is_kept_when_trials_broke(broken):
    kept = Path(broken.out.split("What the trials printed is in\n")[1].strip())

    errors = [path.read_text() for path in kept.glob("*/stderr.log")]
    assert errors == ["first\nout of luck\n"] * 3


def test_one_broken_trial_is_enough_to_keep_what_scripts_printed(run):
    Path("once.sh").write_text('#!/bin/sh\ntest -e tried || { touch tried; exit 1; }\necho "$2"\n')
    Path("once.sh").chmod(0o755)

    outcome = run("hunt", "-n", "demo", "--max-trials", 2, "./once.sh", PRIOR)

    assert outcome.code == 0
    kept = Path(outcome.out.split("What the trials printed is in\n")[1].strip())
    assert len(list(kept.glob("*/stdout.log"))) == 3


def test_an_experiment_that_is_broken_already_says_so_at_once(run, broken):
    outcome = run("hunt", "-n", "demo")

    assert outcome.code == 1
    assert "orion-like db rm demo --status broken" in outcome.err
    assert "What the trials printed" not in outcome.out


def test_a_broken_trial_can_be_retried_by_the_hunt_itself(run):
    Path("flaky.sh").write_text('#!/bin/sh\ntest -e tried || { touch tried; exit 1; }\necho "$2"\n')
    Path("flaky.sh").chmod(0o755)

    outcome = run("hunt", "-n", "demo", "--max-trials", 2, "--retry", 1, "./flaky.sh", PRIOR)

    assert outcome.code == 0, outcome.err
    assert counts(run) == {"completed": 2}


def test_trials_that_take_too_long_break(run):
    outcome = run(
        "hunt", "-n", "demo", "--trial-timeout", "0.2", "--worker-max-broken", 1, "./slow.sh", PRIOR
    )

    assert outcome.code == 1
    assert "longer than 0.2 s" in outcome.err


def test_a_trial_may_be_given_a_month(run):
    outcome = run(
        "hunt", "-n", "demo", "--max-trials", 1, "--trial-timeout", "30d", "./good.sh", PRIOR
    )

    assert outcome.code == 0, outcome.err


def test_a_worker_with_nothing_to_do_leaves_the_last_trial_to_the_others(run, start):
    process = start("-v", "hunt", "-n", "demo", "--max-trials", 1, "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"

    outcome = run("hunt", "-n", "demo", "--idle-timeout", "0.1")

    assert outcome.code == 0
    assert "Stopped: nothing to do for 0.1 seconds" in outcome.err
    assert "0/1 trials, 1 running, waiting for running trials" in outcome.err


def test_a_script_that_says_it_was_interrupted_ends_the_hunt(run):
    outcome = run("hunt", "-n", "demo", "--max-trials", 2, "./interrupts.sh", PRIOR)

    assert outcome.code == 130
    assert "exited with the interrupt code, 130): running trials were released" in outcome.err
    assert counts(run) == {"interrupted": 1}


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_hunt_and_releases_its_trial(run, start, signum, code):
    process = start("-v", "hunt", "-n", "demo", "./slow.sh", PRIOR)
    assert process.stdout.readline() == "started\n"

    process.send_signal(signum)
    _, err = process.communicate(timeout=20)

    assert process.returncode == code
    assert "Go on with: orion-like hunt --name demo --version 1" in err
    assert "Traceback" not in err
    assert counts(run) == {"interrupted": 1}


def test_a_changed_space_is_refused_with_a_way_out(run, hunted):
    outcome = run("hunt", "-n", "demo", "./good.sh", "-x~uniform(0, 2)")

    assert outcome.code == 1
    assert "uniform(0, 1) → uniform(0, 2)" in outcome.err


def test_a_command_without_priors_does_not_pass_for_the_one_that_has_them(run, hunted):
    outcome = run("hunt", "-n", "demo", "./good.sh", "-x", "0.5")

    assert outcome.code == 2
    assert "To resume it, leave the command out" in outcome.err


def test_a_hunt_ends_after_its_duration_as_a_success(run):
    outcome = run("hunt", "-n", "demo", "--max-duration", "0.001s", "./good.sh", "-x~uniform(0, 1)")

    assert outcome.code == 0
    assert "Stopped: this command ran for its --max-duration" in outcome.err


def test_the_duration_of_an_experiment_is_stored_and_may_be_changed(run):
    run("init-only", "-n", "demo", "--exp-max-duration", "2h", "./good.sh", "-x~uniform(0, 1)")

    changed = run("db", "set", "demo", "max_duration=0.001")
    first, second = (run("hunt", "-n", "demo", "--max-trials", 2) for _ in range(2))

    assert changed.out == "max_duration of demo-v1 is 0.001 now\n"
    assert first.code == second.code == 0
    assert "has run for its max_duration of 0.001 s" in second.out
