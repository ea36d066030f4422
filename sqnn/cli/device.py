"""The machine that a measurement runs on."""

from __future__ import annotations

import platform


def check_device(name: str) -> None:
    """Raise ValueError where torch cannot put a tensor on the device of this name."""
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts where it was built without CUDA
        raise ValueError(f"device: got {name!r}, expected cpu or a GPU of this machine, such as cuda") from error


def machine() -> str:
    """Return the processor and the number of threads that torch computes with."""
    import torch

    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
