"""`orion-like retry`."""

import json

import pytest

PRIOR = "-x~uniform(0, 1)"


def trials(run):
    return json.loads(run("status", "-n", "demo", "--all", "--format", "json").out)[0]["trials"]


@pytest.fixture
def mended(broken):
    """The script of `broken` works again."""
    with open("bad.sh", "w") as script:
        script.write('#!/bin/sh\necho "$2"\n')


def test_all_broken_trials_are_tried_again_at_the_same_points(run, broken, mended):
    before = trials(run)

    outcome = run("retry", "demo", "--all")
    hunt = run("hunt", "-n", "demo", "--max-trials", 3)

    assert outcome.out.startswith("3 trials of demo-v1 will be tried again\n")
    assert hunt.code == 0
    assert [trial["id"] for trial in trials(run)] == [trial["id"] for trial in before]
    assert {trial["status"] for trial in trials(run)} == {"completed"}


def test_the_way_on_is_told_when_nobody_is_at_work(run, broken):
    outcome = run("retry", "demo", "--all")

    assert outcome.out.splitlines()[-1] == (
        "Nobody is at work; go on with: orion-like hunt --name demo --version 1"
    )


def test_without_saying_which_the_reasons_are_listed(run, broken):
    outcome = run("retry", "demo")

    assert outcome.code == 2
    assert "3 trials are broken:" in outcome.err
    assert "out of luck" in outcome.err
    assert {trial["status"] for trial in trials(run)} == {"broken"}


def test_trials_are_chosen_by_the_beginning_of_their_ids(run, broken):
    chosen = trials(run)[1]["id"]

    outcome = run("retry", "demo", chosen[:10])

    assert outcome.out.startswith("1 trial of demo-v1 will be tried again\n")
    assert [t["id"] for t in trials(run) if t["status"] == "new"] == [chosen]


def test_an_id_that_is_unknown_or_not_clear_is_an_error_and_changes_nothing(run, broken):
    known = trials(run)[0]["id"]

    unknown, unclear = run("retry", "demo", known, "zzz"), run("retry", "demo", "")

    assert (unknown.code, unclear.code) == (1, 1)
    assert "no trial of demo-v1 with an id that begins with 'zzz'" in unknown.err
    assert "3 trials" in unclear.err
    assert {trial["status"] for trial in trials(run)} == {"broken"}


@pytest.mark.parametrize(("text", "number"), [("OUT of luck", 3), ("segmentation", 0)])
def test_trials_are_chosen_by_their_reason(run, broken, text, number):
    run("retry", "demo", "--reason", text)

    assert sum(trial["status"] == "new" for trial in trials(run)) == number


def test_completed_trials_are_never_tried_again(run, hunted):
    outcome = run("retry", "demo", trials(run)[0]["id"])

    assert outcome.code == 1
    assert "is completed; only trials that are broken or interrupted" in outcome.err


def test_trials_that_the_budget_has_no_room_for_are_told(run, broken):
    run("db", "set", "demo", "max_trials=2")

    outcome = run("retry", "demo", "--all")

    assert "to have all of them run: orion-like db set demo max_trials=3" in outcome.out


def test_a_hunt_that_broke_tells_of_retry(broken):
    assert "Try the broken ones again: orion-like retry demo --all" in broken.err


def test_only_one_way_to_choose_may_be_given(run, broken):
    assert run("retry", "demo", "--all", "--reason", "luck").code == 2
