"""Forward passes of a source network beside the spiking networks made of it, and a public converter, in one run.

    python benchmarks/conversion.py                        # resnet20, 64x3x32x32, into results/conversion-cpu.csv
    python benchmarks/conversion.py --model vgg11          # anything `sqnn bench conversion` takes, printed

benchmarks/requirements.txt says how to install SpikingJelly; without it, only ours is measured. At 4 time steps the
ratio layer by layer should be at most 4.5, and that of the fused order at most 1.2.
"""

import sys
from pathlib import Path

from sqnn.cli import main

RESULTS = Path(__file__).parent / "results" / "conversion-cpu.csv"

sys.exit(main(["bench", "conversion", *(sys.argv[1:] or ["--out", str(RESULTS)])]))
