"""The exact engine on causal cones: each expectation is evaluated on the wires that it depends on."""

from circuits.engines.lightcone.engine import LightConeEngine, choose_method
from circuits.engines.lightcone.frames import separated
from circuits.engines.lightcone.statevector import bloch_vector, z_signs
from circuits.engines.lightcone.words import register_state

__all__ = ["LightConeEngine", "bloch_vector", "choose_method", "register_state", "separated", "z_signs"]
