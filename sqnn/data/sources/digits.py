"""The handwritten digits that scikit-learn brings along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sqnn.data.sources.base import Source
from sqnn.data.split import Split

MAX_LEVEL = 16
"""The images count the ink in 4x4 blocks, 0 to 16."""


@dataclass(frozen=True, kw_only=True)
class BundledDigits(Source):
    """Images without files of their own and without an official test set."""

    def read(self, folders: tuple[Path, ...], download: bool) -> tuple[Split, None]:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = torch.from_numpy(bunch.images.astype(np.uint8)).unsqueeze(1)
        return Split(images, torch.from_numpy(bunch.target.astype(np.int64)), MAX_LEVEL), None


DIGITS = BundledDigits(
    name="digits",
    summary="1,797 handwritten digits, 8x8 grey, bundled with scikit-learn; no official test set",
    classes=tuple("0123456789"),
    validation=180,
    shape=(1, 8, 8),
)
