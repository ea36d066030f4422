"""Encoders by name."""

from __future__ import annotations

from sqnn.core import Choices
from sqnn.encoding.base import Encoder
from sqnn.encoding.bitplane import BitPlane
from sqnn.encoding.direct import Direct
from sqnn.encoding.latency import Latency
from sqnn.encoding.phase import WeightedPhase
from sqnn.encoding.rate import Rate

ENCODERS: Choices[type[Encoder]] = Choices(
    "encoder", {"direct": Direct, "rate": Rate, "latency": Latency, "phase": WeightedPhase, "bitplane": BitPlane}
)


def make_encoder(name: str, timesteps: int, **options: object) -> Encoder:
    """Build the encoder called `name`; `options` go to its constructor.

    Raises `ValueError` when the name is unknown or the encoder refuses its arguments.
    """
    return ENCODERS.pick(name)(timesteps, **options)
