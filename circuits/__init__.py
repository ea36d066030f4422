"""Data re-upload circuits and the engines that evaluate them."""

from circuits.engines import DIFF_METHODS, ENGINES, Engine, LightConeEngine, PennyLaneEngine, make_engine
from circuits.entanglers import ENTANGLERS
from circuits.gate import Gate
from circuits.initial import INITIALS, initial_weights
from circuits.layer import ReuploadLayer
from circuits.reupload import DataReupload

__all__ = [
    "DIFF_METHODS",
    "ENGINES",
    "ENTANGLERS",
    "INITIALS",
    "DataReupload",
    "Engine",
    "Gate",
    "LightConeEngine",
    "PennyLaneEngine",
    "ReuploadLayer",
    "initial_weights",
    "make_engine",
]
