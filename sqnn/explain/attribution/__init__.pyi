from .base import Found, Method
from .gradient import GradientInput, Saliency
from .occlusion import Occlusion
from .probe import Probe, probing
from .registry import METHODS, attribute
from .relevance import RULES, Relevance
from .result import Attribution, Cost, Grouping, Ledger
from .shapley import Shapley

__all__ = [
    "METHODS",
    "RULES",
    "Attribution",
    "Cost",
    "Found",
    "GradientInput",
    "Grouping",
    "Ledger",
    "Method",
    "Occlusion",
    "Probe",
    "Relevance",
    "Saliency",
    "Shapley",
    "attribute",
    "probing",
]
