"""Noise: named models, calibrated chips and Qiskit Aer models, what they mean as channels, and how to undo them."""

from noise_models.channels import (
    InstructionNoise,
    gate_channel,
    instruction_channels,
    kraus_operators,
    kraus_to_transfer,
    pauli_transfer_matrix,
    readout_line,
    readout_matrix,
    transfer_to_kraus,
)
from noise_models.chips import CHIPS, chip
from noise_models.mitigation import invert_readout, zero_noise
from noise_models.noise import (
    Noise,
    amplitude_damping,
    bit_flip,
    depolarizing,
    from_aer,
    overrotation,
    paper,
    phase_damping,
    phase_flip,
    readout,
    thermal_relaxation,
)
from noise_models.text import KINDS, at_strength, parse_noise

__all__ = [
    "CHIPS",
    "KINDS",
    "InstructionNoise",
    "Noise",
    "amplitude_damping",
    "at_strength",
    "bit_flip",
    "chip",
    "depolarizing",
    "from_aer",
    "gate_channel",
    "instruction_channels",
    "invert_readout",
    "kraus_operators",
    "kraus_to_transfer",
    "overrotation",
    "paper",
    "parse_noise",
    "pauli_transfer_matrix",
    "phase_damping",
    "phase_flip",
    "readout",
    "readout_line",
    "readout_matrix",
    "thermal_relaxation",
    "transfer_to_kraus",
    "zero_noise",
]
