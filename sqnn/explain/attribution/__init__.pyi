from .ablation import Margins, robustness_margins
from .activation import ActivationMap, activation_map
from .base import Found, Method
from .gradient import GradientInput, Saliency
from .influence import Influence
from .integrated import IntegratedEvents, IntegratedSmooth, IntegratedSurrogate, smooth_twin
from .occlusion import Occlusion
from .probe import Probe, copy_of, probing
from .registry import METHODS, attribute, read_methods
from .relevance import HANDED_ON, RULES, Relevance
from .result import Attribution, Cost, Grouping, Ledger, Twin
from .shapley import Shapley
from .silence import NO_ATTRIBUTION, rounding
from .spike_triggered import SpikeTriggered, spike_triggered_average
from .temporal_spike import TemporalSpike

__all__ = [
    "HANDED_ON",
    "METHODS",
    "NO_ATTRIBUTION",
    "RULES",
    "ActivationMap",
    "Attribution",
    "Cost",
    "Found",
    "GradientInput",
    "Grouping",
    "Influence",
    "IntegratedEvents",
    "IntegratedSmooth",
    "IntegratedSurrogate",
    "Ledger",
    "Margins",
    "Method",
    "Occlusion",
    "Probe",
    "Relevance",
    "Saliency",
    "Shapley",
    "SpikeTriggered",
    "TemporalSpike",
    "Twin",
    "activation_map",
    "attribute",
    "copy_of",
    "probing",
    "read_methods",
    "robustness_margins",
    "rounding",
    "smooth_twin",
    "spike_triggered_average",
]
