"""`sqnn explain`: a page of a run's image, and one line for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
        ("explain missing", "missing"),
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
