from .aer import AerEngine
from .base import ENGINES, Engine, engine_class, make_engine
from .heisenberg import n_dead_turns
from .lightcone import OBSERVABLES, LightConeEngine
from .pennylane import DIFF_METHODS, PennyLaneEngine

__all__ = [
    "DIFF_METHODS",
    "ENGINES",
    "OBSERVABLES",
    "AerEngine",
    "Engine",
    "LightConeEngine",
    "PennyLaneEngine",
    "engine_class",
    "make_engine",
    "n_dead_turns",
]
