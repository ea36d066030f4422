"""The versions that a number was measured with."""

from __future__ import annotations

import platform

from sqnn.core import version_of

PACKAGES = ("sqnn", "torch", "lightning", "pennylane", "snntorch", "qiskit-aer", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result can depend on, and which is not installed."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in PACKAGES}}
