from .connections import LINEAR, Connection, Conv, Conv1d, Conv2d, Linear, Recurrent, connection_of
from .curve import plot_window, stdp_window
from .dependence import DEPENDENCES
from .homeostasis import adapted_thresholds, firing_rates, heterosynaptic_decay, synaptic_scaling
from .pair import PairSTDP
from .reward import reward_modulation
from .rule import BATCHES, COINCIDENCES, PAIRINGS, STDP, TIMES
from .traces import TRACES, adjoint_trace, decay_of, forward_trace
from .triplet import TRIPLETS, TripletSTDP

__all__ = [
    "BATCHES",
    "COINCIDENCES",
    "DEPENDENCES",
    "LINEAR",
    "PAIRINGS",
    "STDP",
    "TIMES",
    "TRACES",
    "TRIPLETS",
    "Connection",
    "Conv",
    "Conv1d",
    "Conv2d",
    "Linear",
    "PairSTDP",
    "Recurrent",
    "TripletSTDP",
    "adapted_thresholds",
    "adjoint_trace",
    "connection_of",
    "decay_of",
    "firing_rates",
    "forward_trace",
    "heterosynaptic_decay",
    "plot_window",
    "reward_modulation",
    "stdp_window",
    "synaptic_scaling",
]
