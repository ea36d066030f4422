"""Qiskit Aer noise models, and what they mean as channels."""

from noise_models.channels import InstructionNoise, instruction_channels, kraus_operators, pauli_transfer_matrix

__all__ = ["InstructionNoise", "instruction_channels", "kraus_operators", "pauli_transfer_matrix"]
