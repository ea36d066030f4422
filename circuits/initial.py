"""Initial distributions of the trainable angles, in radians."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from noise_models import Choices

Initialiser = Callable[[tuple[int, int, int], torch.Generator], Tensor]
TWO_PI = 2 * math.pi
SMALL_ANGLE_STD = 0.1
"""Standard deviation in radians of the small-angle start."""


def uniform(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Draw w ~ U[0, 2 pi)."""
    return torch.rand(shape, generator=generator, dtype=torch.float64) * TWO_PI


def truncated_normal(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Draw w ~ N(pi, (pi/2)^2) restricted to [0, 2 pi], that is to two standard deviations on either side."""
    centred = torch.empty(shape, dtype=torch.float64)
    return math.pi + torch.nn.init.trunc_normal_(centred, 0.0, math.pi / 2, -math.pi, math.pi, generator=generator)


def half_normal(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Draw w ~ N(0, 1) restricted to [0, 2 pi], of mean sqrt(2/pi) = 0.80.

    This is what the public code of SQDR-CNN draws under the name of a normal initialisation on [0, 2 pi].
    """
    return torch.nn.init.trunc_normal_(
        torch.empty(shape, dtype=torch.float64), 0.0, 1.0, 0.0, TWO_PI, generator=generator
    )


def small_angle(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Draw w ~ N(0, 0.1^2): every trainable rotation starts close to the identity.

    Source: Zhang et al., NeurIPS 2022 (Gaussian initialisations against barren plateaus), with a fixed width.
    """
    return torch.randn(shape, generator=generator, dtype=torch.float64) * SMALL_ANGLE_STD


def identity_block(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Draw phi ~ U[0, 2 pi) and set w = (phi, 0, -phi): every trainable rotation starts as exactly the identity.

    Source: the identity blocks of Grant et al., Quantum 3, 214 (2019), taken at the depth of a single rotation.
    """
    phi = uniform((shape[0], shape[1], 1), generator)
    return torch.cat([phi, torch.zeros_like(phi), -phi], dim=-1)


INITIALS: Choices[Initialiser] = Choices(
    "initial",
    {
        "uniform": uniform,
        "truncated-normal": truncated_normal,
        "half-normal": half_normal,
        "small-angle": small_angle,
        "identity-block": identity_block,
    },
)


def initial_weights(name: str, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Return float64 angles [n_blocks, n_qubits, 3] drawn by the named rule; ValueError on an unknown name."""
    return INITIALS.pick(name)(shape, generator)


def initial_angles(name: str, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return float64 angles of single rotations [layers, pairs] by the rule for weights; 0 for identity blocks."""
    if INITIALS.pick(name) is identity_block:
        return torch.zeros(shape, dtype=torch.float64)
    return initial_weights(name, (*shape, 1), generator).squeeze(-1)
