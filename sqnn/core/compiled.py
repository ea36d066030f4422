"""What the user wishes of compiled kernels, looked at before anything is written."""

from __future__ import annotations

import os


def check_kernels() -> None:
    """Raise ValueError on a value of SQNN_KERNELS that is none, and where it is `on` and there are no kernels.

    They are looked for where it is `on` alone, which compiles them on the first time; other values cost nothing.
    """
    # Imported here: it loads torch, which the doors do not.
    from circuits.kernels import KERNELS, kernels

    if os.environ.get(KERNELS, "auto") not in ("auto", "off"):
        kernels()
