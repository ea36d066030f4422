"""The table of benchmarks, one command of `sqnn bench` for each."""

from noise_models import Choices
from sqnn.bench.benchmark import Benchmark
from sqnn.bench.conversion import ConversionBenchmark
from sqnn.bench.exactness import ExactnessBenchmark
from sqnn.bench.frontend import FrontEndBenchmark
from sqnn.bench.layerwise import HybridBenchmark
from sqnn.bench.noise import NoiseBenchmark
from sqnn.bench.plasticity import PlasticityBenchmark
from sqnn.bench.quantum import QuantumBenchmark

BENCHMARKS: Choices[type[Benchmark]] = Choices(
    "benchmark",
    {
        benchmark.name: benchmark
        for benchmark in (
            QuantumBenchmark,
            NoiseBenchmark,
            FrontEndBenchmark,
            HybridBenchmark,
            ConversionBenchmark,
            PlasticityBenchmark,
            ExactnessBenchmark,
        )
    },
)
