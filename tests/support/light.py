"""Run a line of Python with the top of sqnn left out, and list the heavy packages that it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "lightning torchmetrics pandas matplotlib sklearn pooch scipy rich PIL pennylane qiskit qiskit_aer dask snntorch "
    "tensorboard"
)
SCRIPT = """
import sys, types
package = sys.modules["sqnn"] = types.ModuleType("sqnn")
package.__path__ = [sys.argv[1] + "/sqnn"]
sys.path.insert(0, sys.argv[1])
{line}
print(*sorted(set(sys.argv[2].split()) & set(sys.modules)))
"""


def heavy_after(line: str) -> list[str]:
    """Return the heavy packages that are loaded after `line`; of rooms only those count that it enters."""
    command = [sys.executable, "-c", SCRIPT.format(line=line), str(ROOT), HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()
