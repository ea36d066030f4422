from .benchmark import Benchmark, Cell, ImageBenchmark, Row, TimedBenchmark, read_rows, same_cell
from .memory import peaks_mib
from .peer_check import check_peers
from .peers import PEERS, Peer
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
    "same_cell",
    "take_turns",
]
