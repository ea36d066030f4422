"""The conversions by name, as the command line and the studies call them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn

from sqnn.conversion.convert import convert
from sqnn.conversion.network import SpikingNetwork
from sqnn.conversion.rates import convert_rate
from sqnn.core import ConfigError, require, require_one_of

EXACT = "exact"
RATES: Mapping[str, str] = MappingProxyType({"qcfs-rate": "learned", "max": "max", "percentile": "percentile"})
"""The conversions by rate, and where each has its thresholds from."""
METHODS: tuple[str, ...] = (EXACT, *RATES)
CALIBRATION_IMAGES = 500
"""Training images, the first of them, that thresholds are read off by default."""


def convert_by(
    method: str,
    model: nn.Module,
    *,
    timesteps: int | None = None,
    planes: int | None = None,
    fold_batch_norm: bool = False,
    images: Tensor | None = None,
) -> SpikingNetwork:
    """Convert with one of METHODS: `exact` is `convert`, the others are `convert_rate` with their thresholds.

    `timesteps` belongs to the rates, which need it, `planes` and `fold_batch_norm` to `exact`; `images`, in the
    network's precision, calibrate `max` and `percentile`. Raises ConfigError on an option of another method, and
    ConversionError with one line for every layer that cannot be converted.
    """
    require_one_of("method", method, METHODS)
    if method == EXACT:
        bits = "none with method exact, which takes a step for each bit (planes stops earlier)"
        require(timesteps is None, "timesteps", timesteps, bits)
        return convert(model, planes=planes, fold_batch_norm=fold_batch_norm)
    require(planes is None, "planes", planes, f"none with method {method}, whose spikes are no bits")
    require(not fold_batch_norm, "fold_batch_norm", fold_batch_norm, f"false with method {method}")
    if timesteps is None:
        raise ConfigError(f"timesteps: got none, expected a number of time steps with method {method}")
    return convert_rate(model, timesteps, thresholds=RATES[method], images=images)
