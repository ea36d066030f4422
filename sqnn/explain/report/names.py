"""Names of neurons in words."""

from __future__ import annotations

from collections.abc import Sequence


def neuron_name(layer: str, shape: Sequence[int], neuron: int) -> str:
    """Return the name of a neuron by its flat number within a layer: "blocks.0, channel 1, row 4, column 5"."""
    if len(shape) != 3:
        return f"{layer}, neuron {neuron}"
    channel, pixel = divmod(neuron, shape[1] * shape[2])
    return f"{layer}, channel {channel}, row {pixel // shape[2]}, column {pixel % shape[2]}"
