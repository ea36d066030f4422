"""Twins of the SQDR-CNN: of as many parameters, with another head or front-end in the place of its own."""

from sqnn.models.twins.cores import CORES, SQDRTwinConfig, Trigonometric
from sqnn.models.twins.network import SQDRTwin

__all__ = ["CORES", "SQDRTwin", "SQDRTwinConfig", "Trigonometric"]
