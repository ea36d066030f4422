"""What a start does not load: the packages that a door, a help or a count has no use for."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {
        "dask",
        "distributed",
        "lightning",
        "matplotlib",
        "pandas",
        "pennylane",
        "qiskit",
        "qiskit_aer",
        "scipy",
        "sklearn",
        "snntorch",
        "tensorboard",
        "torchmetrics",
    }
)
TORCH = frozenset({"torch"})

OTHERS = ["evaluate", "predict", "count", "convert", "noise-sweep", "explain", "study layers", "bench quantum"]
"""Commands whose help is read beside that of `train`."""

STARTS = [
    ("import sqnn", HEAVY | TORCH),
    ("import sqnn.plasticity", HEAVY | TORCH),
    ("import circuits", HEAVY),
    ("import noise_models", HEAVY),
    ("from sqnn.cli import main; main(['--help'])", HEAVY | TORCH),
    ("from sqnn.cli import main; main(['--version'])", HEAVY | TORCH),
    ("from sqnn.cli import main; assert main(['bogus']) == 2", HEAVY | TORCH),
    ("from sqnn.cli import main; main(['train', '--help'])", HEAVY),
    (f"from sqnn.cli import main; [main([*words.split(), '--help']) for words in {OTHERS}]", HEAVY),
    ("from sqnn.cli import main; assert main(['count', '--n-qubits', '3']) == 0", HEAVY),
    ("from sqnn.cli import main; assert main(['count', '--n-qubits', '0']) == 2", HEAVY),
    ("from sqnn.training import TrainingConfig; TrainingConfig(epochs=3)", HEAVY),
    ("from sqnn.data import load_data", HEAVY),
    ("import sqnn; sqnn.create_model('sqdr-cnn')", HEAVY),
    ("import sqnn; sqnn.options('training')", HEAVY),
]


@pytest.mark.parametrize(("line", "heavy"), STARTS, ids=[line for line, _ in STARTS])
def test_a_start_loads_no_heavy_package(line: str, heavy: frozenset[str]) -> None:
    assert loaded(line) & heavy == set()


def test_a_heavy_package_is_seen() -> None:
    assert loaded("import json; import scipy") >= {"json", "scipy"}


def loaded(line: str) -> set[str]:
    """The packages that a fresh interpreter has imported once it has run the line."""
    report = "import sys; print('\\n', *{name.split('.')[0] for name in sys.modules})"
    process = subprocess.run([sys.executable, "-c", f"{line}; {report}"], capture_output=True, text=True, check=True)
    return set(process.stdout.splitlines()[-1].split())
