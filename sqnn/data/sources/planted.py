"""Images whose explanation is known: two digits side by side, of which the left one alone is the label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from sqnn.data.sources.idx import IDX_SETS, IDXSource
from sqnn.data.split import Split

SEED = 0
"""Seed of which image stands to the right of which."""


@dataclass(frozen=True, kw_only=True)
class PlantedSource(IDXSource):
    """A data set of IDX files with every image beside another one of the same part."""

    def read(self, folders: tuple[Path, ...], download: bool) -> tuple[Split, Split]:
        train, test = super().read(folders, download)
        generator = torch.Generator().manual_seed(SEED)
        return side_by_side(train, generator), side_by_side(test, generator)


def side_by_side(split: Split, generator: torch.Generator) -> Split:
    """Return images [N, C, H, 2 W]: image n to the left, to the right another one; the label is that of image n.

    Every image stands on the right once, and never beside itself where there are two or more, so that the right half
    is like the left one and says nothing of the label.
    """
    order = torch.randperm(len(split), generator=generator)
    right = torch.empty_like(order)
    right[order] = order.roll(1)
    return Split(torch.cat([split.images, split.images[right]], dim=-1), split.labels, split.max_level)


PLANTED = PlantedSource(
    **{
        **vars(IDX_SETS[0]),
        "name": "planted",
        "summary": "70,000 pairs of MNIST's digits side by side, 28x56 grey, labelled by the left one",
    }
)
