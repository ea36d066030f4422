from .aer import AerEngine
from .base import ENGINES, Engine, engine_class, make_engine
from .heisenberg import n_dead_turns
from .lightcone import OBSERVABLES, LightConeEngine
from .pennylane import DIFF_METHODS, MAX_STATE_VECTOR_QUBITS, STATE_VECTOR_DEVICES, PennyLaneEngine

__all__ = [
    "DIFF_METHODS",
    "ENGINES",
    "MAX_STATE_VECTOR_QUBITS",
    "OBSERVABLES",
    "STATE_VECTOR_DEVICES",
    "AerEngine",
    "Engine",
    "LightConeEngine",
    "PennyLaneEngine",
    "engine_class",
    "make_engine",
    "n_dead_turns",
]
