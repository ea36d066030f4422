"""Binary digits of values in [0, 1]: the planes, and how gradients come back through them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sqnn.encoding.base import check_count
from sqnn.encoding.plane_surrogates import PlaneSurrogate

MAX_PLANES = 16
"""Most bit planes: more than this many bits come close to the 24 that float32 resolves."""


def check_planes(name: str, value: int) -> int:
    """Return `value` if it is a whole number from 1 to `MAX_PLANES`, else raise `ValueError`."""
    if check_count(name, value, 1) > MAX_PLANES:
        raise ValueError(f"{name}: got {value}, expected at most {MAX_PLANES}")
    return value


def bits(unit: Tensor, planes: int) -> Tensor:
    """Return the binary digits of values `[batch, *features]` in [0, 1] as `[planes, batch, *features]`, 0.0 or 1.0.

    L = round((2^T - 1) u), halves to even, clamped; b_k = (L >> (T - k)) & 1 for k = 1 .. T, most significant first.
    Every plane has the memory format of `unit`. Half-precision values get their levels in float32. No gradient.
    """
    exact = unit.detach().to(torch.promote_types(unit.dtype, torch.float32))
    top = (1 << planes) - 1
    rest = (exact * top).round_().clamp_(0, top)
    out = torch.empty_strided(
        (planes, *rest.shape), (rest.numel(), *rest.stride()), dtype=unit.dtype, device=unit.device
    )
    for k, plane in enumerate(out.unbind(0), start=1):
        weight = 1 << (planes - k)
        torch.ge(rest, weight, out=plane)
        if k < planes:
            rest.sub_(plane, alpha=weight)
    return out


def plane_gradient(grads: Tensor, unit: Tensor, surrogate: PlaneSurrogate, factors: Sequence[float]) -> Tensor:
    """Return sum_k f_k S_k'(u) g_k: the gradient that digits `[planes, ...]` hand to their values `[...]`.

    `grads` is `[time, ...]` with time = whole periods of planes, summed over periods; `factors` holds one f_k a plane.
    It goes plane by plane, so that its memory is the size of `unit`, and is differentiable again.
    """
    exact = torch.promote_types(unit.dtype, torch.float32)
    planes = len(factors)
    total = torch.zeros_like(unit, dtype=exact)
    for k, (factor, slope) in enumerate(zip(factors, surrogate.slopes(unit.to(exact), planes), strict=True)):
        if factor == 0:
            continue
        received = grads[k] if len(grads) == planes else grads[k::planes].sum(0)
        total.addcmul_(received.to(exact), slope, value=factor)
    return total.to(unit.dtype)
