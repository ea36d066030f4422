"""Where and by which command a row was measured, and the device it was measured on."""

from __future__ import annotations

from sqnn.core import commit, cores, machine

PROVENANCE = ("commit", "machine", "cores", "threads", "command")
"""Columns of every row of every benchmark."""


def provenance(command: str) -> dict[str, str | int]:
    """Return the columns `PROVENANCE` of a row that `command` made."""
    import torch

    return dict(zip(PROVENANCE, (commit(), machine(), cores(), torch.get_num_threads(), command), strict=True))


def check_device(name: str) -> None:
    """Raise ValueError where torch cannot put a tensor on the device of this name."""
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts where it was built without CUDA
        gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        here = f"; this machine has {', '.join(gpus)}" if gpus else ", and torch finds no GPU here; take cpu"
        raise ValueError(f"device: got {name!r}, expected cpu or a GPU of this machine{here}") from error
