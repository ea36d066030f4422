"""The noise of a circuit, from an object, an Aer model or a text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

    from circuits.reupload import DataReupload
    from noise_models import Noise

CHIP_SHAPES: Mapping[str, str] = MappingProxyType(
    {"ring": "ring", "brick": "ring", "line": "line", "none": "line", "all": "ring"}
)
"""How the wires of an entangler are laid on a chip; `all` of more than three wires is refused when it is compiled."""


def resolve_noise(noise: Noise | NoiseModel | str | None, circuit: DataReupload) -> Noise | None:
    """Return the noise that an object, an Aer model or a specification stands for; None and "none" for no noise."""
    if noise is None or (isinstance(noise, str) and noise.strip().lower() == "none"):
        return None
    from noise_models import Noise, from_aer, parse_noise

    if isinstance(noise, Noise):
        return noise if noise.parts else None
    if isinstance(noise, str):
        return parse_noise(noise, circuit.n_qubits, CHIP_SHAPES[circuit.entangler])
    # Whoever holds an Aer model has loaded Aer.
    aer = sys.modules.get("qiskit_aer.noise")
    if aer is not None and isinstance(noise, aer.NoiseModel):
        return from_aer(noise)
    raise ValueError(
        f"noise: got {type(noise).__name__}, expected a noise_models.Noise, an Aer NoiseModel, None, or a "
        "specification such as 'depolarizing:0.01'"
    )
