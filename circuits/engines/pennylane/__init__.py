"""The engine on PennyLane's own devices, without and with noise."""

from circuits.engines.pennylane.engine import DIFF_METHODS, PennyLaneEngine, build_qnode

__all__ = ["DIFF_METHODS", "PennyLaneEngine", "build_qnode"]
