"""Figures as files."""

from __future__ import annotations

import importlib.util
import json

import pytest

from orion_like.errors import OrionLikeError
from orion_like.plotting import save
from orion_like.plotting.export import IMAGE_FORMATS


@pytest.fixture
def figure(experiment):
    return experiment.plot.regret()


def browser_fails(*args, **kwargs):
    raise RuntimeError("\n\nNo browser.\nMore about it.\n")


def test_a_page_holds_all_that_it_needs(figure, tmp_path):
    save(figure, tmp_path / "regret.html")

    page = (tmp_path / "regret.html").read_text()
    assert "<html>" in page
    assert "best-to-date" in page
    assert 'src="http' not in page


def test_words_of_users_cannot_become_scripts_of_a_page(make, tmp_path):
    attack = "</script><script>alert(1)</script>"
    experiment = make([1.0], name=attack, space={"x": f"choices(['{attack}', 'b'])"})

    save(experiment.plot.regret(), tmp_path / "regret.html")

    assert "<script>alert" not in (tmp_path / "regret.html").read_text()


def test_json_can_be_read_by_programs(figure, tmp_path):
    save(figure, tmp_path / "regret.json")

    document = json.loads((tmp_path / "regret.json").read_text())
    assert document["data"][1]["y"] == [4.0, 4.0, 3.0, 3.0, 1.0, 1.0]


def test_the_format_may_differ_from_the_extension(figure, tmp_path):
    save(figure, tmp_path / "regret.txt", "JSON")

    assert json.loads((tmp_path / "regret.txt").read_text())


@pytest.mark.parametrize("name", ["regret.pgn", "regret"])
def test_an_unknown_format_is_refused_and_nothing_written(figure, tmp_path, name):
    with pytest.raises(ValueError, match="one of png, jpg, jpeg, webp, svg, pdf, html, json"):
        save(figure, tmp_path / name)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_", IMAGE_FORMATS)
def test_an_image_is_made_in_its_format_and_scale(figure, tmp_path, monkeypatch, format_):
    def image(self, format, scale):
        return f"{format} at {scale}".encode()

    monkeypatch.setattr(type(figure), "to_image", image)

    save(figure, tmp_path / f"regret.{format_}", scale=2)

    assert (tmp_path / f"regret.{format_}").read_text() == f"{format_} at 2"


def test_a_browser_that_fails_is_told_with_what_works_without(figure, tmp_path, monkeypatch):
    monkeypatch.setattr(type(figure), "to_image", browser_fails)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)

    with pytest.raises(OrionLikeError, match=r"which failed: No browser \(.*--type html\)"):
        save(figure, tmp_path / "regret.png")

    assert not list(tmp_path.iterdir())


def test_a_missing_kaleido_is_told_with_how_to_get_it(figure, tmp_path, monkeypatch):
    monkeypatch.setattr(type(figure), "to_image", browser_fails)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(OrionLikeError, match=r"kaleido, which is not installed.*--type html"):
        save(figure, tmp_path / "regret.png")
