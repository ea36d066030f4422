"""`sqnn explain`: a page of a run's image, and one line for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pages import unpacked

import sqnn
from sqnn.cli import main


def test_a_page_and_its_story_are_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "explain run --index 3 --methods relevance:rule=signed --out three.html --json three.json --no-progress"
    assert main(command.split()) == 0
    printed = capsys.readouterr().out
    story = json.loads(Path("three.json").read_text())
    assert f"the network says {story['predicted']}" in printed
    assert story["title"] in Path("three.html").read_text()
    assert dict(story["sections"]["made"]["facts"])["command"].startswith("sqnn explain run --data digits")
    assert [one["method"] for one in story["sections"]["pixels"]["maps"]] == ["relevance:rule=signed", "intensity"]


def test_the_class_that_is_named_is_explained(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "explain run --index 3 --methods relevance --target 7 --seed 2 --out x.html --json x.json --no-progress"
    assert main(line.split()) == 0
    assert "the network says" in capsys.readouterr().out
    story = json.loads(Path("x.json").read_text())
    assert story["target"] == 7
    first = story["sections"]["pixels"]["maps"][0]["targets"][0]
    assert first["target"] == 7
    images = sqnn.load_data("digits").test.floats([3])
    found = sqnn.attribute(sqnn.load_model("run"), images, 7, "relevance").values[0, 0]
    np.testing.assert_allclose(unpacked(first["values"]), found, atol=float(found.abs().max()) / 2**14)
    command = dict(story["sections"]["made"]["facts"])["command"]
    assert command.endswith("--index 3 --methods relevance --target 7 --seed 2")


def test_a_silent_network_has_a_page_that_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {**sqnn.RECIPES["digits"].options, "threshold": 1e6}
    sqnn.save_model(sqnn.create_model("sqdr-cnn", data=sqnn.load_data("digits"), **options), "silent.safetensors")
    line = "explain silent.safetensors --data digits --methods saliency,shapley --out silent.html --no-progress"
    assert main(line.split()) == 0
    printed = capsys.readouterr().out
    reason = "no attribution: the network is silent, and answers as it answers a black image"
    assert printed.count(reason) == 1
    assert f"note: no section pixels: {reason}" in printed
    assert f'"absent":"{reason}"' in Path("silent.html").read_text()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explain run --index 9999", "index: got 9999, expected the number of one of the"),
        ("explain run --methods bogus", "methods: got 'bogus', expected one of"),
        ("explain run --methods relevance,relevance", "methods: got 'relevance' twice, expected each method once"),
        ("explain run --methods relevance:rules=signed", "rules: Relevance has no such field"),
        ("explain run --methods relevance:signed", "methods: got 'relevance:signed', expected options as in"),
        ("explain run --split dev", "split: got 'dev', expected one of train, validation, test"),
        ("explain run --out .", "out: . is a folder"),
        ("explain run --out run/model.safetensors", "out: run/model.safetensors belongs to the run in run"),
        ("explain run --out page.html --json page.html", "json: got page.html, expected another file than --out"),
        ("explain run --out -", "out: got -, expected the path of a file; standard output takes --json alone"),
        ("explain run --out /dev/stdout", "out: got /dev/stdout, expected the path of a file; standard output takes"),
        ("explain missing", "missing"),
        (
            "explain run.json",
            "path: run.json is no safetensors file, or no whole one (its beginning is no header); give a run's",
        ),
        ("explain run --index -1", "index: got -1, expected the number of an image, from 0"),
        ("explain run --target ten", "target: got 'ten', expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("explain run --target 10", "target: got '10', expected the name of a class, or its number from 0 to 9"),
        (
            "explain run --methods occlusion:window=99",
            "methods: none of them makes a map: occlusion:window=99",
        ),
        ("explain run --methods shapley:baseline=white", "baseline: got 'white', expected a number"),
    ],
)
def test_a_mistake_gets_one_line(line: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line.split(), "--no-progress"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
