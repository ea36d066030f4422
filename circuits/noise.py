"""The noise of a circuit, from an object, an Aer model or a text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from circuits.entanglers import ENTANGLERS, Pairs, entangler_of, named

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit_aer.noise import NoiseModel

    from circuits.reupload import DataReupload
    from noise_models import Noise

CHIP_SHAPES: Mapping[str, str] = MappingProxyType({name: entangler.chip for name, entangler in ENTANGLERS.items()})
"""How the wires of an entangler are laid on a chip; `all` of more than three wires is refused when it is compiled."""


def chip_shape(entangler: Pairs) -> str:
    """Return how the wires of an entangler are laid on a chip: pairs that are no neighbours in a ring."""
    return entangler_of(named(entangler)).chip


def resolve_noise(noise: Noise | NoiseModel | BackendV2 | str | None, circuit: DataReupload) -> Noise | None:
    """Return the noise that an object, an Aer model, a backend or a specification stands for; None for no noise.

    A backend is a chip, whose best qubits are taken in the shape of the circuit, or in a line with its gates routed
    where the chip has no such ring; of an Aer model the errors on the circuit's wires are read.
    """
    if noise is None or (isinstance(noise, str) and noise.strip().lower() == "none"):
        return None
    from noise_models import Noise, chip, from_aer, parse_noise

    if isinstance(noise, Noise):
        return noise if noise.parts else None
    shape = chip_shape(circuit.entangler)
    if isinstance(noise, str):
        return parse_noise(noise, circuit.n_qubits, shape)
    # Whoever holds an Aer model or a backend has loaded Aer or Qiskit.
    aer, providers = sys.modules.get("qiskit_aer.noise"), sys.modules.get("qiskit.providers")
    if aer is not None and isinstance(noise, aer.NoiseModel):
        return from_aer(noise, circuit.n_qubits)
    if providers is not None and isinstance(noise, providers.BackendV2):
        routed = shape != "line"
        shape = "line" if circuit.entangler_name == "all" or circuit.layout == "pairs" else shape
        return chip(noise, circuit.n_qubits, shape, routed=routed)
    raise ValueError(
        f"noise: got {type(noise).__name__}, expected a noise_models.Noise, an Aer NoiseModel, a Qiskit backend, None, "
        "or a specification such as 'depolarizing:0.01'"
    )
