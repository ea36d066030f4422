"""The exact engine on causal cones: each expectation is evaluated on the wires that it depends on."""

from circuits.engines.lightcone.engine import OBSERVABLES, LightConeEngine, choose_method

__all__ = ["OBSERVABLES", "LightConeEngine", "choose_method"]
