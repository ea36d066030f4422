"""Forward + backward of data re-upload circuits against public peers, in one run.

    python benchmarks/quantum.py                  # the whole grid, into benchmarks/results/quantum-cpu.csv
    python benchmarks/quantum.py --quick          # the paper's circuit only
    pip install -r benchmarks/requirements.txt    # the optional peers, best in an environment of their own

The same table comes from `sqnn bench quantum`.
"""

import sys

from sqnn.cli import main

sys.exit(main(["bench", "quantum", *sys.argv[1:]]))
