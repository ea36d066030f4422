"""The circuit on Qiskit Aer."""

from circuits.engines.aer.engine import AerEngine

__all__ = ["AerEngine"]
