"""Forward + backward of data re-upload circuits against public peers, in one run.

    python benchmarks/quantum.py                  # the whole grid, into benchmarks/results/quantum-cpu.csv
    python benchmarks/quantum.py --quick          # the paper's circuit only, printed
    pip install -r benchmarks/requirements.txt    # the optional peers, best in an environment of their own

The arguments are those of `sqnn bench quantum`.
"""

import sys
from pathlib import Path

from sqnn.cli import main

RESULTS = Path(__file__).parent / "results" / "quantum-cpu.csv"

sys.exit(main(["bench", "quantum", *(sys.argv[1:] or ["--out", str(RESULTS)])]))
