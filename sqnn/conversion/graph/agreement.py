"""Agreement of tensors but for rounding."""

from __future__ import annotations

import torch
from torch import Tensor


def agree(ours: Tensor, theirs: Tensor, share: float) -> bool:
    """Say whether tensors have one shape and type, and numbers at most `share` of the largest apart."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    if not theirs.is_floating_point() and not theirs.is_complex():
        return torch.equal(ours, theirs)
    scale = float(theirs.nan_to_num().abs().max()) if theirs.numel() else 0.0
    return torch.allclose(ours, theirs, rtol=0, atol=share * scale, equal_nan=True)
