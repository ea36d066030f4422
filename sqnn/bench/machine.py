"""The version of the library and the machine, which every row names."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from sqnn.core import cores, machine

PROVENANCE = ("commit", "machine", "cores", "threads", "command")
"""Columns of every row of every benchmark."""


def provenance(command: str) -> dict[str, str | int]:
    """Return the columns `PROVENANCE` of a row that `command` made."""
    import torch

    return dict(zip(PROVENANCE, (commit(), machine(), cores(), torch.get_num_threads(), command), strict=True))


@cache
def commit() -> str:
    """Return what `git describe` says of the checkout that this package lies in, else the version of the package."""
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--tags"],
            capture_output=True,
            text=True,
            check=False,
        )
        if described.returncode == 0:
            return described.stdout.strip()
    return version("sqnn")


def check_device(name: str) -> None:
    """Raise ValueError where torch cannot put a tensor on the device of this name."""
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts where it was built without CUDA
        raise ValueError(f"device: got {name!r}, expected cpu or a GPU of this machine, such as cuda") from error
