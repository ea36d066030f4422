"""What a start does not load: the packages that a door, a help or a count has no use for."""

from __future__ import annotations

import pytest
from light import loaded

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


@pytest.fixture(scope="module")
def packages() -> dict[str, set[str]]:
    """The packages that each line has loaded; where torch is allowed, it is there from the beginning."""
    found: dict[str, set[str]] = {}
    for first in ((), TORCH):
        lines = [line for line, heavy in STARTS if (heavy & TORCH == TORCH) == (first == ())]
        found |= zip(lines, loaded(lines, *first), strict=True)
    return found


@pytest.mark.parametrize(("line", "heavy"), STARTS, ids=[line for line, _ in STARTS])
def test_a_start_loads_no_heavy_package(line: str, heavy: frozenset[str], packages: dict[str, set[str]]) -> None:
    assert packages[line] & heavy == set()


def test_a_heavy_package_is_seen_where_it_is_loaded_and_in_no_other_line() -> None:
    seen, unseen = loaded(["import json; import scipy", "import json"])
    assert seen >= {"json", "scipy"}
    assert "json" in unseen
    assert "scipy" not in unseen
