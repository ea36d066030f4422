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
REPLACED = ("activation", "timesteps")
"""Options that the command sets anew."""


@contextlib.contextmanager
def suggest_retraining(path: Path, model: nn.Module, data: Sequence[str] = (), *, rates: bool = True) -> Iterator[None]:
    """Within the block, add the command to what keeps ReLUs from conversion, and max pools from one by `rates`."""
    try:
        yield
    except ConversionError as error:
        if not isinstance(model, SourceNetwork):
            raise
        settings = model.config.to_dict()
        if settings["activation"] != "relu" and not (rates and settings.get("pooling") == "max"):
            raise
        replaced = (*REPLACED, "pooling") if rates else REPLACED
        raise ConversionError([*error.problems, _command(path, model, data, replaced)]) from error


def _command(path: Path, model: SourceNetwork, data: Sequence[str], replaced: tuple[str, ...]) -> str:
    config = model.config
    words = ["sqnn train --init", str(path), "--model", model_name(model)]
    for field in dataclasses.fields(config):
        value = config.to_dict()[field.name]
        if field.name not in (*config.data_fields, *replaced) and value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    bits = TIMESTEPS if config.activation == "relu" else config.timesteps
    words += ["--activation qcfs --timesteps", str(bits), *data]
    return f"to fix it: {' '.join(words)} trains it on with activations and pools that convert; then convert that run"
