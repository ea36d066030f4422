"""The project's own files: workflows and metadata that can be read, and commands in them that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import sqnn

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OTHERS = [
    ROOT / "CITATION.cff",
    ROOT / ".pre-commit-config.yaml",
    *sorted((ROOT / ".github").rglob("ISSUE_TEMPLATE/*.yml")),
]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_only_and_runs_targets_that_exist(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {name for command in commands for name in re.findall(r"\bmake ([a-z-]+)", command)} <= targets


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_other_project_files_can_be_read(path: Path) -> None:
    assert isinstance(read(path), dict)


def test_the_citation_names_this_version() -> None:
    assert str(read(ROOT / "CITATION.cff")["version"]) == sqnn.__version__
