"""The command proposed for a network that cannot be converted exactly yet."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import nn

from sqnn.conversion import ConversionError
from sqnn.models import SourceNetwork, model_name

TIMESTEPS = 4
"""Bits of the activations that are proposed: enough for the accuracy of most networks."""
REPLACED = ("activation", "timesteps", "pooling")
"""Options that the command sets anew."""


@contextlib.contextmanager
def suggest_retraining(path: Path, model: nn.Module, data: Sequence[str] = ()) -> Iterator[None]:
    """Within the block, add the command to what keeps a network of ReLUs or largest-value pools from conversion."""
    try:
        yield
    except ConversionError as error:
        if not isinstance(model, SourceNetwork):
            raise
        settings = model.config.to_dict()
        if settings["activation"] != "relu" and settings.get("pooling") != "max":
            raise
        raise ConversionError([*error.problems, _command(path, model, data)]) from error


def _command(path: Path, model: SourceNetwork, data: Sequence[str]) -> str:
    config = model.config
    words = ["sqnn train --init", str(path), "--model", model_name(model)]
    for field in dataclasses.fields(config):
        value = config.to_dict()[field.name]
        if field.name not in (*config.data_fields, *REPLACED) and value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    bits = TIMESTEPS if config.activation == "relu" else config.timesteps
    words += ["--activation qcfs --timesteps", str(bits), *data]
    return f"to fix it: {' '.join(words)} trains it on with activations and pools that convert; then convert that run"
