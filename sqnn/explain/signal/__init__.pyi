from .assemblies import Assemblies, find_assemblies
from .bloch import BlochSpheres, bloch_spheres
from .codes import NeuralCodes, mutual_information, neural_codes
from .coincidence import SYNCHRONY, BinnedCorrelation, SpikeSynchronization, Synchrony, SynchronyMeasure, synchrony
from .distances import DISTANCES, DistanceMeasure, Distances, VanRossum, VictorPurpura, spike_distances
from .embedding import Embedding, embed
from .histograms import Psth, psth
from .intervals import Intervals, spike_intervals
from .latency import FirstSpikes, first_spikes
from .membranes import Traces, traces
from .motifs import Motifs, spike_motifs
from .nulls import NULLS
from .phases import PhaseLocking, Spectrum, phase_locking, spectrum
from .rasters import Raster, raster
from .result import Signal
from .trains import most_active
from .verbs import SignalVerbs
from .windows import Windows, spike_windows

__all__ = [
    "DISTANCES",
    "NULLS",
    "SYNCHRONY",
    "Assemblies",
    "BinnedCorrelation",
    "BlochSpheres",
    "DistanceMeasure",
    "Distances",
    "Embedding",
    "FirstSpikes",
    "Intervals",
    "Motifs",
    "NeuralCodes",
    "PhaseLocking",
    "Psth",
    "Raster",
    "Signal",
    "SignalVerbs",
    "Spectrum",
    "SpikeSynchronization",
    "Synchrony",
    "SynchronyMeasure",
    "Traces",
    "VanRossum",
    "VictorPurpura",
    "Windows",
    "bloch_spheres",
    "embed",
    "find_assemblies",
    "first_spikes",
    "most_active",
    "mutual_information",
    "neural_codes",
    "phase_locking",
    "psth",
    "raster",
    "spectrum",
    "spike_distances",
    "spike_intervals",
    "spike_motifs",
    "spike_windows",
    "synchrony",
    "traces",
]
