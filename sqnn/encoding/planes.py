"""Binary digits of values in [0, 1]: the planes, how gradients come back through them, and what balances these."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sqnn.core import MAX_PLANES, Choices, Trains, Values, whole
from sqnn.encoding.plane_surrogates import PlaneSurrogate


def check_planes(name: str, value: int) -> int:
    """Return `value` if it is a whole number from 1 to `MAX_PLANES`, else raise `ValueError`."""
    planes = whole(name, value)
    if planes > MAX_PLANES:
        raise ValueError(f"{name}: got {value}, expected at most {MAX_PLANES}")
    return planes


def bits(unit: Values, planes: int) -> Trains:
    """Return the binary digits of values `[batch, *features]` in [0, 1] as `[planes, batch, *features]`, 0.0 or 1.0.

    L = round((2^T - 1) u), halves to even, clamped; b_k = (L >> (T - k)) & 1 for k = 1 .. T, most significant first.
    Every plane has the memory format of `unit`. Half-precision values get their levels in float32. No gradient.
    """
    exact = unit.detach().to(torch.promote_types(unit.dtype, torch.float32))
    top = (1 << planes) - 1
    return _split((exact * top).round_().clamp_(0, top), planes, unit.dtype)


def level_bits(levels: Tensor, planes: int) -> Tensor:
    """Return the binary digits of whole levels `[...]` in 0 .. 2^T - 1, as `bits` does, but bool `[planes, ...]`."""
    return _split(levels.detach().clone(), planes, levels.dtype).bool()


def _split(rest: Tensor, planes: int, dtype: torch.dtype) -> Tensor:
    """Return the digits of whole numbers as `dtype`, every plane laid out as `rest`, of which nothing is left."""
    out = torch.empty_strided((planes, *rest.shape), (rest.numel(), *rest.stride()), dtype=dtype, device=rest.device)
    for k, plane in enumerate(out.unbind(0), start=1):
        weight = 1 << (planes - k)
        torch.ge(rest, weight, out=plane)
        if k < planes:
            rest.sub_(plane, alpha=weight)
    return out


def plane_gradient(grads: Tensor, unit: Tensor, surrogate: PlaneSurrogate, factors: Sequence[float]) -> Tensor:
    """Return sum_k f_k S_k'(u) g_k: the gradient that digits `[planes, ...]` hand to their values `[...]`.

    `grads` is `[time, ...]` with time = whole periods of planes, summed over periods; `factors` holds the f_k.
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


def _equal(surrogate: PlaneSurrogate, planes: int) -> tuple[float, ...]:
    return (1.0,) * planes


def _as_steep_as_the_first(surrogate: PlaneSurrogate, planes: int) -> tuple[float, ...]:
    if not surrogate.has_gradient:
        return _equal(surrogate, planes)
    return tuple(surrogate.peak(1, planes) / surrogate.peak(k, planes) for k in range(1, planes + 1))


def _as_published(surrogate: PlaneSurrogate, planes: int) -> tuple[float, ...]:
    return tuple((planes - k) / 2 ** (k - 1) for k in range(1, planes + 1))


RESCALINGS: Choices[Callable[[PlaneSurrogate, int], tuple[float, ...]]] = Choices(
    "rescaling", {"order": _as_steep_as_the_first, "paper": _as_published, "none": _equal}
)
"""Factors on the gradients of the planes, which else grow twofold from each plane to the next."""


def rescaling_factors(rescaling: str, surrogate: PlaneSurrogate, planes: int) -> tuple[float, ...]:
    """Return r_k for k = 1 .. T = `planes`, most significant first, which multiply dS_k/du in the backward pass.

    - `"none"`: r_k = 1.
    - `"order"`: r_k = peak_1 / peak_k = c_k / c_1 = 2^(1-k) for the sines, 1 for `StraightThrough` and `Detached`.
      Every plane becomes as steep as the most significant one, whose gradient stays the exact derivative.
    - `"paper"`: r_k = (T - k) / 2^(k-1). The least significant plane gets no gradient.

    Let a held wave rise by R over [0, 1], and Q = 2^T - 1. The mean slope of the decoded value is R without rescaling,
    but every plane oscillates as much as the first; with "order" the oscillation halves from plane to plane and the
    mean slope is 2/3 (1 + 2^-T) R.

    Raises `ValueError` when the name is unknown.
    Source: "paper" is the form of arXiv 2509.24411's code, k' / 2^(7 - k') for 8 planes with k' = 0 the least
    significant, applied on top of the weights of decoding.
    """
    return RESCALINGS.pick(rescaling)(surrogate, planes)
