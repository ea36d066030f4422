from .adaptive import COUPLINGS, MODULATIONS, AdaptiveSTDP
from .base import LearningRule
from .competitive import COMPETITIVE_RULES, Competition, balanced, moved, trace_sums, unit_rows, winners_of
from .connections import LINEAR, Connection, Conv, Conv1d, Conv2d, Linear, Recurrent, connection_of
from .curve import plot_curve, plot_window, stdp_curve, stdp_window
from .dependence import DEPENDENCES
from .errors import RunawayError
from .homeostasis import adapted_thresholds, firing_rates, heterosynaptic_decay, synaptic_scaling
from .label_readout import LABEL_READOUTS, LabelReadout
from .pair import PairSTDP
from .registry import BACKPROP, RULES, learning_rule, rule_class
from .reward import reward_modulation
from .rule import BATCHES, COINCIDENCES, PAIRINGS, STDP, TIMES
from .sites import Site, sites
from .traces import TRACES, adjoint_trace, decay_of, forward_trace
from .triplet import TRIPLETS, TripletSTDP
from .updates import AdaptiveUpdates

__all__ = [
    "BACKPROP",
    "BATCHES",
    "COINCIDENCES",
    "COMPETITIVE_RULES",
    "COUPLINGS",
    "DEPENDENCES",
    "LABEL_READOUTS",
    "LINEAR",
    "MODULATIONS",
    "PAIRINGS",
    "RULES",
    "STDP",
    "TIMES",
    "TRACES",
    "TRIPLETS",
    "AdaptiveSTDP",
    "AdaptiveUpdates",
    "Competition",
    "Connection",
    "Conv",
    "Conv1d",
    "Conv2d",
    "LabelReadout",
    "LearningRule",
    "Linear",
    "PairSTDP",
    "Recurrent",
    "RunawayError",
    "Site",
    "TripletSTDP",
    "adapted_thresholds",
    "adjoint_trace",
    "balanced",
    "connection_of",
    "decay_of",
    "firing_rates",
    "forward_trace",
    "heterosynaptic_decay",
    "learning_rule",
    "moved",
    "plot_curve",
    "plot_window",
    "reward_modulation",
    "rule_class",
    "sites",
    "stdp_curve",
    "stdp_window",
    "synaptic_scaling",
    "trace_sums",
    "unit_rows",
    "winners_of",
]
