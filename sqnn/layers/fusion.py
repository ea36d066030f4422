"""Two branches of different kind on one input, added."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.layers.encode_decode import EncodeDecode


class FusionBlock(nn.Module):
    """Add an ordinary branch and a spiking one: y = ann(x) + snn(x); a branch that is None is left out.

    Both map `[batch, *features]` to the same `[batch, *features]`; `snn` is an `EncodeDecode`. Raises `ValueError`
    without any branch. Source: HAS-8, arXiv 2509.24411.
    """

    def __init__(self, ann: nn.Module | None, snn: EncodeDecode | None) -> None:
        super().__init__()
        if ann is None and snn is None:
            raise ValueError("ann, snn: got None twice, expected at least one branch")
        self.ann = ann
        self.snn = snn

    def forward(self, values: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if self.snn is None:
            only: Tensor = self.ann(values)  # type: ignore[misc]
            return only
        spiking: Tensor = self.snn(values, generator)
        return spiking if self.ann is None else spiking + self.ann(values)
