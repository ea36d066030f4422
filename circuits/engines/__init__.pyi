from .aer import AerEngine
from .base import AUTO, ENGINE_NAMES, ENGINES, Engine, engine_class, engine_options, make_engine, own_generator
from .heisenberg import n_dead_turns
from .lightcone import LightConeEngine
from .pennylane import DIFF_METHODS, MAX_STATE_VECTOR_QUBITS, STATE_VECTOR_DEVICES, PennyLaneEngine
from .runtime import RuntimeEngine
from .transforms import all_values

__all__ = [
    "AUTO",
    "DIFF_METHODS",
    "ENGINES",
    "ENGINE_NAMES",
    "MAX_STATE_VECTOR_QUBITS",
    "STATE_VECTOR_DEVICES",
    "AerEngine",
    "Engine",
    "LightConeEngine",
    "PennyLaneEngine",
    "RuntimeEngine",
    "all_values",
    "engine_class",
    "engine_options",
    "make_engine",
    "n_dead_turns",
    "own_generator",
]
