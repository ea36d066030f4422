from .device import LightConeDevice

__all__ = ["LightConeDevice"]
