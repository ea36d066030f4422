"""Activations with levels that were written and trained elsewhere, recognised by what they compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.conversion.graph.errors import ConversionError
from sqnn.neurons import MAX_PLANES, QCFS, qcfs

POINTS = 4001
"""Values at which an activation is compared with QCFS, from below 0 to above its threshold."""
MAX_LEVELS = 256


@torch.no_grad()
def taken_over(module: nn.Module, path: str) -> QCFS | None:
    """Return the QCFS that computes what a module of a single number computes, None where none does.

    The module is a staircase of L steps up to its threshold, a = (lambda / L) clip(floor(z L / lambda + 1/2), 0, L),
    such as the `IF` of the code of Bu et al. (ICLR 2022); its values decide, not its name. T bits have the levels
    0 .. 2^T - 1: ConversionError where L is none of these.
    """
    parameters = list(module.parameters())
    if isinstance(module, QCFS) or len(parameters) != 1 or parameters[0].numel() != 1:
        return None
    threshold = parameters[0].detach().double().reshape(())
    if not threshold > 0:
        return None
    # No point lies on an edge of a level.
    values = torch.linspace(-0.5137, 1.5071, POINTS, dtype=torch.float64) * threshold
    given = values.to(parameters[0].dtype).view(-1, 1, 1, 1)
    try:
        answers = module(given)
    except Exception:  # a module that takes other input is no activation
        return None
    if not isinstance(answers, Tensor) or answers.shape != given.shape:
        return None
    answers = answers.double().flatten()
    levels = (answers / threshold * 1e4).round().unique()
    steps = len(levels) - 1
    if not 1 <= steps <= MAX_LEVELS or not torch.allclose(
        answers, qcfs(values, threshold, steps), rtol=0, atol=float(threshold) / steps / 100
    ):
        return None
    bits = (steps + 1).bit_length() - 1
    if 2**bits - 1 != steps or bits > MAX_PLANES:
        near = f"{bits} or {bits + 1} bits count to {2**bits - 1} or {2 ** (bits + 1) - 1}"
        ours = f"QCFS({bits}, threshold={float(threshold):.4g})"
        raise ConversionError(
            [
                f"{path}: {type(module).__name__} has the levels 0 to {steps}, and {near}; train it with so many "
                f"levels, or put a {ours} there and fine-tune"
            ]
        )
    made = QCFS(bits).to(parameters[0].device, torch.float64)
    made.set_threshold(threshold)
    return made.to(parameters[0].dtype).eval()
