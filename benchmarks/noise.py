"""Noisy expectations against public peers, in one run.

    python benchmarks/noise.py                    # the paper's circuit and noise, into results/noise-cpu.csv
    python benchmarks/noise.py --noise torino     # anything `sqnn bench noise` takes, printed

`pip install pennylane-qiskit` lets PennyLane's own qiskit.aer device take part.
"""

import sys
from pathlib import Path

from sqnn.cli import main

RESULTS = Path(__file__).parent / "results" / "noise-cpu.csv"

sys.exit(main(["bench", "noise", *(sys.argv[1:] or ["--out", str(RESULTS)])]))
