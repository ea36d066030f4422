from .compile import Compiled, NoiseWarning, compile_circuit
from .engines import (
    DIFF_METHODS,
    ENGINES,
    OBSERVABLES,
    AerEngine,
    Engine,
    LightConeEngine,
    PennyLaneEngine,
    RuntimeEngine,
    make_engine,
)
from .entanglers import ENTANGLERS
from .gate import Gate
from .initial import INITIALS, initial_weights
from .layer import ReuploadLayer
from .noise import CHIP_SHAPES, resolve_noise
from .reupload import DataReupload
from .threads import SMALL, computing_in, when_small

__all__ = [
    "CHIP_SHAPES",
    "DIFF_METHODS",
    "ENGINES",
    "ENTANGLERS",
    "INITIALS",
    "OBSERVABLES",
    "SMALL",
    "AerEngine",
    "Compiled",
    "DataReupload",
    "Engine",
    "Gate",
    "LightConeEngine",
    "NoiseWarning",
    "PennyLaneEngine",
    "ReuploadLayer",
    "RuntimeEngine",
    "compile_circuit",
    "computing_in",
    "initial_weights",
    "make_engine",
    "resolve_noise",
    "when_small",
]
