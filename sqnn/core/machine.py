"""The machine and the version of the library, which every measured row names."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def commit() -> str:
    """Return what `git describe` says of the checkout that this package lies in, else the version of the package."""
    root = Path(__file__).resolve().parents[2]
    git = shutil.which("git")
    if git is not None and (root / ".git").exists():
        described = subprocess.run(
            [git, "-C", str(root), "describe", "--always", "--dirty", "--tags"],
            capture_output=True,
            text=True,
            check=False,
        )
        if described.returncode == 0:
            return described.stdout.strip()
    return version_of("sqnn")


def version_of(package: str) -> str:
    """Return the version of an installed package; "not installed" of one that is none, as in a checkout on the path."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def machine() -> str:
    """Return the model of the processor."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
