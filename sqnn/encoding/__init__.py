"""Spike encoders: images in [0, 1] become trains `[time, batch, *features]`, and come back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqnn.encoding.base import Encoder
from sqnn.encoding.direct import Direct
from sqnn.encoding.latency import Latency
from sqnn.encoding.phase import WeightedPhase
from sqnn.encoding.rate import Rate

ENCODERS: Mapping[str, type[Encoder]] = MappingProxyType(
    {"direct": Direct, "rate": Rate, "latency": Latency, "phase": WeightedPhase}
)


def make_encoder(name: str, timesteps: int, **options: Any) -> Encoder:
    """Build the encoder called `name`; `options` go to its constructor.

    Raises `ValueError` when the name is unknown or the encoder refuses its arguments.
    """
    if name not in ENCODERS:
        raise ValueError(f"encoder: got {name!r}, expected one of {', '.join(ENCODERS)}")
    return ENCODERS[name](timesteps, **options)


__all__ = ["ENCODERS", "Direct", "Encoder", "Latency", "Rate", "WeightedPhase", "make_encoder"]
