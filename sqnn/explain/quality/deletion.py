"""Deletion and insertion: what is left of a probability while pixels go, or come, in the order of a map."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sqnn.core import require
from sqnn.metrics import predict_logits


@dataclass(frozen=True, eq=False)
class Curves:
    """Probability of a class [steps + 1, batch] after so many `pixels` [steps + 1] were deleted or inserted."""

    pixels: Tensor
    probability: Tensor

    @property
    def area(self) -> Tensor:
        """The area under each curve [batch], over the share of the pixels that went or came: a mean probability."""
        return torch.trapezoid(self.probability, dx=1 / (len(self.pixels) - 1), dim=0)


def deletion(
    model: nn.Module,
    images: Tensor,
    target: Tensor,
    maps: Tensor,
    generator: torch.Generator,
    *,
    steps: int = 28,
    share: float = 0.5,
    fill: Tensor | float = 0.0,
    insert: bool = False,
) -> Curves:
    """Return the probability of `target` [batch] while the pixels of greatest value are replaced by `fill`.

    p_k = softmax(f(x with its k pixels of greatest value replaced)) for k = 0 .. share * pixels in `steps` equal
    steps; with `insert` the image begins as `fill` and gets its pixels in the same order. Pixels of equal value go in
    an order drawn from `generator`. `maps` are [batch, (time,) height, width]; the channels of a pixel go together.
    A low area is good for deletion, a high one for insertion.

    Raises ConfigError on steps or a share out of range. Source: Petsiuk, Das and Saenko, BMVC 2018 (RISE); Samek et
    al., IEEE Trans. Neural Netw. Learn. Syst. 28, 2660 (2017).
    """
    pixels, found = deletion_answers(model, images, maps, generator, steps=steps, share=share, fill=fill, insert=insert)
    index = target.to(found.device).expand(len(pixels), -1).unsqueeze(-1)
    return Curves(pixels, found.gather(-1, index).squeeze(-1))


def deletion_answers(
    model: nn.Module,
    images: Tensor,
    maps: Tensor,
    generator: torch.Generator,
    *,
    steps: int = 28,
    share: float = 0.5,
    fill: Tensor | float = 0.0,
    insert: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return how many pixels went [steps + 1], and all probabilities then [steps + 1, batch, classes]; see `deletion`.

    A map of recordings without time [batch, height, width] takes its pixels at all times together. Raises ConfigError
    on steps or a share out of range.
    """
    require(steps >= 1, "steps", steps, "a whole number of at least 1")
    require(0 < share <= 1, "share", share, "a number above 0 and at most 1")
    ranks = removal_ranks(maps, generator)
    count = maps[0].numel()
    pixels = torch.linspace(0, share * count, steps + 1, dtype=torch.float64).round().long()
    first = ranks < pixels.to(maps.device).view(-1, *[1] * maps.ndim)  # [steps + 1, batch, *pixels]
    kept = torch.as_tensor(fill, dtype=images.dtype, device=images.device).expand(images.shape[1:])
    before, after = (kept, images) if insert else (images, kept)
    for _ in range(images.ndim - maps.ndim):
        first = first.unsqueeze(-3)
    changed = torch.where(first, after, before)
    logits = predict_logits(model, changed.flatten(0, 1)).unflatten(0, first.shape[:2])
    return pixels, logits.softmax(-1)


def removal_ranks(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Return the rank of each pixel in the order of decreasing value, equal ones in random order."""
    flat = maps.flatten(1)
    shuffle = torch.rand(flat.shape, generator=generator).argsort(-1).to(maps.device)
    order = shuffle.gather(1, flat.gather(1, shuffle).argsort(dim=-1, descending=True, stable=True))
    ranks = torch.arange(flat.shape[1], device=maps.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, ranks).view(maps.shape)
