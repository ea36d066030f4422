"""Runs killed before their first checkpoint, and runs that must be the same to the last bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from sqnn import Run


def killed(run: Run, folder: Path) -> Path:
    """The folder of the same run, killed before its first checkpoint."""
    folder.mkdir()
    for path in (run.folder / "settings.yaml", *run.folder.glob("initial.safetensors")):
        shutil.copy(path, folder)
    return folder


def assert_same(one: Run, other: Run) -> None:
    """Weights, learning curves and results are equal."""
    for name, tensor in other.model.state_dict().items():
        assert torch.equal(one.model.state_dict()[name], tensor), name
    assert one.history.equals(other.history)
    for name in ("epochs", "test_loss"):
        assert one.result[name] == other.result[name]
