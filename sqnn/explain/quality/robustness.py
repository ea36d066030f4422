"""Infidelity and sensitivity: does a map foretell what happens without a part, and does it stay under small noise?"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sqnn.core import require
from sqnn.explain.quality.maps import MapMaker, make_maps
from sqnn.metrics import predict_logits

SMALLEST, LARGEST = 1 / 8, 1 / 2
"""Sides of the squares, as shares of the image's."""


def infidelity(
    model: nn.Module, images: Tensor, target: Tensor, maps: Tensor, generator: torch.Generator, *, squares: int = 16
) -> Tensor:
    """Return how badly maps foretell the fall of a logit as squares are blackened, [batch] in [0, 1].

    For random squares S of 1/8 to 1/2 of the height and the width, d = f(x) - f(x without S) in logits of `target` and
    s = sum of the map over S. The map may be in any unit: min over b >= 0 of sum (b s - d)^2 / sum d^2. 0 is a perfect
    forecast, 1 no better than none; nan where no square changes the logit.

    Source: Yeh et al., NeurIPS 2019, square removal (section 2); as captum's `infidelity(..., normalize=True)`, but
    divided by the mean of d^2 and without negative units, by which a map of the wrong sign would be a perfect one.
    """
    require(squares >= 2, "squares", squares, "a whole number of at least 2")
    masks = draw_squares(squares, len(images), (images.shape[-2], images.shape[-1]), generator).to(images.device)
    steps = (1,) * (images.ndim - 4)  # a square is black in all frames of a recording
    masks = masks.view(*masks.shape[:2], *steps, *masks.shape[2:])
    changed = images * ~masks.unsqueeze(-3)
    logits = predict_logits(model, torch.cat([images, changed.flatten(0, 1)])).double().cpu()
    index = target.cpu().repeat(squares + 1).unsqueeze(-1)
    values = logits.gather(-1, index).view(squares + 1, len(images))
    falls = values[0] - values[1:]
    foretold = (maps * masks).double().cpu().flatten(2).sum(-1)
    product = (foretold * falls).sum(0).clamp_min(0)
    norms = (foretold**2).sum(0) * (falls**2).sum(0)
    explained = torch.where(norms > 0, product**2 / norms.clamp_min(torch.finfo(norms.dtype).tiny), 0.0)
    return torch.where((falls != 0).any(0), 1 - explained, math.nan)


def draw_squares(count: int, batch: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Draw rectangles within an image, of equal shares of height and width: bool [count, batch, height, width]."""
    side = SMALLEST + (LARGEST - SMALLEST) * torch.rand(count, batch, generator=generator)
    masks = torch.ones(count, batch, *size, dtype=torch.bool)
    for axis, length in enumerate(size):
        long = (side * length).round().clamp(1, length)
        start = ((length - long + 1) * torch.rand(count, batch, generator=generator)).floor()
        numbers = torch.arange(length).view(*(length if a == axis else 1 for a in range(2)))
        inside = (numbers >= start[..., None, None]) & (numbers < (start + long)[..., None, None])
        masks &= inside
    return masks


def sensitivity(
    make: MapMaker,
    model: nn.Module,
    images: Tensor,
    target: Tensor,
    maps: Tensor,
    generator: torch.Generator,
    *,
    noises: int = 4,
    radius: float = 0.02,
    begun: torch.Generator | None = None,
) -> Tensor:
    """Return how much maps change under small noise, [batch]: 0 not at all, 1 by as much as they hold.

    max over `noises` draws e ~ U[-radius, radius] of |map(x + e) - map(x)| / |map(x)| (Euclidean norms over the
    pixels), x + e cut off at [0, 1]; nan where the map is zero. Every map draws what that of the images drew:
    `begun` is where the generator of `maps` began (by default at seed 0), and `generator` draws the noise. Source:
    Yeh et al., NeurIPS 2019, max-sensitivity.
    """
    require(noises >= 1, "noises", noises, "a whole number of at least 1")
    require(0 < radius <= 1, "radius", radius, "a number above 0 and at most 1")
    state = (torch.Generator().manual_seed(0) if begun is None else begun).get_state()
    largest = torch.zeros(len(images), dtype=torch.float64)
    norm = maps.double().cpu().flatten(1).norm(dim=-1)
    for _ in range(noises):
        noise = radius * (2 * torch.rand(images.shape, generator=generator) - 1)
        moved = (images + noise.to(images)).clamp(0, 1)
        change = make_maps(make, model, moved, target, torch.Generator().set_state(state)).values - maps
        largest = largest.maximum(change.double().cpu().flatten(1).norm(dim=-1) / norm)
    return torch.where(norm > 0, largest, math.nan)
