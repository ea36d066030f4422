"""Mitigation of noise in expectations: readout inverted exactly, gate noise extrapolated to zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from noise_models import checks
from noise_models.channels import readout_line, readout_matrix
from noise_models.choices import unknown
from noise_models.noise import Noise

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", NDArray[np.float64], "Tensor")
"""An array or a tensor: results are of the type of what is corrected."""

METHODS: tuple[str, ...] = ("richardson", "linear", "exponential")


def invert_readout(expectations: Values, noise: Noise) -> Values:
    """Return <Z> [..., wires] as it would be without the readout error of `noise`.

    Reading turns <Z> into (1 - p01 - p10) <Z> + p10 - p01 with p01 = P(1|0), p10 = P(0|1); this solves for <Z>, wire
    by wire. Expectations from finite shots can leave [-1, 1], and their statistical error grows by 1/(1 - p01 - p10).

    Raises ValueError if p01 + p10 = 1 on a wire: such a reading contains no information.
    """
    _check_noise(noise)
    if noise.n_wires is not None and expectations.shape[-1] > noise.n_wires:
        raise ValueError(
            f"expectations: got {expectations.shape[-1]} wires, expected at most {noise.n_wires} for {noise}"
        )
    scales, offsets = [], []
    for wire in range(expectations.shape[-1]):
        offset, scale = readout_line(readout_matrix(noise.model(), wire))
        if abs(scale) < 1e-9:
            raise ValueError(f"noise: got P(1|0) + P(0|1) = 1 on wire {wire}, expected a reading that tells 0 from 1")
        scales.append(scale)
        offsets.append(offset)
    # A tensor keeps its type, device and gradient.
    like = getattr(expectations, "new_tensor", np.array)
    return (expectations - like(offsets)) / like(scales)


def zero_noise(
    evaluate: Callable[[Noise], Values], noise: Noise, scales: Sequence[float] = (1, 2, 3), method: str = "richardson"
) -> Values:
    """Return expectations extrapolated to no noise from `evaluate(scale * noise)` at several scales.

    `evaluate` returns an array or tensor of any shape, which is extrapolated element by element, with gradients:

    - `richardson`: the polynomial through all scales, exact if the noise acts as one of degree len(scales) - 1;
    - `linear`: the least-squares line;
    - `exponential`: A exp(B s), fitted as a line through the logarithms. Elements that vanish or change their sign
      between scales are not exponential: for these the line itself is taken.

    Extrapolation amplifies statistical errors: by sqrt(19) for `richardson` at scales 1, 2, 3.

    Raises ValueError on an unknown method, fewer than two different scales, one that is not positive, and scales that
    take the noise beyond what is physical.

    Sources: Temme, Bravyi & Gambetta, PRL 119, 180509 (2017); extrapolators of PennyLane (`pennylane.noise`).
    """
    # Imported here: PennyLane takes a second, and nothing else in this package needs it.
    from pennylane import math

    _check_noise(noise)
    if method not in METHODS:
        raise ValueError(unknown("method", method, METHODS))
    steps = [checks.strength("scales", scale) for scale in scales]
    if len(steps) < 2 or len(set(steps)) < len(steps) or min(steps) == 0:
        raise ValueError(f"scales: got {tuple(scales)!r}, expected at least two different positive numbers")
    values = math.stack([evaluate(scale * noise) for scale in steps])
    line = _combine(_weights(steps, "linear"), values)
    if method == "linear":
        return line
    if method == "richardson":
        return _combine(_weights(steps, "richardson"), values)
    signs = math.sign(values)
    same = math.abs(math.sum(signs, axis=0)) == len(steps)
    sizes = math.where(same, math.abs(values), math.ones_like(values))
    return math.where(same, signs[0] * math.exp(_combine(_weights(steps, "linear"), math.log(sizes))), line)


def _check_noise(noise: Noise) -> None:
    if not isinstance(noise, Noise):
        raise ValueError(f"noise: got {type(noise).__name__}, expected a Noise (parse_noise reads one from text)")


def _weights(scales: Sequence[float], method: str) -> list[float]:
    """Return the weight of each scale's value: extrapolation is linear in the values, so unit vectors give them."""
    from pennylane.noise import poly_extrapolate, richardson_extrapolate

    x = np.array(scales)
    units = np.eye(len(scales))
    if method == "richardson":
        return [float(richardson_extrapolate(x, unit)) for unit in units]
    return [float(poly_extrapolate(x, unit, 1)) for unit in units]


def _combine(weights: Sequence[float], values: Values) -> Values:
    weighted = [weight * value for weight, value in zip(weights, values, strict=True)]
    return sum(weighted[1:], weighted[0])
