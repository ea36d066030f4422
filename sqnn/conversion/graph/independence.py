"""The test that a call treats the images of a batch one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from sqnn.conversion.graph.arguments import mapped, plain
from sqnn.conversion.graph.sizes import BatchSize

EXACT, ROUGH = 1e-9, 1e-4
"""Share of the largest number by which sums in another order may differ, in double precision and below."""


def acts_per_image(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_data: Callable[[Tensor], bool],
    batch: int,
) -> bool:
    """Say whether `call` gives, for a part of the images, that part of what it gives for all of them.

    The first image and the others are taken apart. What is treated so may as well be given the time steps of spikes
    in place of images. Numbers and truth values are drawn anew, so that silent layers before cannot hide anything.
    False where the call refuses a part.
    """
    generator = torch.Generator().manual_seed(0)
    drawn: dict[int, Tensor] = {}

    def draw(item: object) -> object:
        if not isinstance(item, Tensor) or not is_data(item):
            return item
        if id(item) not in drawn:
            drawn[id(item)] = _drawn(item, generator)
        return drawn[id(item)]

    args, kwargs = mapped((args, kwargs), draw)
    ids = {id(tensor) for tensor in drawn.values()}
    try:
        whole = _tensors(call(*mapped(args, plain), **mapped(kwargs, plain)))
        for first, last in ((0, 1), (1, batch)):

            def part(item: object, first: int = first, last: int = last) -> object:
                if isinstance(item, BatchSize):
                    return item.of(last - first)
                return _part(item, first, last, batch) if isinstance(item, Tensor) and id(item) in ids else plain(item)

            parts = _tensors(call(*mapped(args, part), **mapped(kwargs, part)))
            pairs = list(zip(parts, whole, strict=True))
            if not all(_agree(ours, _part(theirs, first, last, batch)) for ours, theirs in pairs):
                return False
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return True


def _drawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return other numbers in the place of a tensor's, above 0 so that logarithms and roots exist."""
    if not tensor.is_floating_point() and tensor.dtype is not torch.bool:
        return tensor
    new = torch.empty_like(tensor)
    if tensor.dtype is torch.bool:
        return new.copy_(torch.rand(tensor.shape, generator=generator) < 0.5)
    return new.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 0.9 + 0.1)


def _part(tensor: Tensor, first: int, last: int, batch: int) -> Tensor:
    """Return the rows of images first .. last - 1; ValueError where the first dimension is not that of the images."""
    if not tensor.ndim or tensor.shape[0] % batch:
        raise ValueError("no batch")
    rows = tensor.shape[0] // batch
    return tensor[first * rows : last * rows]


def _agree(ours: Tensor, theirs: Tensor) -> bool:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    if not ours.is_floating_point() and not ours.is_complex():
        return torch.equal(ours, theirs)
    share = EXACT if theirs.dtype in (torch.float64, torch.complex128) else ROUGH
    scale = float(theirs.nan_to_num().abs().max()) if theirs.numel() else 0.0
    return torch.allclose(ours, theirs, rtol=0, atol=share * max(scale, 1e-30), equal_nan=True)


def _tensors(result: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
