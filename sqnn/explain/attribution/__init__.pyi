from .base import Found, Method
from .gradient import GradientInput, Saliency
from .occlusion import Occlusion
from .probe import Probe, probing
from .registry import METHODS, attribute
from .result import Attribution, Cost, Grouping, Ledger

__all__ = [
    "METHODS",
    "Attribution",
    "Cost",
    "Found",
    "GradientInput",
    "Grouping",
    "Ledger",
    "Method",
    "Occlusion",
    "Probe",
    "Saliency",
    "attribute",
    "probing",
]
