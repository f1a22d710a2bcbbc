"""Priors among the words of a command, and what replaces them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from orion_like.errors import ConfigurationError, MissingArguments, PriorError
from orion_like.trial import Trial
from orion_like.worker.command import UserCommand

Fill = Callable[..., list[str]]

_POSITIONAL = {"/_pos_1": "choices([1])", "/_pos_2": "normal(0,1)"}


@pytest.mark.parametrize(
    ("words", "space"),
    [
        (["--lr~loguniform(1e-5, 1)"], {"/lr": "loguniform(1e-5, 1)"}),
        (["-x~uniform(0,1)"], {"/x": "uniform(0,1)"}),
        (["--d~uniform(0,1)"], {"/d": "uniform(0,1)"}),
        (["--lr", "orion~loguniform(1e-5, 1)"], {"/lr": "loguniform(1e-5, 1)"}),
        (["--lr", "orion_like~uniform(0,1)"], {"/lr": "uniform(0,1)"}),
        (["--lr", "~uniform(0,1)"], {"/lr": "uniform(0,1)"}),
        (["--lr=orion~uniform(0,1)"], {"/lr": "uniform(0,1)"}),
        (["lr~uniform(0,1)"], {"/lr": "uniform(0,1)"}),
        (["model.lr~uniform(0,1)"], {"/model.lr": "uniform(0,1)"}),
        (["model.lr=orion~uniform(0,1)"], {"/model.lr": "uniform(0,1)"}),
        (["+model.lr~uniform(0,1)"], {"/model.lr": "uniform(0,1)"}),
        (["++model.lr=orion~uniform(0,1)"], {"/model.lr": "uniform(0,1)"}),
        (["orion~choices([1])", "~normal(0,1)"], _POSITIONAL),
        (["--", "orion~uniform(0,1)"], {"/_pos_1": "uniform(0,1)"}),
        (["--a~choices(['a)', 'it\\'s'])"], {"/a": "choices(['a)', 'it\\'s'])"}),
        (["--m~uniform(0, 1) if opt == 'sgd'"], {"/m": "uniform(0, 1) if opt == 'sgd'"}),
        (["--lr~+uniform(0,1)"], {"/lr": "uniform(0,1)"}),
    ],
)  # fmt: skip
def test_priors_are_found_in_every_form(words: list[str], space: dict[str, str]) -> None:
    assert UserCommand.parse(["echo", *words]).space == space


@pytest.mark.parametrize(
    "words",
    [
        ["--data", "~/images"],
        ["--data=~/images"],
        ["--data=~"],
        ["~/bin", "~", "~-", "backup~", "HEAD~1", "HEAD~"],
        ["--data", "orion~/x"],
        ["-I~user/include"],
        ["--d", "value", "-d", "value"],
        ["--a", "1", "--a", "2", "--a=3", "-b=", "--", "-x", ""],
        ["{", "}", "{}", "{0}", '{"a": {"b": [1]}}', "${HOME}", "%s", "\\n", "a b", "ä", "*"],
        ["--formula", "y~x"],
    ],
)
def test_other_words_pass_through_byte_for_byte(words: list[str], fill: Fill) -> None:
    assert fill(["echo", *words]) == ["echo", *words]
    assert UserCommand.parse(["echo", *words]).space == {}


@pytest.mark.parametrize(
    ("word", "value", "rendered"),
    [
        ("--x~uniform(0,1)", 1e-05, ["--x", "1e-05"]),
        ("-x~uniform(0,1)", 0.1, ["-x", "0.1"]),
        ("--d~uniform(0,1)", 3, ["--d", "3"]),
        ("--x~choices([True])", True, ["--x", "True"]),
        ("--x~choices([None])", None, ["--x", "None"]),
        ("--x~choices(['a b'])", "a b", ["--x", "a b"]),
        ("--x~uniform(0,1,shape=3)", [1.0, 2, 3], ["--x", "1.0", "2", "3"]),
        ("--x~uniform(0,1,shape=(2,2))", [[1, 2], [3, 4]], ["--x", "[1,2]", "[3,4]"]),
        ("--x=orion~uniform(0,1)", 0.5, ["--x=0.5"]),
        ("--x=orion~choices([None])", None, ["--x=None"]),
        ("x~uniform(0,1)", 0.5, ["x=0.5"]),
        ("x~choices([None])", None, ["x=null"]),
        ("x=orion~uniform(0,1,shape=2)", [0.5, 1], ["x=[0.5,1]"]),
        ("+x~uniform(0,1)", -2, ["+x=-2"]),
        ("++x=orion~choices(['relu'])", "relu", ["++x=relu"]),
    ],
)
def test_values_are_rendered_in_the_form_of_their_prior(
    word: str, value: Any, rendered: list[str], fill: Fill
) -> None:
    assert fill(["echo", word], {"/x": value, "/d": value}) == ["echo", *rendered]


@pytest.mark.parametrize("value", [-1e-05, -2.5e-07, -1e22, -0.5])
@pytest.mark.parametrize("form", ["--x~normal(0,1)", "--x=orion~normal(0,1)"])
def test_negative_values_can_be_read_by_argparse(value: float, form: str, fill: Fill) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--x", type=float)

    assert parser.parse_args(fill(["echo", form], {"/x": value})[1:]).x == value


def test_the_value_form_keeps_the_option_as_typed_and_the_order_of_words(fill: Fill) -> None:
    words = ["echo", "first", "--d", "orion~uniform(0,1)", "-v", "orion~choices([1])", "--last"]

    assert fill(words, {"/d": 0.5, "/v": 1}) == ["echo", "first", "--d", "0.5", "-v", "1", "--last"]


def test_positional_priors_render_as_bare_values(fill: Fill) -> None:
    words = ["echo", "orion~uniform(0,1)", "a", "orion~choices(['b'])"]

    assert fill(words, {"/_pos_1": 0.5, "/_pos_2": "b"}) == ["echo", "0.5", "a", "b"]


@pytest.mark.parametrize(
    "words",
    [
        ["--m~uniform(0,1) if o == 'sgd'"],
        ["--m", "orion~uniform(0,1) if o == 'sgd'"],
        ["m=orion~uniform(0,1) if o == 'sgd'"],
    ],
)
def test_an_inactive_dimension_leaves_its_option_out(words: list[str], fill: Fill) -> None:
    assert fill(["echo", "a", *words, "b"], {}) == ["echo", "a", "b"]
    assert "0.5" in " ".join(fill(["echo", "a", *words, "b"], {"/m": 0.5}))


def test_a_missing_value_of_an_unconditional_dimension_is_an_error(fill: Fill) -> None:
    with pytest.raises(MissingArguments, match=r"no value for '/lr'.*parameters are /momentum"):
        fill(["echo", "--lr~uniform(0,1)"], {"/momentum": 1})


def test_branching_markers_are_kept_beside_the_space(fill: Fill) -> None:
    words = ["echo", "--a~+uniform(0,1)", "--b~-", "--c~-0.5", "--d~>e", "--f", "orion~>g"]

    command = UserCommand.parse(words)

    assert command.space == {"/a": "uniform(0,1)"}
    assert command.markers == {"/a": "+", "/b": "-", "/c": "-0.5", "/d": ">e", "/f": ">g"}
    assert fill(words, {"/a": 1}) == ["echo", "--a", "1"]


@pytest.mark.parametrize(
    "words",
    [
        ["--lr~uniform"],
        ["--lr~uniform(0, 1"],
        ["--lr~uniform(0, 1) otherwise 3"],
        ["--lr", "orion~uniform(0, 1]"],
        ["--lr=orion_like~choices(['a)"],
        ["lr=orion~5"],
    ],
)
def test_a_malformed_prior_is_an_error_that_shows_the_word(words: list[str]) -> None:
    with pytest.raises(PriorError, match="is not a prior") as caught:
        UserCommand.parse(["echo", *words])

    assert words[-1] in str(caught.value)


@pytest.mark.parametrize("second", ["--x=orion~uniform(0,1)", "-x~uniform(0,1)", "x~uniform(0,2)"])
def test_two_priors_of_one_name_are_an_error(second: str) -> None:
    with pytest.raises(ConfigurationError, match="two priors are named '/x'"):
        UserCommand.parse(["echo", "--x~uniform(0,1)", second])


def test_templates_are_filled_in_every_argument(
    fill: Fill, make_trial: Callable[..., Trial]
) -> None:
    trial = make_trial({"/x": 1})
    words = [
        "echo",
        "--x~choices([1])",
        "{trial.working_dir}/a-{trial.id}",
        "{trial.hash_params},{trial.legacy_id}",
        "--exp={exp.name}-{exp.version}-{exp.id}",
        '{"out": "{exp.working_dir}", "n": {"m": 1}}',
    ]

    assert fill(words, {"/x": 1})[3:] == [
        f"{trial.working_dir}/a-{trial.id}",
        f"{trial.hash_params},{trial.legacy_id}",
        "--exp=demo-2-7",
        f'{{"out": "{trial.exp_working_dir}", "n": {{"m": 1}}}}',
    ]


def test_doubled_braces_keep_a_template_literal(fill: Fill) -> None:
    assert fill(["echo", "{{trial.id}} {{other}}"]) == ["echo", "{trial.id} {{other}}"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("{trial.workng_dir}", r"did you mean \{trial.working_dir\}"),
        ("{exp.nam}", r"did you mean \{exp.name\}"),
        ("{trial.__class__}", "Known are"),
        ("{trial.params[lr]}", "Known are"),
        ("{exp.storage.password}", "Known are"),
    ],
)
def test_an_unknown_template_is_an_error_when_parsed(word: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        UserCommand.parse(["echo", word])


def test_values_of_a_trial_are_never_taken_for_templates(fill: Fill) -> None:
    assert fill(["echo", "--x~choices(['{trial.id}'])"], {"/x": "{trial.id}"})[-1] == "{trial.id}"
