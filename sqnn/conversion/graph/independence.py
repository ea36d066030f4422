"""The test that a call treats the images of a batch one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from sqnn.conversion.graph.agreement import agree
from sqnn.conversion.graph.arguments import mapped, plain
from sqnn.conversion.graph.sizes import BatchSize

EXACT, ROUGH = 1e-9, 1e-4
"""Share of the largest number by which sums in another order may differ, in double precision and below."""

MANY = 4099
"""Images in a batch of which shapes alone count: more than code is likely to name, and no multiple of such a number."""


def batch_axes(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    axis_of: Callable[[Tensor], int | None],
    batch: int,
    cuts: bool = False,
) -> list[int] | None:
    """Return the dimension of the images in every tensor that a call gives; None where the call mixes images.

    A call that treats images one by one gives, for a part of them, that part of what it gives for all. The first image
    and the others are taken apart. What is treated so may as well be given the time steps of spikes in place of images.
    `axis_of` says where the images are in what the call is given, None for what does not depend on them. Numbers and
    truth values are drawn anew, so that silent layers before cannot hide anything. None where the call refuses a part.
    `cuts` says of a call that it gives views of what may be a part of the images: `MANY` are tried, too.
    """
    generator = torch.Generator().manual_seed(0)
    drawn: dict[int, tuple[Tensor, int]] = {}
    given: dict[int, Tensor] = {}

    def draw(item: object) -> object:
        axis = axis_of(item) if isinstance(item, Tensor) else None
        if axis is None or not isinstance(item, Tensor):
            return item
        if id(item) not in given:
            given[id(item)] = _drawn(item, generator)
            drawn[id(given[id(item)])] = given[id(item)], axis
        return given[id(item)]

    args, kwargs = mapped((args, kwargs), draw)
    try:
        whole = _tensors(call(*mapped(args, plain), **mapped(kwargs, plain)))
        axes = [[axis for axis, size in enumerate(tensor.shape) if size % batch == 0] for tensor in whole]
        for first, last in ((0, 1), (1, batch)):

            def part(item: object, first: int = first, last: int = last) -> object:
                if isinstance(item, BatchSize):
                    return item.of(last - first)
                known = drawn.get(id(item))
                return plain(item) if known is None else _part(*known, first, last, batch)

            parts = _tensors(call(*mapped(args, part), **mapped(kwargs, part)))
            axes = [
                [axis for axis in among if _agree(ours, _part(theirs, axis, first, last, batch))]
                for ours, theirs, among in zip(parts, whole, axes, strict=True)
            ]
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, AttributeError):
        return None
    if not all(axes):
        return None
    found = [among[0] for among in axes]
    if cuts:

        def grown(item: object) -> object:
            if isinstance(item, BatchSize):
                return item.of(MANY)
            return _grown(*drawn[id(item)], batch) if id(item) in drawn else plain(item)

        many = _tensors(call(*mapped(args, grown), **mapped(kwargs, grown)))
        wanted = [_grown(tensor, axis, batch) for tensor, axis in zip(whole, found, strict=True)]
        if [tensor.shape for tensor in many] != [tensor.shape for tensor in wanted]:
            return None
    return found


def _drawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return other numbers in the place of a tensor's, above 0 so that logarithms and roots exist."""
    if not tensor.is_floating_point() and tensor.dtype is not torch.bool:
        return tensor
    new = torch.empty_like(tensor)
    if tensor.dtype is torch.bool:
        return new.copy_(torch.rand(tensor.shape, generator=generator) < 0.5)
    return new.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 0.9 + 0.1)


def _grown(tensor: Tensor, axis: int, batch: int) -> Tensor:
    """Return `MANY` images that are all the first one, without memory for them."""
    shape = list(tensor.shape)
    shape[axis] = shape[axis] // batch * MANY
    return tensor.narrow(axis, 0, 1).expand(shape)


def _part(tensor: Tensor, axis: int, first: int, last: int, batch: int) -> Tensor:
    """Return images first .. last - 1; ValueError where the dimension is not that of the images."""
    if axis >= tensor.ndim or tensor.shape[axis] % batch:
        raise ValueError("no batch")
    rows = tensor.shape[axis] // batch
    return tensor.narrow(axis, first * rows, (last - first) * rows)


def _agree(ours: Tensor, theirs: Tensor) -> bool:
    return agree(ours, theirs, EXACT if theirs.dtype in (torch.float64, torch.complex128) else ROUGH)


def _tensors(result: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
