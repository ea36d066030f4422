"""The additions of docs/how-to/extend.md work in a copy of the package and touch as many files as the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "extend.md"
PACKAGES = ("noise_models", "circuits", "sqnn")
BLOCK = re.compile(r'```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<content>.*?)```', re.DOTALL)
ROW = re.compile(r"^\| \[[\w ]+\]\(#(?P<anchor>[\w-]+)\) \|[^|]+\| (?P<count>\d+)[^|]*\|$", re.MULTILINE)
COUNTS = {match["anchor"]: int(match["count"]) for match in ROW.finditer(PAGE.read_text())}
"""Files that each section touches, by the anchor of its heading, as the table of the page says."""


class Block(NamedTuple):
    language: str
    title: str | None
    content: str


def section(anchor: str) -> list[Block]:
    """The blocks below a heading."""
    title = anchor.replace("-", " ")
    heading = re.compile(rf"^#+ {title}$(.*?)(?=^#|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
    (content,) = heading.findall(fenced_headings_hidden())
    return [Block(**match.groupdict()) for match in BLOCK.finditer(content)]


def fenced_headings_hidden() -> str:
    """The page, so that a comment in a block does not look like a heading."""
    return PAGE.read_text().replace("\n# ", "\n#! ")


def touched(blocks: list[Block]) -> dict[str, Block]:
    """The files that a section makes or changes."""
    return {block.title: block for block in blocks if block.title not in (None, "try", "printed")}


def change(text: str, diff: str) -> str:
    """Apply lines of a diff: each group of + stands in the place of the - before it, or beside the context line."""
    pattern = re.compile(r"((?:^-.*\n)+)((?:^\+.*\n?)*)|(^ .*\n)((?:^\+.*\n)+)|((?:^\+.*\n)+)(^ .*\n?)", re.MULTILINE)
    for gone, come, before, below, above, after in pattern.findall(diff):
        old = "".join(line[1:] for line in (gone or before or after).splitlines(keepends=True))
        new = "".join(line[1:] for line in (come or before + below or above + after).splitlines(keepends=True))
        assert text.count(old) == 1, f"not once in the file: {old!r}"
        text = text.replace(old, new)
    return text


def extended(home: Path, blocks: list[Block]) -> None:
    for name, block in touched(blocks).items():
        file = home / name
        assert file.exists() == (block.language == "diff")
        file.parent.mkdir(exist_ok=True)
        file.write_text(change(file.read_text(), block.content) if file.exists() else block.content)


def run(home: Path, source: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(home), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-W", "ignore", "-c", source]
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True)


def test_all_examples_work_together_in_a_copy_of_the_package(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    tries, outputs = [], []
    for anchor in COUNTS:
        blocks = section(anchor)
        extended(tmp_path, blocks)
        tries += [block.content for block in blocks if block.title == "try"]
        outputs += [block.content for block in blocks if block.title == "printed"]
    assert len(tries) == len(outputs) == sum(count > 0 for count in COUNTS.values()) > 0
    # The tables of the commands are for people; what programs read of them is in files.
    quiet = "from sqnn.cli import output\noutput.console.quiet = True\n"
    done = run(tmp_path, quiet + "".join(tries))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(outputs)


@pytest.mark.parametrize("anchor", COUNTS)
def test_the_page_counts_the_files_that_an_example_touches(anchor: str) -> None:
    blocks = section(anchor)
    assert len(touched(blocks)) == COUNTS[anchor]
    # What needs no file is executed with the page.
    assert touched(blocks) or any(block.language == "python" and block.title is None for block in blocks)


def test_a_study_is_one_folder_and_one_line() -> None:
    files = touched(section("a-study"))
    (changed,) = (name for name, block in files.items() if block.language == "diff")
    assert {Path(name).parent for name in files if name != changed} == {Path("sqnn/studies/decoding")}
    assert changed == "sqnn/studies/registry.py"
    assert len([line for line in files[changed].content.splitlines() if line.startswith("+        ")]) == 1


def test_every_row_of_the_table_is_read() -> None:
    rows = re.findall(r"^\| \[.*$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(COUNTS) >= 11


def test_a_line_that_is_not_in_the_file_is_noticed() -> None:
    with pytest.raises(AssertionError, match="not once"):
        change("a\nb\n", " c\n+d\n")
    assert change("a\nb\n", " a\n+x\n-b\n+c\n") == "a\nx\nc\n"
    assert change("a\nb\n", "+x\n b\n") == "a\nx\nb\n"
