"""A training step of layer-wise hybrid networks, and their blocks beside the paper's own code, in one run.

    python benchmarks/hybrid.py                   # images of 1x28x28, batch 128, into results/hybrid-cpu.csv
    python benchmarks/hybrid.py --batch 32        # anything `sqnn bench hybrid` takes, printed

benchmarks/requirements.txt says how to install the paper's code; without it, only ours is measured.
"""

import sys
from pathlib import Path

from sqnn.cli import main

RESULTS = Path(__file__).parent / "results" / "hybrid-cpu.csv"

sys.exit(main(["bench", "hybrid", *(sys.argv[1:] or ["--out", str(RESULTS)])]))
