"""Activations with levels that were written and trained elsewhere, recognised by what they compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.conversion.errors import ConversionError
from sqnn.core import RAISED
from sqnn.neurons import MAX_PLANES, QCFS, qcfs

POINTS = 4001
"""Values at which an activation is compared with QCFS, from below 0 to above its threshold."""
MAX_LEVELS = 256


@torch.no_grad()
def taken_over(module: nn.Module, path: str) -> QCFS | None:
    """Return the QCFS that computes what a module of one number, or of one per channel, computes, None where none does.

    The module is a staircase of L steps up to its threshold, a = (lambda / L) clip(floor(z L / lambda + 1/2), 0, L),
    such as the `IF` of the code of Bu et al. (ICLR 2022); its values decide, not its name. T bits have the levels
    0 .. 2^T - 1: ConversionError where L is none of these.
    """
    parameters = list(module.parameters())
    if isinstance(module, QCFS) or len(parameters) != 1 or not _is_threshold(parameters[0]):
        return None
    threshold = parameters[0].detach().double().flatten()
    if not bool((threshold > 0).all()):
        return None
    # No point lies on an edge of a level.
    values = torch.linspace(-0.5137, 1.5071, POINTS, dtype=torch.float64)[:, None] * threshold
    given = values.to(parameters[0].dtype)[:, :, None, None]
    try:
        answers = module(given)
    except RAISED:  # a module that takes other input is no activation
        return None
    if not isinstance(answers, Tensor) or answers.shape != given.shape:
        return None
    answers = answers.double()[:, :, 0, 0]
    levels = (answers / threshold * 1e4).round().unique()
    steps = len(levels) - 1
    if not 1 <= steps <= MAX_LEVELS or not torch.allclose(
        answers, qcfs(values, threshold, steps), rtol=0, atol=float(threshold.min()) / steps / 100
    ):
        return None
    bits = (steps + 1).bit_length() - 1
    if 2**bits - 1 != steps or bits > MAX_PLANES:
        near = f"{bits} or {bits + 1} bits count to {2**bits - 1} or {2 ** (bits + 1) - 1}"
        ours = f"QCFS({bits}, threshold={float(threshold[0]):.4g})"
        raise ConversionError(
            [
                f"{path}: {type(module).__name__} has the levels 0 to {steps}, and {near}; train it with so many "
                f"levels, or put a {ours} there and fine-tune"
            ]
        )
    made = QCFS(bits, channels=None if len(threshold) == 1 else len(threshold)).to(parameters[0].device, torch.float64)
    made.set_threshold(threshold[0] if len(threshold) == 1 else threshold)
    return made.to(parameters[0].dtype).eval()


def _is_threshold(parameter: Tensor) -> bool:
    """Say whether a parameter is one number, or one per channel of images."""
    one_per_channel = parameter.ndim == 4 and parameter.numel() == parameter.shape[1]
    return parameter.is_floating_point() and (parameter.numel() == 1 or one_per_channel)
