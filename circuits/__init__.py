"""Data re-upload circuits and the engines that evaluate them."""

from circuits.compile import Compiled, NoiseWarning, compile_circuit
from circuits.engines import DIFF_METHODS, ENGINES, AerEngine, Engine, LightConeEngine, PennyLaneEngine, make_engine
from circuits.entanglers import ENTANGLERS
from circuits.gate import Gate
from circuits.initial import INITIALS, initial_weights
from circuits.layer import ReuploadLayer
from circuits.noise import CHIP_SHAPES, resolve_noise
from circuits.reupload import DataReupload

__all__ = [
    "CHIP_SHAPES",
    "DIFF_METHODS",
    "ENGINES",
    "ENTANGLERS",
    "INITIALS",
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
