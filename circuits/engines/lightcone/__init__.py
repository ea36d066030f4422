"""The exact engine on causal cones: each expectation is evaluated on the wires that it depends on."""

from circuits.engines.lightcone.engine import OBSERVABLES, LightConeEngine, choose_method
from circuits.engines.lightcone.statevector import apply_gate, bloch_vector, cz_signs, product_state, z_signs

__all__ = [
    "OBSERVABLES",
    "LightConeEngine",
    "apply_gate",
    "bloch_vector",
    "choose_method",
    "cz_signs",
    "product_state",
    "z_signs",
]
