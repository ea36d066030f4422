"""Measurements of speed and memory: ours and every installed peer, side by side in one run."""

from sqnn.bench.conversion import ConversionTiming, compare_conversion, forward_peaks
from sqnn.bench.conversion_workloads import ConversionSetting
from sqnn.bench.layerwise import HybridTiming, compare_hybrid
from sqnn.bench.layerwise_memory import peak_mib
from sqnn.bench.layerwise_workloads import HybridSetting, Workload
from sqnn.bench.noise import compare_noisy
from sqnn.bench.peers.layerwise import Peer
from sqnn.bench.quantum import compare

__all__ = [
    "ConversionSetting",
    "ConversionTiming",
    "HybridSetting",
    "HybridTiming",
    "Peer",
    "Workload",
    "compare",
    "compare_conversion",
    "compare_hybrid",
    "compare_noisy",
    "forward_peaks",
    "peak_mib",
]
