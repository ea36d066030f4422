"""Noise: named kinds, calibrated chips and Qiskit Aer models, the channels they mean, and how to undo them."""

from noise_models import moved, noise  # noqa: F401  (moved answers names of the last release)
from noise_models.backend import calibration_day
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
from noise_models.checks import whole
from noise_models.chips import ACCOUNT, CHIPS, chip, chip_name, load_backend
from noise_models.choices import Choices, did_you_mean, unknown
from noise_models.gates import ENTANGLERS, SYMMETRIC
from noise_models.kind import OneQubit
from noise_models.mitigation import invert_readout, zero_noise
from noise_models.noise import *  # noqa: F403 - Noise and one constructor per kind, listed there once
from noise_models.records import BRIEF, RecordWarning, brief, digest, read_json, read_text, reason, whole_number
from noise_models.text import KINDS, at_strength, give_second, parse_noise, strength_label

__all__ = [
    *noise.__all__,
    "ACCOUNT",
    "BRIEF",
    "CHIPS",
    "ENTANGLERS",
    "KINDS",
    "SYMMETRIC",
    "Choices",
    "InstructionNoise",
    "OneQubit",
    "RecordWarning",
    "at_strength",
    "brief",
    "calibration_day",
    "chip",
    "chip_name",
    "did_you_mean",
    "digest",
    "gate_channel",
    "give_second",
    "instruction_channels",
    "invert_readout",
    "kraus_operators",
    "kraus_to_transfer",
    "load_backend",
    "parse_noise",
    "pauli_transfer_matrix",
    "read_json",
    "read_text",
    "readout_line",
    "readout_matrix",
    "reason",
    "strength_label",
    "transfer_to_kraus",
    "unknown",
    "whole",
    "whole_number",
    "zero_noise",
]
