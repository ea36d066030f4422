"""Encoders by name."""

from __future__ import annotations

from sqnn.core import Choices
from sqnn.encoding.base import Encoder
from sqnn.encoding.bitplane import BitPlane
from sqnn.encoding.direct import Direct
from sqnn.encoding.frames import FRAMES, Frames
from sqnn.encoding.latency import Latency
from sqnn.encoding.phase import WeightedPhase
from sqnn.encoding.rate import Rate

ENCODERS: Choices[type[Encoder]] = Choices(
    "encoder", {"direct": Direct, "rate": Rate, "latency": Latency, "phase": WeightedPhase, "bitplane": BitPlane}
)
"""Codes that make trains of values."""
INPUTS: Choices[type[Encoder]] = Choices("encoder", {**ENCODERS, FRAMES: Frames})
"""What a network's input may be encoded by: a code, or nothing where recordings come as frames."""


def make_encoder(name: str, timesteps: int, **options: object) -> Encoder:
    """Build the encoder called `name`; `options` go to its constructor.

    Raises `ValueError` when the name is unknown or the encoder refuses its arguments.
    """
    return INPUTS.pick(name)(timesteps, **options)
