"""Factors on the gradients of bit planes, which else grow twofold from each plane to the next."""

from __future__ import annotations

from sqnn.encoding.plane_surrogates import PlaneSurrogate

RESCALINGS = ("order", "paper", "none")


def rescaling_factors(rescaling: str, surrogate: PlaneSurrogate, planes: int) -> tuple[float, ...]:
    """Return r_k for k = 1 .. T = `planes`, most significant first, which multiply dS_k/du in the backward pass.

    - `"none"`: r_k = 1.
    - `"order"`: r_k = peak_1 / peak_k = c_k / c_1 = 2^(1-k) for the sines, 1 for `StraightThrough` and `Detached`.
      Every plane becomes as steep as the most significant one, whose gradient stays the exact derivative.
    - `"paper"`: r_k = (T - k) / 2^(k-1). The least significant plane gets no gradient.

    What it means for the decoded value sum_k w_k b_k / Q, with w_k = c_k and Q = 2^T - 1: the peak of a sine is
    P Q / c_k, with one P for all planes. Without rescaling every plane, the least significant included, contributes
    peaks of w_k / Q times P Q / c_k = P. Over [0, 1] a held wave rises by one R for all planes, tanh(alpha / 2) for a
    sigmoid-sine, so that plane k contributes a mean slope of R w_k / Q, about 2^-k R: these add up to R, which is near
    the true slope 1 where the wave is steep, but in all except the first planes the oscillation swamps the mean. With
    "order" plane k contributes peaks of 2^(1-k) P and a mean slope of R r_k w_k / Q = 2^(1-2k) 2^T R / Q: the
    oscillation fades from plane to plane, and the means add up to 2/3 (1 + 2^-T) R.

    Raises `ValueError` when the name is unknown.
    Source: "paper" is the form of arXiv 2509.24411's code, k' / 2^(7 - k') for 8 planes with k' = 0 the least
    significant, applied on top of the weights of decoding.
    """
    if rescaling not in RESCALINGS:
        raise ValueError(f"rescaling: got {rescaling!r}, expected one of {', '.join(RESCALINGS)}")
    order = range(1, planes + 1)
    if rescaling == "paper":
        return tuple((planes - k) / 2 ** (k - 1) for k in order)
    if rescaling == "none" or not surrogate.has_gradient:
        return (1.0,) * planes
    return tuple(surrogate.peak(1, planes) / surrogate.peak(k, planes) for k in order)
