"""`sqnn.lightcone`: a PennyLane device that evaluates each observable on its causal cone."""

from circuits.pennylane_device.device import LightConeDevice

__all__ = ["LightConeDevice"]
