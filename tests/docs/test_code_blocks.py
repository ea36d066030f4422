"""Every block of code in the README and the documentation does what the page says.

Python blocks of a page run one after the other, as a reader would run them, in an empty folder; trainings are cut to
one epoch, those of recipes too (slow tests train them whole). A `text` block after one is what it prints, unless
`<!-- output of one run -->` stands before it. Commands in `sh` blocks are parsed by the real command line.
`<!-- skip: next "reason" -->` marks the few blocks that cannot run.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import unittest
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
import typer
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, SkipParser

import sqnn
from sqnn.cli.app import UsageError, app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EPOCHS = re.compile(r"\bepochs=\d+")
ONE_RUN = "<!-- output of one run -->"
REASONS = {"it installs", "it needs a cluster", "it needs a GPU"}
MOST_SKIPPED = 9
COMMENT = re.compile(r"\s+#.*$")


def run_python(example: Example) -> None:
    source = "\n" * (example.line + example.parsed.line_offset) + EPOCHS.sub("epochs=1", example.parsed)
    example.namespace["__name__"] = "__page__"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, example.path, "exec", dont_inherit=True), example.namespace)
    example.namespace["printed"] = printed.getvalue()


def compare_output(example: Example) -> None:
    before = example.document.text[: example.start].rstrip()
    if not before.endswith(ONE_RUN):
        assert example.namespace["printed"].strip() == example.parsed.strip()


def commands(block: str) -> list[list[str]]:
    """The words of each line of a block of shell commands, comments left out."""
    return [shlex.split(COMMENT.sub("", line)) for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@cache
def whole_command() -> Any:
    return typer.main.get_command(app)


def parse_command(words: list[str]) -> None:
    """Let the real command line read the words of a command, and run nothing; an exception tells what it refuses."""
    command = whole_command()
    context = command.make_context("sqnn", words)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, words, parent=context)


def parse_shell(example: Example) -> None:
    for words in commands(example.parsed):
        if words[0] == "sqnn":
            parse_command(words[1:])


def read(page: Path, python: bool = True) -> Document:
    parsers = [
        CodeBlockParser("python", run_python if python else lambda example: None),
        CodeBlockParser("text", compare_output if python else lambda example: None),
        CodeBlockParser("sh", parse_shell),
        SkipParser(),
    ]
    return Document.parse(str(page), *parsers)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def with_code() -> list[Path]:
    return [page for page in PAGES if "```python" in page.read_text() or "```sh" in page.read_text()]


def cut_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the recipes one epoch each: a page that trains by a recipe does not write its number of epochs."""
    short = {name: replace(recipe, training={**recipe.training, "epochs": 1}) for name, recipe in sqnn.RECIPES.items()}
    monkeypatch.setattr(sqnn, "RECIPES", short)


def run_page(page: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a reader sees warnings, and nothing fails by them
        for example in read(page).examples():
            with contextlib.suppress(unittest.SkipTest):
                example.evaluate()
    plt.close("all")


@pytest.mark.parametrize("page", with_code(), ids=named)
def test_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cut_recipes(monkeypatch)
    run_page(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if "**recipe.training" in page.read_text()], ids=named)
def test_code_of_a_page_runs_with_all_epochs_of_its_recipe(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(page)


def test_recipes_are_cut_while_a_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    block = 'import sqnn\nprint(sqnn.RECIPES["digits"].training["epochs"])'
    page.write_text(f"```python\n{block}\n```\n\n```text\n1\n```\n")
    cut_recipes(monkeypatch)
    run_page(page)
    monkeypatch.undo()
    assert sqnn.RECIPES["digits"].training["epochs"] > 1


def test_few_blocks_are_skipped_and_each_says_why() -> None:
    reasons = re.findall(r'<!-- skip: next "(.*?)" -->', "".join(page.read_text() for page in PAGES))
    assert set(reasons) <= REASONS
    assert len(reasons) <= MOST_SKIPPED


def test_commands_are_parsed_even_where_a_block_is_skipped() -> None:
    lines = [
        words
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for words in commands(block)
        if words[0] == "sqnn"
    ]
    assert len(lines) > 20
    for words in lines:
        parse_command(words[1:])


@pytest.mark.parametrize(
    "line", ["bogus", "train --bogus 1", "train --epochs abc", "study bogus", "noise-sweep run --bogus"]
)
def test_a_wrong_command_would_be_noticed(line: str) -> None:
    with pytest.raises(UsageError):
        parse_command(line.split())


def test_a_wrong_output_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    python, text = read(page).examples()
    python.evaluate()
    with pytest.raises(AssertionError):
        text.evaluate()
