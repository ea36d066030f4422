"""PennyLane's ways to differentiate a circuit."""

from __future__ import annotations

from typing import NamedTuple

from noise_models import Choices


class GradientMethod(NamedTuple):
    """Whether a method works with finite shots, and whether it differentiates broadcast inputs in one execution."""

    shots: bool
    broadcasts: bool


DIFF_METHODS: Choices[GradientMethod] = Choices(
    "diff_method",
    {
        "best": GradientMethod(shots=True, broadcasts=True),
        "backprop": GradientMethod(shots=False, broadcasts=True),
        "adjoint": GradientMethod(shots=False, broadcasts=False),
        "parameter-shift": GradientMethod(shots=True, broadcasts=False),
        "spsa": GradientMethod(shots=True, broadcasts=False),
        "finite-diff": GradientMethod(shots=True, broadcasts=False),
    },
)
