"""The packages that lines of Python load, each line in a copy of a fresh interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = frozenset(
    {
        *("lightning", "torchmetrics", "pandas", "matplotlib", "sklearn", "pooch", "scipy", "rich", "PIL", "pennylane"),
        *("qiskit", "qiskit_aer", "dask", "snntorch", "tensorboard"),
    }
)
COPIES = """
import json, os, sys
lines, first = json.loads(sys.argv[1])
for name in first:
    __import__(name)
for line in lines:
    copy = os.fork()
    if not copy:
        told = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        exec(line, {"__name__": "__main__"})
        os.write(told, (json.dumps(sorted({name.split(".")[0] for name in sys.modules})) + "\\n").encode())
        os._exit(0)
    if os.waitpid(copy, 0)[1]:
        sys.exit(f"failed: {line}")
"""
ENDED = """
import sys
from importlib.machinery import ModuleSpec

class Ended:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == sys.argv[1] else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        print(module.__name__)
        raise SystemExit

sys.meta_path.insert(0, Ended())
"""
WITHOUT_TOP = f"""
import sys, types
package = sys.modules["sqnn"] = types.ModuleType("sqnn")
package.__path__ = [{str(ROOT / "sqnn")!r}]
sys.path.insert(0, {str(ROOT)!r})
"""
"""The top of sqnn left out: of rooms only those count that a line enters."""


def loaded(lines: list[str], *first: str) -> list[set[str]]:
    """Return the packages that are loaded after each line; a copy begins with the packages `first` and no other."""
    return [set(json.loads(told)) for told in _run(COPIES, json.dumps([lines, first])).splitlines()]


def heavy_after(*lines: str) -> list[list[str]]:
    """Return the heavy packages that are loaded after each line, the top of sqnn left out."""
    return [sorted(found & HEAVY) for found in loaded([WITHOUT_TOP + line for line in lines], "torch")]


def begins_to_load(line: str, package: str) -> bool:
    """Whether a line imports a package; as soon as it does, the interpreter ends."""
    return _run(ENDED + line, package).split() == [package]


def _run(program: str, argument: str) -> str:
    command = [sys.executable, "-c", program, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
