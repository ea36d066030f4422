from .devices import MAX_STATE_VECTOR_QUBITS, STATE_VECTOR_DEVICES
from .engine import PennyLaneEngine, build_qnode, pennylane_word
from .gradients import DIFF_METHODS

__all__ = [
    "DIFF_METHODS",
    "MAX_STATE_VECTOR_QUBITS",
    "STATE_VECTOR_DEVICES",
    "PennyLaneEngine",
    "build_qnode",
    "pennylane_word",
]
