"""Fixed, stratified parts of a labelled set."""

from __future__ import annotations

import torch
from torch import Tensor


def quotas(sizes: list[int], count: int) -> list[int]:
    """Share `count` draws among classes of the given sizes in proportion, by largest remainder.

    The shares add up to `count` exactly, differ from `count * size / sum(sizes)` by less than one, and never
    exceed a class's size.
    """
    total = sum(sizes)
    shares, remainders = zip(*(divmod(count * size, total) for size in sizes), strict=True)
    favoured = sorted(range(len(sizes)), key=lambda at: -remainders[at])[: count - sum(shares)]
    return [share + (at in favoured) for at, share in enumerate(shares)]


def stratified_draw(labels: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw `count` positions out of `labels` [N], keeping the classes' proportions.

    Returns the drawn positions and the remaining ones, each in increasing order.
    """
    members = [torch.nonzero(labels == label).flatten() for label in range(int(labels.max()) + 1)]
    shares = quotas([len(member) for member in members], count)
    drawn = torch.zeros(len(labels), dtype=torch.bool)
    for member, share in zip(members, shares, strict=True):
        drawn[member[torch.randperm(len(member), generator=generator)[:share]]] = True
    return torch.nonzero(drawn).flatten(), torch.nonzero(~drawn).flatten()
