from .compile import Compiled, NoiseWarning, compile_circuit
from .engines import (
    AUTO,
    DIFF_METHODS,
    ENGINES,
    AerEngine,
    Engine,
    LightConeEngine,
    PennyLaneEngine,
    RuntimeEngine,
    make_engine,
)
from .entanglers import ALIASES, ENTANGLERS, GATES, named
from .gate import Gate
from .initial import INITIALS, initial_weights
from .layer import ReuploadLayer
from .noise import CHIP_SHAPES, chip_shape, resolve_noise
from .observables import OBSERVABLES, observable_text, words_of
from .quantum_layer import OWN_ENGINES, QuantumLayer
from .reupload import SCALINGS, DataReupload
from .threads import ONE_THREAD_WORK, computing_in, when_small

__all__ = [
    "ALIASES",
    "AUTO",
    "CHIP_SHAPES",
    "DIFF_METHODS",
    "ENGINES",
    "ENTANGLERS",
    "GATES",
    "INITIALS",
    "OBSERVABLES",
    "ONE_THREAD_WORK",
    "OWN_ENGINES",
    "SCALINGS",
    "AerEngine",
    "Compiled",
    "DataReupload",
    "Engine",
    "Gate",
    "LightConeEngine",
    "NoiseWarning",
    "PennyLaneEngine",
    "QuantumLayer",
    "ReuploadLayer",
    "RuntimeEngine",
    "chip_shape",
    "compile_circuit",
    "computing_in",
    "initial_weights",
    "make_engine",
    "named",
    "observable_text",
    "resolve_noise",
    "when_small",
    "words_of",
]
