"""Numbers from torch's own generators, for modules that take no generator, such as `nn.Dropout`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def torch_numbers(seed: int | None = None) -> Iterator[None]:
    """Within the block, torch's generators start from `seed` where one is given; after it, they are as they were."""
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        if seed is not None:
            seed_torch(seed)
        yield


def seed_torch(seed: int) -> None:
    """Let torch's generators start from `seed`, in a block of `torch_numbers`, which puts them back."""
    import torch

    generator: torch.Generator = torch.default_generator
    generator.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
