"""Shapley values of square patches of an image, shared among the pixels of a patch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sqnn.core import Choices
from sqnn.explain.attribution.shapley.game import coalitions, permutation_values, shapley_matrix

WITHIN: Choices[Callable[[Tensor], Tensor]] = Choices(
    "within",
    {
        "difference": lambda differences: differences,
        "equal": lambda differences: (differences > 0).any().expand_as(differences).to(differences.dtype),
    },
)
"""How the value of a patch is shared among its pixels: by |image - baseline|, or in equal parts."""
PARTS = 7
"""Patches along the shorter side of an image by default."""


def patch_side(height: int, width: int) -> int:
    """Return the default side of a patch in pixels."""
    return -(-min(height, width) // PARTS)


def patch_values(
    logit: Callable[[Tensor], Tensor],
    image: Tensor,
    baseline: Tensor,
    ends: tuple[float, float],
    *,
    side: int,
    permutations: int,
    within: str,
    batch_size: int,
    generator: torch.Generator,
) -> Tensor:
    """Return Shapley values [..., height, width], in float64, of the patches of one image of that shape.

    A coalition of patches is worth the `logit` of the image in which all other pixels are those of the `baseline`;
    `ends` are the logits of baseline and image. Patches of `side` x `side` pixels, through all channels, tile the image
    from its upper left. A patch that equals the baseline has no share. Where there are no more coalitions than the
    `permutations` would read, all of them are read and the values are exact; otherwise they are estimates, which add up
    to the difference of the ends all the same.
    """
    height, width = image.shape[-2:]
    columns = -(-width // side)
    rows_of, columns_of = torch.arange(height).unsqueeze(1) // side, torch.arange(width) // side
    patch = (rows_of * columns + columns_of).to(image.device)
    one_hot = F.one_hot(patch.flatten()).double()
    differences = (image - baseline).abs().double().flatten(0, -3)
    by_patch = differences.sum(0).flatten() @ one_hot
    playing = by_patch.nonzero()[:, 0]
    players = len(playing)

    def worth(flags: Tensor) -> Tensor:
        shown = torch.zeros(len(flags), one_hot.shape[1], dtype=torch.bool, device=image.device)
        shown[:, playing] = flags.to(image.device)
        parts = []
        for part in shown.split(batch_size):
            mask = part[:, patch].view(len(part), *(1 for _ in image.shape[:-2]), height, width)
            parts.append(logit(torch.where(mask, image, baseline)))
        return torch.cat(parts).cpu() if parts else torch.zeros(0)

    shares = torch.zeros(one_hot.shape[1], dtype=torch.float64, device=image.device)
    if players:
        if 2**players - 2 <= 2 * permutations * (players - 1):
            inner = worth(coalitions(players)[1:-1]).double()
            first, last = (torch.tensor([end], dtype=torch.float64) for end in ends)
            found = shapley_matrix(players) @ torch.cat([first, inner, last])
        else:
            found = permutation_values(worth, ends, players, permutations, generator)
        shares[playing] = found.to(image.device)
    weights = WITHIN.pick(within)(differences)
    totals = (weights.sum(0).flatten() @ one_hot).clamp(min=torch.finfo(torch.float64).tiny)
    values = weights * (shares / totals)[patch]
    return values.view(image.shape)
