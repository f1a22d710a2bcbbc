"""Priors in configuration files, and the files written for a trial."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orion_like.errors import ConfigurationError, PriorError
from orion_like.trial import Trial
from orion_like.worker.command import UserCommand

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Fill = Callable[..., list[str]]

YAML = """\
# learning
model:
  lr: orion~loguniform(1e-5, 1)
  layers: ['orion~uniform(1, 9, discrete=True)', 3]
  act: "orion_like~choices(['relu', 'tanh'])"
  momentum: orion~uniform(0, 1) if optimizer == 'sgd'
plain: 1e-3
home: ~/data
none: ~
loader: !Tagged {a: [1, 2]}
base: &base {size: '~uniform(0, 1)'}
other: *base
"""

JSON = """\
{"model": {"lr": "orion~loguniform(1e-5, 1)",
           "layers": ["orion~uniform(1, 9, discrete=True)", 3],
           "act": "orion_like~choices(['relu', 'tanh'])",
           "momentum": "orion~uniform(0, 1) if optimizer == 'sgd'"},
 "plain": 0.001, "home": "~/data", "none": null, "base": {"size": "~uniform(0, 1)"}}
"""

TOML = """\
plain = 0.001
home = "~/data"
[model]
lr = "orion~loguniform(1e-5, 1)"
layers = ["orion~uniform(1, 9, discrete=True)", 3]
act = "orion_like~choices(['relu', 'tanh'])"
momentum = "orion~uniform(0, 1) if optimizer == 'sgd'"
[base]
size = '~uniform(0, 1)'
"""

TEXT = """\
lr = lr~loguniform(1e-5, 1);  { braces } {lr} ~/data
layers = [layers~uniform(1, 9, discrete=True), 3]
act = "act~choices(['relu)', 'tanh'])"
momentum = momentum~uniform(0, 1) if optimizer == 'sgd'  # comment
/size~+uniform(0, 1)
"""

STRUCTURED_SPACE = {
    "/model/lr": "loguniform(1e-5, 1)",
    "/model/layers/0": "uniform(1, 9, discrete=True)",
    "/model/act": "choices(['relu', 'tanh'])",
    "/model/momentum": "uniform(0, 1) if optimizer == 'sgd'",
    "/base/size": "uniform(0, 1)",
}
AWKWARD_TEXTS = [
    "",
    "yes",
    "1",
    "a: b # c",
    "{x}",
    "[1, 2",
    "- a",
    "ä\n\"'",
    "it's",
    " padded ",
    "null",
    "~",
    "&a",
    "*a",
    "!t",
    "\t",
]
AWKWARD = [0.1, 1e-05, -1e22, 3, True, None, [1.5, "a, b"], [[1], []], "x" * 500, *AWKWARD_TEXTS]

STRUCTURED = [("c.yaml", YAML), ("c.yml", YAML), ("c.json", JSON), ("c.toml", TOML)]


class TaggedLoader(yaml.SafeLoader):
    """A loader of the user's own."""


def _tagged(loader: TaggedLoader, node: yaml.MappingNode) -> Any:
    return ("tagged", loader.construct_mapping(node, deep=True))


TaggedLoader.add_constructor("!Tagged", _tagged)


def load(path: str) -> Any:
    text = Path(path).read_text()
    if path.endswith(".json"):
        return json.loads(text)
    if path.endswith(".toml"):
        return tomllib.loads(text)

    return yaml.load(text, TaggedLoader)


@pytest.mark.parametrize(("name", "text"), STRUCTURED)
def test_priors_of_structured_files_are_named_by_their_place(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)

    command = UserCommand.parse(["echo", "--config", str(tmp_path / name)])

    assert command.space == STRUCTURED_SPACE


@pytest.mark.parametrize(("name", "text"), STRUCTURED)
def test_values_keep_their_types_and_everything_else_stays(
    tmp_path: Path, name: str, text: str, fill: Fill
) -> None:
    original = tmp_path / name
    original.write_text(text)

    *_, path = fill(
        ["echo", "--config", str(original)],
        {
            "/model/lr": 1e-05,
            "/model/layers/0": 4,
            "/model/act": "yes",
            "/model/momentum": 0.5,
            "/base/size": None if name != "c.toml" else 2.5,
        },
    )

    filled = load(path)
    assert filled["model"] == {"lr": 1e-05, "layers": [4, 3], "act": "yes", "momentum": 0.5}
    assert type(filled["model"]["layers"][0]) is int
    assert filled["base"] == {"size": None if name != "c.toml" else 2.5}
    assert filled["home"] == "~/data"
    assert Path(path).suffix == original.suffix
    assert original.read_text() == text


@pytest.mark.parametrize(("name", "text"), STRUCTURED)
def test_the_key_of_an_inactive_dimension_is_removed(
    tmp_path: Path, name: str, text: str, fill: Fill
) -> None:
    (tmp_path / name).write_text(text)
    active = {"/model/lr": 1.0, "/model/layers/0": 4, "/model/act": "relu", "/base/size": 1}

    *_, path = fill(["echo", "--config", str(tmp_path / name)], active)

    assert load(path)["model"] == {"lr": 1.0, "layers": [4, 3], "act": "relu"}


def test_yaml_keeps_tags_aliases_and_documents(tmp_path: Path, fill: Fill) -> None:
    text = YAML.replace("momentum", "m").replace(" if optimizer == 'sgd'", "")
    (tmp_path / "c.yaml").write_text(text)
    values = {"/model/lr": 1.0, "/model/layers/0": 4, "/model/act": "a", "/model/m": 0.1}

    *_, path = fill(["echo", "--config", str(tmp_path / "c.yaml")], {**values, "/base/size": 3})

    filled = load(path)
    assert filled["loader"] == ("tagged", {"a": [1, 2]})
    assert filled["base"] is filled["other"]
    assert filled["none"] is None

    (tmp_path / "two.yaml").write_text("a: orion~uniform(0, 1)\n---\nb: orion~uniform(0, 1)\n")
    *_, path = fill(["echo", "--config", str(tmp_path / "two.yaml")], {"/a": 1, "/b": [1, 2.5]})
    assert list(yaml.safe_load_all(Path(path).read_text())) == [{"a": 1}, {"b": [1, 2.5]}]


@pytest.mark.parametrize("value", AWKWARD)
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_any_value_survives_in_any_place(
    tmp_path: Path, value: Any, suffix: str, fill: Fill
) -> None:
    prior = "orion~choices([1])"
    tree = {"block": {"key": prior, "list": [prior]}, "k": 1}
    text = (
        json.dumps(tree)
        if suffix == "json"
        else yaml.safe_dump(tree) + f"flow: {{a: ['{prior}', 1]}}"
    )
    (tmp_path / f"c.{suffix}").write_text(text)
    values = dict.fromkeys(["/block/key", "/block/list/0", "/flow/a/0"], value)

    *_, path = fill(["echo", "--config", str(tmp_path / f"c.{suffix}")], values)

    filled = load(path)
    assert filled["block"] == {"key": value, "list": [value]}
    assert type(filled["block"]["key"]) is type(value)
    assert filled.get("flow", {"a": [value, 1]}) == {"a": [value, 1]}


def test_an_inactive_list_element_is_null_and_the_last_key_leaves_an_empty_mapping(
    tmp_path: Path, fill: Fill
) -> None:
    condition = "orion~uniform(0, 1) if x == 1"
    tree = {"list": [1, condition, 2], "only": {"key": condition}}
    expected = {"list": [1, None, 2], "only": {}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree))
    (tmp_path / "c.json").write_text(json.dumps(tree))

    for name in ("c.yaml", "c.json"):
        *_, path = fill(["echo", "--config", str(tmp_path / name)])
        assert load(path) == expected


@pytest.mark.parametrize("name", ["c.conf", "c", "c.ini", "c.lua"])
def test_priors_of_other_text_are_replaced_where_they_stand(
    tmp_path: Path, name: str, fill: Fill
) -> None:
    (tmp_path / name).write_bytes(TEXT.replace("\n", "\r\n").encode())
    words = ["echo", "--config", str(tmp_path / name)]

    *_, path = fill(words, {"/lr": 1e-05, "/layers": 4, "/act": "relu", "/size": [1, 2]})

    assert UserCommand.parse(words).space == {
        "/lr": "loguniform(1e-5, 1)",
        "/layers": "uniform(1, 9, discrete=True)",
        "/act": "choices(['relu)', 'tanh'])",
        "/momentum": "uniform(0, 1) if optimizer == 'sgd'",
        "/size": "uniform(0, 1)",
    }
    assert UserCommand.parse(words).markers == {"/size": "+"}
    assert Path(path).read_bytes().decode().split("\r\n") == [
        "lr = 1e-05;  { braces } {lr} ~/data",
        "layers = [4, 3]",
        'act = "relu"',
        "momentum =   # comment",
        "[1, 2]",
        "",
    ]


@pytest.mark.parametrize("form", ["--config {}", "--config={}", "-config {}", "config={}"])
def test_the_option_of_the_file_is_recognised_in_every_form(
    tmp_path: Path, form: str, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.json").write_text('{"x": "orion~uniform(0, 1)"}')
    monkeypatch.chdir(tmp_path)
    words = ["echo", "--before", *form.format("c.json").split(), "--after"]

    filled = fill(words, {"/x": 0.25})

    name = " ".join(filled[2:-1]).removeprefix(form.format(""))
    assert filled[1] == "--before"
    assert filled[-1] == "--after"
    assert load(name) == {"x": 0.25}
    assert Path(name).parent.parent == tmp_path / "experiment"


def test_another_option_can_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"x": "orion~uniform(0, 1)"}')
    words = ["echo", "--cfg", str(tmp_path / "c.json")]

    assert UserCommand.parse(words).space == {}
    assert UserCommand.parse(words, config_option="cfg").space == {"/x": "uniform(0, 1)"}


def test_several_files_are_each_filled_in(tmp_path: Path, fill: Fill) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(f'{{"{name}": "orion~uniform(0, 1)"}}')
    words = ["echo", "--config", str(tmp_path / "a.json"), "--config", str(tmp_path / "b.json")]

    filled = fill(words, {"/a": 1, "/b": 2})

    assert [load(filled[2]), load(filled[4])] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("content", [b'{"a": 1, "b": "~/x"}', b"\xff\xfe\x00~", b"{broken"])
def test_a_file_without_priors_is_handed_on_as_it_is(
    tmp_path: Path, content: bytes, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.json").write_bytes(content)
    monkeypatch.chdir(tmp_path)

    assert fill(["echo", "--config", "c.json"])[-1] == str(tmp_path / "c.json")
    assert fill(["echo", "--config", "none.json"])[-1] == "none.json"


@pytest.mark.parametrize("name", ["c.yaml", "c.json", "c.toml"])
def test_the_mark_of_an_editor_is_no_part_of_a_file(tmp_path: Path, name: str) -> None:
    text = 'a = "orion~uniform(0, 1)"' if name == "c.toml" else '{"a": "orion~uniform(0, 1)"}'
    (tmp_path / name).write_text(text, encoding="utf-8-sig")

    command = UserCommand.parse(["echo", "--config", str(tmp_path / name)])

    assert list(command.space) == ["/a"]


def test_a_file_with_priors_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.ini").write_text("größe = g~uniform(0, 1)", encoding="latin-1")

    with pytest.raises(ConfigurationError, match=r"c\.ini: not UTF-8 text \(at byte 2\)"):
        UserCommand.parse(["echo", "--config", str(tmp_path / "c.ini")])


def test_a_prior_both_in_the_file_and_on_the_command_line_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"x": "orion~uniform(0, 1)"}')

    with pytest.raises(ConfigurationError, match=r"'/x'.*the command line.*c\.json"):
        UserCommand.parse(["echo", "--x~uniform(0, 2)", "--config", str(tmp_path / "c.json")])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.yaml", "a: [orion~uniform(0, 1)\n", "not valid YAML"),
        ("c.json", '{"a": "orion~uniform(0, 1)",}', "not valid JSON"),
        ("c.toml", 'a = "orion~uniform(0, 1)', "not valid TOML"),
        ("c.yaml", "a: {lr: orion~uniform(0, 1)}\n", "/a/lr: 'uniform\\(0' is not a prior"),
        ("c.json", '{"a": ["orion~uniform"]}', "/a/0: 'uniform' is not a prior"),
        ("c.ini", "x = 1\nlr = orion~uniform(0, 1)", "line 2: .*has no name"),
        ("c.ini", "x~uniform(0, 1)\nx~uniform(0, 2)", "two priors are named '/x'"),
    ],
)
def test_a_malformed_file_is_an_error_that_names_file_and_place(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises((ConfigurationError, PriorError), match=message) as caught:
        UserCommand.parse(["echo", "--config", str(tmp_path / name)])

    assert name in str(caught.value)


def test_templates_are_not_filled_inside_files(
    tmp_path: Path, fill: Fill, make_trial: Callable[..., Trial]
) -> None:
    (tmp_path / "c.json").write_text('{"x": "orion~uniform(0, 1)", "id": "{trial.id}"}')

    *_, path = fill(["echo", "--config", str(tmp_path / "c.json")], {"/x": 1})

    assert load(path)["id"] == "{trial.id}"
