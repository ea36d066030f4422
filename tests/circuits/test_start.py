"""What an import of `circuits` loads, and what its lazy doors open to."""

from __future__ import annotations

import importlib

import pytest
from light import begins_to_load, loaded

HEAVY = frozenset({"pennylane", "qiskit", "qiskit_aer", "matplotlib", "pandas", "scipy"})
DOORS = ("circuits", "circuits.engines", "circuits.diagnostics", "circuits.plotting", "circuits.pennylane_device")
LIGHT = [
    "import circuits",
    "import circuits.engines, circuits.diagnostics, circuits.plotting, circuits.pennylane_device",
    "from circuits import ENGINES, ENTANGLERS, INITIALS, OBSERVABLES, DIFF_METHODS",
    "from circuits.engines import MAX_STATE_VECTOR_QUBITS, STATE_VECTOR_DEVICES",
    "from circuits.diagnostics import ALGORITHMS, COSTS",
    "from circuits import ReuploadLayer; import torch; print(ReuploadLayer(4, 2)(torch.zeros(2, 12)))",
    "from circuits import DataReupload; print(DataReupload(3, 2).draw())",
]


@pytest.fixture(scope="module")
def packages() -> dict[str, set[str]]:
    """The packages that each line has loaded."""
    return dict(zip(LIGHT, loaded(LIGHT, "torch"), strict=True))


@pytest.mark.parametrize("line", LIGHT)
def test_nothing_heavy_is_loaded_before_it_is_used(line: str, packages: dict[str, set[str]]) -> None:
    assert packages[line] & HEAVY == set()


@pytest.mark.parametrize(("engine", "package"), [("pennylane", "pennylane"), ("aer", "qiskit_aer")])
def test_an_engine_loads_its_own_package(engine: str, package: str) -> None:
    """The other half: the list above is not empty because names were misspelt."""
    assert package in HEAVY
    made = f"from circuits import DataReupload, make_engine; make_engine('{engine}', DataReupload(2, 1))"
    assert begins_to_load(made, package)


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_door_is_there(door: str) -> None:
    module = importlib.import_module(door)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
