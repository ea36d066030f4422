from .compile import Compiled, NoiseWarning, compile_circuit
from .engines import (
    DIFF_METHODS,
    ENGINES,
    OBSERVABLES,
    AerEngine,
    Engine,
    LightConeEngine,
    PennyLaneEngine,
    make_engine,
)
from .entanglers import ENTANGLERS
from .gate import Gate
from .initial import INITIALS, initial_weights
from .layer import ReuploadLayer
from .noise import CHIP_SHAPES, resolve_noise
from .reupload import DataReupload

__all__ = [
    "CHIP_SHAPES",
    "DIFF_METHODS",
    "ENGINES",
    "ENTANGLERS",
    "INITIALS",
    "OBSERVABLES",
    "AerEngine",
    "Compiled",
    "DataReupload",
    "Engine",
    "Gate",
    "LightConeEngine",
    "NoiseWarning",
    "PennyLaneEngine",
    "ReuploadLayer",
    "compile_circuit",
    "initial_weights",
    "make_engine",
    "resolve_noise",
]
