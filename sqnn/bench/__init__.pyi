from .benchmark import Benchmark, Cell, ImageBenchmark, Row, TimedBenchmark, read_rows
from .memory import peaks_mib
from .peers import PEERS, Peer
from .peers.check import check_peers
from .registry import BENCHMARKS
from .timing import Timing, take_turns

__all__ = [
    "BENCHMARKS",
    "PEERS",
    "Benchmark",
    "Cell",
    "ImageBenchmark",
    "Peer",
    "Row",
    "TimedBenchmark",
    "Timing",
    "check_peers",
    "peaks_mib",
    "read_rows",
    "take_turns",
]
