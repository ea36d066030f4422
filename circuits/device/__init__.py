"""`sqnn.lightcone`: a PennyLane device that evaluates each observable on its causal cone."""

from circuits.device.lightcone import LightConeDevice

__all__ = ["LightConeDevice"]
