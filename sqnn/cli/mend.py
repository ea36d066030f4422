"""What to type where a network cannot be converted as it is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from sqnn.conversion import ConversionError
from sqnn.models import model_name

TIMESTEPS = 4
"""Bits of the activations that are proposed: enough for the accuracy of most networks."""
REPLACED = ("activation", "timesteps", "pooling")
"""Choices of a network that the mend takes anew."""


@contextlib.contextmanager
def mending(path: Path, model: nn.Module, data: str | None = None) -> Iterator[None]:
    """Within the block, add to what is in the way of a source network's conversion the command that mends it."""
    try:
        yield
    except ConversionError as error:
        config: Any = getattr(model, "config", None)
        if getattr(config, "activation", None) != "relu" and getattr(config, "pooling", None) != "max":
            raise
        raise ConversionError([*error.problems, _command(path, model, data)]) from error


def _command(path: Path, model: nn.Module, data: str | None) -> str:
    config: Any = model.config
    words = ["sqnn train --init", str(path), "--model", model_name(model)]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in (*config.data_fields, *REPLACED) and value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    bits = TIMESTEPS if config.activation == "relu" else config.timesteps
    words += ["--activation qcfs --timesteps", str(bits), *(["--data", data] if data else [])]
    return f"mend: {' '.join(words)} trains it on with what spikes can count; then convert that run"
