"""The versions that a number was measured with."""

from __future__ import annotations

import platform
from importlib.metadata import version

PACKAGES = ("sqnn", "torch", "lightning", "pennylane", "snntorch", "qiskit-aer", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result can depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
