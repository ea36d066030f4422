"""What the user wishes of compiled kernels, looked at before anything is written."""

from __future__ import annotations


def check_kernels() -> None:
    """Raise ValueError on a value of SQNN_KERNELS that is none, and where it is `on` and there is no compiler for them.

    Where it is `on`, the circuits' are compiled; those of layers and neurons need the same compiler.
    """
    # Imported here: it loads torch, which the doors do not.
    from circuits.kernels import kernels, wanted

    if wanted() == "on":
        kernels()
